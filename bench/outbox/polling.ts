import { Client } from 'pg'
import { pollingRelay } from '@dure/postgres/outbox'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { drainRate, type Backlog } from './backlog.ts'
import { messageOf, openStore, percentile, type BenchPlace } from './store.ts'

/** Messages a second that one relay takes from a table full of them, until the last one is delivered. */
export function pollingRate(place: BenchPlace, backlog: number): Promise<number> {
  const relay: Backlog['relay'] = (connection, deliver) => pollingRelay({ connection, deliver })
  return drainRate(place, { messages: backlog, together: 1_000, relay })
}

/**
 * From the commit (its publisher knows of it) to the handler, at so many messages a second, each in a transaction of its
 * own. Two relays share the lanes: that of the publishing store, woken by its commits, and one that only a notification
 * wakes. An open loop: late messages do not hold up those that are due.
 */
export async function pollingLatency(
  place: BenchPlace,
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
): Promise<Readonly<Record<string, number>>> {
  const { store, url } = await openStore(place, 'latency')
  const handled = new Map<string, { readonly at: number; readonly notified: boolean }>()
  const handle = (notified: boolean) => async (messages: readonly { readonly id: string }[]) => {
    const at = performance.now()
    for (const { id } of messages) handled.set(id, { at, notified })
  }
  const outbox = await store.outbox!({ store, runtime: realRuntime(), log: silentLogger(), deliver: handle(false) })
  const elsewhere = pollingRelay({ connection: url, deliver: handle(true), limits: { poll: 60_000 } })
  try {
    const total = rate * seconds
    const commits = new Map<string, { readonly due: number; readonly committed: number }>()
    const publish = async (n: number, due: number): Promise<void> => {
      const message = messageOf(n)
      await store.transaction(async (tx) => {
        await tx.run('INSERT INTO rows (id, account) VALUES (?, ?)', [n, message.key])
        outbox.append(tx, [message])
      })
      commits.set(message.id, { due, committed: performance.now() })
    }
    while (elsewhere.state().lanes === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    await Promise.all(Array.from({ length: 500 }, (_, n) => publish(n, 0)))
    await outbox.flush()
    commits.clear()
    const trips = roundTrips(url)
    const started = performance.now()
    let sent = 0
    const all: Promise<void>[] = []
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const due = Math.min(total, Math.floor(((performance.now() - started) / 1_000) * rate))
        for (; sent < due; sent++) all.push(publish(sent, started + (sent / rate) * 1_000))
        if (sent < total) return
        clearInterval(timer)
        resolve()
      }, 1)
    })
    await Promise.all(all)
    await outbox.flush()
    const bare = await trips.stop()
    const latencies = [...commits].map(([id, { due, committed }]) => {
      const { at, notified } = handled.get(id)!
      return { notified, commit: Math.max(0, at - committed), due: at - due }
    })
    const notified = latencies.filter((one) => one.notified).map(({ commit }) => commit)
    const commit = latencies.map((one) => one.commit)
    return {
      polling_p50_ms: percentile(commit, 0.5),
      polling_p99_ms: percentile(commit, 0.99),
      polling_notified_p99_ms: percentile(notified, 0.99),
      polling_notified_messages: notified.length,
      round_trip_p99_ms: percentile(bare, 0.99),
      publish_to_handler_p99_ms: percentile(
        latencies.map(({ due }) => due),
        0.99,
      ),
    }
  } finally {
    await elsewhere.stop()
    await outbox.stop()
    await store.stop()
  }
}

/** How long `SELECT 1` takes meanwhile, on a connection of its own: what no relay that asks the server can be faster than. */
function roundTrips(url: string): { readonly stop: () => Promise<readonly number[]> } {
  const times: number[] = []
  let going = true
  const asking = (async () => {
    const client = new Client({ connectionString: url })
    await client.connect()
    while (going) {
      const started = performance.now()
      await client.query('SELECT 1')
      times.push(performance.now() - started)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await client.end()
  })()
  return {
    stop: async () => {
      going = false
      await asking
      return times
    },
  }
}
