import express from 'express'
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { Pool, type PoolClient } from 'pg'
import { transactionOn } from '@dure/postgres'
import { createPublisher, outboxSchema, pollingRelay } from '@dure/postgres/outbox'
import { createInbox, inboxTable } from 'dure/inbox'
import { resilient } from 'dure/resilience'
import { realRuntime } from 'dure/runtime'

const { DATABASE_URL, RATES_URL, EVENTS_URL, PORT = '3000' } = process.env
const pool = new Pool({ connectionString: DATABASE_URL })
const publish = createPublisher({ source: 'shop' })
const inbox = createInbox({ runtime: realRuntime() })
const ask = resilient(fetch, { timeout: 5_000, tryTimeout: 1_000 })
await pool.query(`${outboxSchema} ${inboxTable};
  CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, sku TEXT NOT NULL, euros NUMERIC NOT NULL);
  CREATE TABLE IF NOT EXISTS letters (order_id TEXT NOT NULL)`)

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

/** What a currency is worth, as a provider says. */
async function rateOf(currency: string): Promise<number> {
  const answer = await ask(`${RATES_URL}/${currency}`)
  if (!answer.ok) throw new Error(`Asking for the rate of "${currency}" failed: the provider answered ${answer.status}`)
  return Number(await answer.text())
}

/** Tells another application of an event. */
async function tell(event: object): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(EVENTS_URL!, { method: 'POST', headers, body: JSON.stringify(event) })
  if (!answer.ok) throw new Error(`Telling of an event failed: it was answered with ${answer.status}`)
}

const app = express().use(express.json())

app.post('/orders', async (request, response) => {
  const { sku, price, currency } = request.body
  const euros = price * (await rateOf(currency))
  const order = { id: randomUUID(), sku, euros }
  await inTransaction(async (client) => {
    await client.query('INSERT INTO orders (id, sku, euros) VALUES ($1, $2, $3)', [order.id, sku, euros])
    await publish(client, { type: 'order.placed', key: order.id, data: order })
  })
  response.status(201).json(order)
})

app.post('/events', async (request, response) => {
  const event = request.body
  await inTransaction(async (client) => {
    if (!(await inbox.mark(transactionOn(client), 'letters', event.id))) return
    await client.query('INSERT INTO letters (order_id) VALUES ($1)', [JSON.parse(event.data).id])
  })
  response.sendStatus(204)
})

const relay = pollingRelay({
  connection: DATABASE_URL!,
  deliver: async (messages) => {
    for (const { id, type, data } of messages) await tell({ id, type, data })
  },
})
const server = app.listen(Number(PORT), () => console.log(`http://localhost:${(server.address() as AddressInfo).port}`))
process.once('SIGTERM', async () => {
  server.close()
  await relay.stop()
  await pool.end()
})
