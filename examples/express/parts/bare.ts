import express from 'express'
import type { AddressInfo } from 'node:net'
import { Pool, type PoolClient } from 'pg'
import { z } from 'zod'

const { DATABASE_URL, PAYMENTS_URL, PORT = '3000' } = process.env
const pool = new Pool({ connectionString: DATABASE_URL })
await pool.query("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, sku TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'new')")
const Order = z.object({ id: z.string(), sku: z.string() })

async function inTransaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const result = await work(client)
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}

/** Asks the payment provider, which knows an order that it is asked about again. */
async function pay(order: string): Promise<void> {
  const answer = await fetch(`${PAYMENTS_URL}/${order}`, { method: 'POST' })
  if (!answer.ok) throw new Error(`Paying order "${order}" failed: the provider answered ${answer.status}`)
}

const app = express().use(express.json())

app.post('/orders', async (request, response) => {
  const { id, sku } = Order.parse(request.body)
  await inTransaction(async (client) => {
    await client.query('INSERT INTO orders (id, sku) VALUES ($1, $2)', [id, sku])
  })
  await pay(id)
  await pool.query("UPDATE orders SET state = 'paid' WHERE id = $1", [id])
  response.sendStatus(201)
})

app.get('/orders/:id', async (request, response) => {
  response.json((await pool.query('SELECT * FROM orders WHERE id = $1', [request.params.id])).rows)
})

const server = app.listen(Number(PORT), () => console.log(`http://localhost:${(server.address() as AddressInfo).port}`))
process.once('SIGTERM', async () => {
  server.close()
  await pool.end()
})
