import type { Outbox, SqlStore } from 'dure/data'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { messageOf, openStore, percentile, type BenchPlace } from './store.ts'

const KINDS = ['without', 'bare', 'publishing', 'three', 'threePublishing'] as const
type Kind = (typeof KINDS)[number]

const BARE =
  'INSERT INTO bare (bucket, destination, delay, id, source, type, key, time, schema_version, correlation_id, causation_id, traceparent, data) ' +
  'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'

/** Transactions of one kind in a row, before the other kind has its turn. */
const TURN = 20

/**
 * A transaction that inserts a row, with and without an event, one after another, in turns; a relay delivers the events
 * meanwhile. Medians, because commits wait for a disk that others use; and the same without waiting for the disk, whose moods
 * are larger than what is measured. The floor is a bare INSERT of the same row, by the same client, into a table like the
 * outbox that nobody reads: how much that adds depends on how long the disk takes for the commit itself. Beside it, what it
 * adds to a transaction that reads, updates and inserts, as services' transactions do.
 */
export async function publishCost(
  place: BenchPlace,
  transactions: number,
): Promise<{
  readonly ratio: number
  readonly floor: number
  readonly ofThree: number
  readonly figures: Readonly<Record<string, number>>
}> {
  const flushed = await compare(await openStore(place, 'publishing'), transactions)
  const unflushed = await compare(await openStore(place, 'publishing_unflushed', '-c synchronous_commit=off'), transactions)
  const contention = await openStore(place, 'contention')
  const outbox = await relaying(contention.store)
  const [oneKey, manyKeys] = [
    await contended(contention.store, outbox, { transactions, keys: 1 }),
    await contended(contention.store, outbox, { transactions, keys: 500 }),
  ]
  await outbox.stop()
  await contention.store.stop()
  return {
    ratio: flushed.publishing / flushed.without,
    floor: flushed.bare / flushed.without,
    ofThree: flushed.threePublishing / flushed.three,
    figures: {
      publish_cost_ms: flushed.publishing - flushed.without,
      bare_insert_cost_ms: flushed.bare - flushed.without,
      publish_cost_unflushed_ms: unflushed.publishing - unflushed.without,
      publish_cost_of_three_statements_ms: flushed.threePublishing - flushed.three,
      transaction_p50_ms: flushed.without,
      transaction_with_publish_p50_ms: flushed.publishing,
      publishing_one_key_per_second: oneKey,
      publishing_many_keys_per_second: manyKeys,
    },
  }
}

function relaying(store: SqlStore): Promise<Outbox> {
  return store.outbox!({ store, runtime: realRuntime(), log: silentLogger(), deliver: () => Promise.resolve() })
}

async function compare({ store }: { readonly store: SqlStore }, transactions: number): Promise<Readonly<Record<Kind, number>>> {
  const outbox = await relaying(store)
  let n = 0
  const one = async (kind: Kind): Promise<number> => {
    const id = n++
    const started = performance.now()
    await store.transaction(async (tx) => {
      if (kind === 'three' || kind === 'threePublishing') {
        const [row] = await tx.all('SELECT spent FROM accounts WHERE account = ?', ['account'])
        await tx.run('UPDATE accounts SET spent = ? WHERE account = ?', [Number(row?.['spent'] ?? 0) + 1, 'account'])
      }
      await tx.run('INSERT INTO rows (id, account) VALUES (?, ?)', [id, 'account'])
      if (kind === 'publishing' || kind === 'threePublishing') outbox.append(tx, [messageOf(id)])
      // On its way together with the COMMIT, as the outbox's is.
      else if (kind === 'bare') tx.beforeCommit(async () => void tx.run(BARE, bareRow(id)).catch(() => {}))
    })
    return performance.now() - started
  }
  for (let i = 0; i < 500; i++) await one(KINDS[i % KINDS.length]!)
  const times = Object.fromEntries(KINDS.map((kind) => [kind, [] as number[]])) as Record<Kind, number[]>
  while (times.publishing.length < transactions) {
    for (const kind of KINDS) for (let i = 0; i < TURN; i++) times[kind].push(await one(kind))
  }
  await outbox.stop()
  await store.stop()
  return Object.fromEntries(KINDS.map((kind) => [kind, percentile(times[kind], 0.5)])) as Record<Kind, number>
}

function bareRow(n: number): (string | number | null)[] {
  const { id, destination, source, type, key, time, schemaVersion, correlationId, data } = messageOf(n)
  return [n % 1024, destination, null, id, source, type, key, time, schemaVersion, correlationId, null, null, data]
}

/** Transactions a second of eight publishers at once, who share so many keys: those of one key commit one after another. */
async function contended(
  store: SqlStore,
  outbox: Outbox,
  { transactions, keys }: { readonly transactions: number; readonly keys: number },
): Promise<number> {
  let n = 0
  const publisher = async (): Promise<void> => {
    while (n < transactions) {
      const message = { ...messageOf(n), key: `shared-${n++ % keys}` }
      await store.transaction(async (tx) => outbox.append(tx, [message]))
    }
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: 8 }, publisher))
  return transactions / ((performance.now() - started) / 1_000)
}
