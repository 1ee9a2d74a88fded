import { Client } from 'pg'
import { createPublisher, walRelay, outboxSchema } from '@dure/postgres/outbox'
import { drainRate, inSchema, newMessageOf } from './backlog.ts'
import { percentile, type BenchPlace } from './store.ts'

/** Messages a second that one relay takes from a log full of them, until the last one is delivered. */
export function logRate(place: BenchPlace, backlog: number): Promise<number> {
  return drainRate(place, {
    messages: backlog,
    together: 100,
    prepare: async (connection) => {
      const first = walRelay({ connection, deliver: async () => {} })
      await first.use('wal')
      await first.stop()
    },
    relay: (connection, deliver) => walRelay({ connection, deliver }),
    clean: async (client) => {
      await dropSlots(client)
      await client.query('DROP PUBLICATION IF EXISTS dure_messages')
    },
  })
}

/** From the commit (its publisher knows of it) to the handler, at so many messages a second, each in a transaction of its own. */
export async function logLatency(
  { url }: BenchPlace,
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
): Promise<Readonly<Record<string, number>>> {
  const connection = inSchema(url, 'log_latency')
  const clients = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const client = new Client(connection)
      await client.connect()
      return client
    }),
  )
  const [admin] = clients as [Client, ...Client[]]
  await admin.query('CREATE SCHEMA log_latency')
  await admin.query(outboxSchema)
  const handled = new Map<string, number>()
  const relay = walRelay({
    connection,
    deliver: async (messages) => {
      const at = performance.now()
      for (const { id } of messages) handled.set(id, at)
    },
  })
  const publish = createPublisher({ source: 'bench', notify: false })
  const commits = new Map<string, number>()
  try {
    await relay.use('wal')
    const started = performance.now()
    const total = rate * seconds
    let next = 0
    const publisher = async (client: Client): Promise<void> => {
      while (next < total) {
        const n = next++
        const wait = started + (n / rate) * 1_000 - performance.now()
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
        const message = newMessageOf(n)
        await client.query('BEGIN')
        await publish(client, message)
        await client.query('COMMIT')
        commits.set(message.id, performance.now())
      }
    }
    await Promise.all(clients.map(publisher))
    const took = performance.now() - started
    await relay.flush()
    const latencies = [...commits].map(([id, committed]) => Math.max(0, handled.get(id)! - committed))
    return {
      log_p50_ms: percentile(latencies, 0.5),
      log_p99_ms: percentile(latencies, 0.99),
      log_latency_at_per_second: total / (took / 1_000),
    }
  } finally {
    await relay.stop()
    await dropSlots(admin)
    await Promise.all(clients.map((client) => client.end()))
  }
}

async function dropSlots(client: Client): Promise<void> {
  await client.query(
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database() AND NOT active',
  )
}
