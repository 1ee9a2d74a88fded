import type { Outbox, Store } from 'dure/data'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { messageOf, openStore, percentile, type BenchPlace } from './store.ts'

/** Transactions of one kind in a row, before the other kind has its turn. */
const TURN = 20

/**
 * A transaction that inserts a row, with and without an event, one after another, in turns; a relay delivers the events
 * meanwhile. Medians, because commits wait for a disk that others use; and the same without waiting for the disk, whose moods
 * are larger than what is measured.
 */
export async function publishCost(
  place: BenchPlace,
  transactions: number,
): Promise<{ readonly ratio: number; readonly figures: Readonly<Record<string, number>> }> {
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
    figures: {
      publish_cost_ms: flushed.publishing - flushed.without,
      publish_cost_unflushed_ms: unflushed.publishing - unflushed.without,
      transaction_p50_ms: flushed.without,
      transaction_with_publish_p50_ms: flushed.publishing,
      publishing_one_key_per_second: oneKey,
      publishing_many_keys_per_second: manyKeys,
    },
  }
}

function relaying(store: Store): Promise<Outbox> {
  return store.outbox!({ store, runtime: realRuntime(), log: silentLogger(), deliver: () => Promise.resolve() })
}

async function compare(
  { store }: { readonly store: Store },
  transactions: number,
): Promise<{ readonly without: number; readonly publishing: number }> {
  const outbox = await relaying(store)
  let n = 0
  const one = async (publishes: boolean): Promise<number> => {
    const id = n++
    const started = performance.now()
    await store.transaction(async (tx) => {
      await tx.run('INSERT INTO rows (id, account) VALUES (?, ?)', [id, 'account'])
      if (publishes) outbox.append(tx, [messageOf(id)])
    })
    return performance.now() - started
  }
  for (let i = 0; i < 200; i++) await one(i % 2 === 0)
  const times = { without: [] as number[], publishing: [] as number[] }
  while (times.publishing.length < transactions) {
    for (let i = 0; i < TURN; i++) times.without.push(await one(false))
    for (let i = 0; i < TURN; i++) times.publishing.push(await one(true))
  }
  await outbox.stop()
  await store.stop()
  return { without: percentile(times.without, 0.5), publishing: percentile(times.publishing, 0.5) }
}

/** Transactions a second of eight publishers at once, who share so many keys: those of one key commit one after another. */
async function contended(
  store: Store,
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
