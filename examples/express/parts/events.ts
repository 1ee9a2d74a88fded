import express from 'express'
import type { AddressInfo } from 'node:net'
import { Pool } from 'pg'
import { z } from 'zod'
import { joinedTransaction, postgres } from '@dure/postgres'
import { event } from 'dure/contract'
import { aggregate } from 'dure/eventsourcing'
import { hostOf } from 'dure/host'

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
const placed = aggregate('order', {
  events: [Placed],
  initial: () => [] as readonly string[],
  decide: (order: z.infer<typeof Order>) => [{ type: 'order.placed', data: order }],
  evolve: (skus, { data }) => [...skus, data.sku],
})
const host = await hostOf({ name: 'shop', store: postgres({ url: () => DATABASE_URL! }), extensions: [placed] })

const app = express().use(express.json())

app.post('/orders', async (request, response) => {
  const { id, sku } = Order.parse(request.body)
  await joinedTransaction(pool, host, async (client, tx) => {
    await client.query('INSERT INTO orders (id, sku) VALUES ($1, $2)', [id, sku])
    await tx.decide(placed.stream(id), { id, sku })
  })
  await pay(id)
  await pool.query("UPDATE orders SET state = 'paid' WHERE id = $1", [id])
  response.sendStatus(201)
})

app.get('/orders/:id', async (request, response) => {
  response.json((await pool.query('SELECT * FROM orders WHERE id = $1', [request.params.id])).rows)
})

app.get('/orders/:id/events', async (request, response) => {
  response.json(await host.database.transaction((tx) => tx.load(placed.stream(request.params.id))))
})

const server = app.listen(Number(PORT), () => console.log(`http://localhost:${(server.address() as AddressInfo).port}`))
process.once('SIGTERM', async () => {
  server.close()
  await host.stop()
  await pool.end()
})
