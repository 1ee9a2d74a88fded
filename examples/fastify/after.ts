import { randomUUID } from 'node:crypto'
import fastify from 'fastify'
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

type Order = { sku: string; price: number; currency: string }
type Event = { id: string; type: string; data: string }

const app = fastify()

/** What a currency is worth, as a provider says. */
async function rateOf(currency: string): Promise<number> {
  const answer = await ask(`${RATES_URL}/${currency}`)
  if (!answer.ok) throw new Error(`Asking for the rate of "${currency}" failed: the provider answered ${answer.status}`)
  return Number(await answer.text())
}

/** Tells another application of an event. */
async function tell(event: Event): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(EVENTS_URL!, { method: 'POST', headers, body: JSON.stringify(event) })
  if (!answer.ok) throw new Error(`Telling of an event failed: it was answered with ${answer.status}`)
}

app.post<{ Body: Order }>('/orders', async (request, reply) => {
  const { sku, price, currency } = request.body
  const euros = price * (await rateOf(currency))
  const order = { id: randomUUID(), sku, euros }
  await inTransaction(async (client) => {
    await client.query('INSERT INTO orders (id, sku, euros) VALUES ($1, $2, $3)', [order.id, sku, euros])
    await publish(client, { type: 'order.placed', key: order.id, data: order })
  })
  return reply.code(201).send(order)
})

app.post<{ Body: Event }>('/events', async (request, reply) => {
  const event = request.body
  await inTransaction(async (client) => {
    if (!(await inbox.mark(transactionOn(client), 'letters', event.id))) return
    await client.query('INSERT INTO letters (order_id) VALUES ($1)', [JSON.parse(event.data).id])
  })
  return reply.code(204).send()
})

const relay = pollingRelay({
  connection: DATABASE_URL!,
  deliver: async (messages) => {
    for (const { id, type, data } of messages) await tell({ id, type, data })
  },
})
app.addHook('onClose', () => relay.stop())
app.addHook('onClose', () => pool.end())
console.log(await app.listen({ port: Number(PORT) }))
process.once('SIGTERM', () => app.close())
