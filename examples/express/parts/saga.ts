import express from 'express'
import type { AddressInfo } from 'node:net'
import { Pool } from 'pg'
import { z } from 'zod'
import { joinedTransaction, postgres } from '@dure/postgres'
import { database } from 'dure/data'
import { hostOf } from 'dure/host'
import { saga } from 'dure/saga'

const { DATABASE_URL, PAYMENTS_URL, PORT = '3000' } = process.env
const pool = new Pool({ connectionString: DATABASE_URL })
await pool.query("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, sku TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'new')")
const Order = z.object({ id: z.string(), sku: z.string() })

/** Asks the payment provider, which knows an order that it is asked about again. */
async function pay(order: string): Promise<void> {
  const answer = await fetch(`${PAYMENTS_URL}/${order}`, { method: 'POST' })
  if (!answer.ok) throw new Error(`Paying order "${order}" failed: the provider answered ${answer.status}`)
}

const checkout = saga('checkout', {
  database: database<{ orders: { id: string; state: string } }>({ migrations: {} }),
  input: z.string(),
  run: async (s, id) => {
    await s.step('pay', { do: () => pay(id) })
    await s.step('paid', { transaction: (tx) => tx.updateTable('orders').set({ state: 'paid' }).where('id', '=', id).execute() })
  },
})
const host = await hostOf({ name: 'shop', store: postgres({ url: () => DATABASE_URL! }), extensions: [checkout] })

const app = express().use(express.json())

app.post('/orders', async (request, response) => {
  const { id, sku } = Order.parse(request.body)
  await joinedTransaction(pool, host, async (client, tx) => {
    await client.query('INSERT INTO orders (id, sku) VALUES ($1, $2)', [id, sku])
    await tx.begin(checkout, id, { id })
  })
  response.sendStatus(201)
})

app.get('/orders/:id', async (request, response) => {
  response.json((await pool.query('SELECT * FROM orders WHERE id = $1', [request.params.id])).rows)
})

const server = app.listen(Number(PORT), () => console.log(`http://localhost:${(server.address() as AddressInfo).port}`))
process.once('SIGTERM', async () => {
  server.close()
  await host.stop()
  await pool.end()
})
