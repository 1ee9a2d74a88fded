import { postgres } from '@dure/postgres'
import { event } from 'dure/contract'
import { bindDatabase, type Database, type Outbox } from 'dure/data'
import { aggregate, eventsOf, subscription, type EventReader, type EventTransaction } from 'dure/eventsourcing'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { dataOf } from './rates.ts'

const schema = z.object({ id: z.string(), n: z.int(), note: z.string() })
const key = ({ id }: { id: string }): string => id
const Counted = event('counted', { schema, key })
const Told = event('told', { schema, key })
type Sum = { readonly sum: number; readonly events: number }
const options = {
  events: [Counted, Told] as const,
  publish: [Told],
  initial: (): Sum => ({ sum: 0, events: 0 }),
  decide: ({ id, n }: { id: string; n: number }) => [{ type: 'counted', data: dataOf(id, n) } as const],
  evolve: ({ sum, events }: Sum, { data }: { readonly data: { readonly n: number } }) => ({
    sum: sum + data.n,
    events: events + 1,
  }),
}
const counter = aggregate('counter', options)
export const snapped = aggregate('snapped', {
  ...options,
  snapshot: { every: 100, state: z.object({ sum: z.int(), events: z.int() }) },
})
/** What came in one transaction is added up here, and written in one statement. */
const summing = subscription('sums', {
  to: [counter],
  batch: 512,
  handleAll: async (events, { tx }) => {
    const sums = new Map<string, number>()
    for (const { streamId, data } of events) sums.set(streamId, (sums.get(streamId) ?? 0) + data.n)
    const rows = [...sums].map(() => '(?, CAST(? AS BIGINT))').join(', ')
    const add = `INSERT INTO sums (id, sum) VALUES ${rows} ON CONFLICT (id) DO UPDATE SET sum = sums.sum + excluded.sum`
    await (tx as unknown as Raw).run(add, [...sums].flat())
  },
})
type Raw = { readonly run: (sql: string, values: readonly (string | number)[]) => Promise<number> }

export type Counters = Awaited<ReturnType<typeof openCounters>>

/** Streams of counted events in the store of a service, as its handlers have them. */
export async function openCounters({ url, directory }: { readonly url: string; readonly directory: string }) {
  const [runtime, log] = [realRuntime(), silentLogger()]
  const { kind } = counter
  const own = (typeof kind.migrations === 'function' ? kind.migrations('postgres') : kind.migrations) as {}
  const sums = { '001': 'CREATE TABLE sums (id TEXT PRIMARY KEY, sum BIGINT NOT NULL)' }
  const store = await postgres({ url, writers: 8 })({ directory, runtime, log }).open('counters', {
    migrations: { ...own, ...sums },
  })
  const outbox: Outbox = await store.outbox!({ store, runtime, log, deliver: async () => {} })
  const bind = (tx: unknown): unknown => ({ run: (tx as Raw).run.bind(tx) })
  const host = { service: 'counters', store, outbox, runtime, log, tracer: undefined, bind }
  const aggregates = await kind.open(host as never, [counter, snapped])
  const subscriptions = await summing.kind.open(host as never, [summing])
  const origin = { service: 'counters', correlationId: 'bench', causationId: undefined, traceparent: undefined }
  const joins = [(tx: unknown, from: unknown) => aggregates.join!(tx as never, from as never)]
  const database: Database<{}, EventTransaction> = bindDatabase({ store, outbox, runtime, origin, joins }) as never
  const events: EventReader = eventsOf(database)
  const appending = (type: 'counted' | 'told') => (id: string, version: number) =>
    database.transaction((tx) =>
      tx.append(counter.stream(id), [{ type, data: dataOf(id, version) }], { expected: version === 0 ? 'none' : version }),
    )
  return {
    ...{ store, events, database, subscriptions, append: appending('counted'), appendPublished: appending('told') },
    fill: async (streams: number, many: number) => {
      for (let at = 0; at < streams; at++) {
        const id = `filled-${at}`
        const news = Array.from({ length: many }, (_, n) => ({ type: 'counted', data: dataOf(id, n) }) as const)
        await database.transaction((tx) => tx.append(counter.stream(id), news, { expected: 'none' }))
      }
    },
    load: async (id: string) => (await events.load(counter.stream(id))).state.sum,
    stop: async () => {
      await subscriptions.stop({ timeout: 1_000 })
      await outbox.stop()
      await store.stop()
    },
  }
}
