import type { Outbox, Store } from 'dure/data'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { messageOf, openStore, percentile, type BenchPlace } from './store.ts'

/** Transactions of one kind in a row, before the other kind has its turn. */
const TURN = 20

/**
 * A transaction that inserts a row, with and without an event, one after another, in turns; a relay delivers the events
 * meanwhile. Medians, because commits wait for a disk that others use.
 */
export async function publishCost(
  place: BenchPlace,
  transactions: number,
): Promise<{ readonly ratio: number; readonly figures: Readonly<Record<string, number>> }> {
  const { store } = await openStore(place, 'publishing')
  const outbox = await store.outbox!({ store, runtime: realRuntime(), log: silentLogger(), deliver: () => Promise.resolve() })
  const rates: number[] = []
  const times = { without: [] as number[], with: [] as number[] }
  try {
    let n = 0
    const one = async (kind: keyof typeof times): Promise<void> => {
      const id = n++
      const started = performance.now()
      await store.transaction(async (tx) => {
        await tx.run('INSERT INTO rows (id, account) VALUES (?, ?)', [id, 'account'])
        if (kind === 'with') outbox.append(tx, [messageOf(id)])
      })
      times[kind].push(performance.now() - started)
    }
    for (const kind of ['without', 'with'] as const) for (let i = 0; i < 200; i++) await one(kind)
    times.without = []
    times.with = []
    while (times.with.length < transactions) {
      for (const kind of ['without', 'with'] as const) for (let i = 0; i < TURN; i++) await one(kind)
    }
    for (const keys of [1, 500]) rates.push(await contended(store, outbox, { transactions, keys }))
    await outbox.stop()
  } finally {
    await store.stop()
  }
  const [without, publishing] = [percentile(times.without, 0.5), percentile(times.with, 0.5)]
  return {
    ratio: publishing / without,
    figures: {
      publish_cost_ms: publishing - without,
      transaction_p50_ms: without,
      transaction_with_publish_p50_ms: publishing,
      publishing_one_key_per_second: rates[0]!,
      publishing_many_keys_per_second: rates[1]!,
    },
  }
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
