import express from 'express'
import type { AddressInfo } from 'node:net'
import { Pool } from 'pg'
import { z } from 'zod'
import { joinedTransaction, postgres } from '@dure/postgres'
import { event } from 'dure/contract'
import { database } from 'dure/data'
import { hostOf } from 'dure/host'
import { readModel } from 'dure/query'

const { DATABASE_URL, PAYMENTS_URL, PORT = '3000' } = process.env
const pool = new Pool({ connectionString: DATABASE_URL })
await pool.query("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, sku TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'new')")
const Order = z.object({ id: z.string(), sku: z.string() })

/** Asks the payment provider, which knows an order that it is asked about again. */
async function pay(order: string): Promise<void> {
  const answer = await fetch(`${PAYMENTS_URL}/${order}`, { method: 'POST' })
  if (!answer.ok) throw new Error(`Paying order "${order}" failed: the provider answered ${answer.status}`)
}

const Placed = event('order.placed', { schema: Order, key: ({ id }) => id })
const sales = readModel('sales', {
  ...{ version: 1, from: [Placed] },
  tables: database<{ sales: { id: string; sku: string } }>({ migrations: { '001': 'CREATE TABLE sales (id TEXT, sku TEXT)' } }),
  on: { 'order.placed': ({ data }, { tx }) => tx.insertInto('sales').values(data).execute() },
})
const host = await hostOf({ name: 'shop', store: postgres({ url: () => DATABASE_URL! }), events: [Placed], extensions: [sales] })

const app = express().use(express.json())

app.post('/orders', async (request, response) => {
  const { id, sku } = Order.parse(request.body)
  await joinedTransaction(pool, host, async (client, tx) => {
    await client.query('INSERT INTO orders (id, sku) VALUES ($1, $2)', [id, sku])
    await tx.publish(Placed, { id, sku })
  })
  await pay(id)
  await pool.query("UPDATE orders SET state = 'paid' WHERE id = $1", [id])
  response.sendStatus(201)
})

app.get('/orders/:id', async (request, response) => {
  response.json((await pool.query('SELECT * FROM orders WHERE id = $1', [request.params.id])).rows)
})

app.get('/sales', async (_, response) => {
  response.json(await sales.serving(host.context()).read.selectFrom('sales').selectAll().execute())
})

const server = app.listen(Number(PORT), () => console.log(`http://localhost:${(server.address() as AddressInfo).port}`))
process.once('SIGTERM', async () => {
  server.close()
  await host.stop()
  await pool.end()
})
