/** An outbox as somebody may write it who has several copies: one at a time reads the table, delivers, and removes. */
import type { Outbox, OutboxMessage, OutboxOptions, Store } from 'dure/data'
import type { Runtime } from 'dure/runtime'

type Row = Awaited<ReturnType<Store['records']['outbox']['read']>>[number]
type Removal = Parameters<Store['records']['outbox']['remove']>[1]

/** What one removes of those that it has delivered: these, or whatever is not behind the last of them. */
export const removals = {
  these: (rows: readonly Row[]): Removal => ({ positions: rows.map(({ position }) => position) }),
  upToTheLast: (rows: readonly Row[]): Removal => ({ upTo: rows.at(-1)!.position }),
}

/** Milliseconds between two looks, and after which a lease that is not renewed is another's; rows of a batch. */
const [LOOK, LEASE, BATCH] = [50, 2_000, 64]

/** What the copies of a service share: who delivers, and the last position that anybody has. */
export type Shared = { leader: string; until: number; last: number }

export function tableRelay(
  options: OutboxOptions,
  { shared, runtime, removal }: { readonly shared: Shared; readonly runtime: Runtime; readonly removal: keyof typeof removals },
): Outbox {
  const { store, deliver } = options
  const { outbox } = store.records
  const { clock, timers } = runtime
  const stopping = new AbortController()
  let known = 0

  const leads = (): boolean => {
    const now = clock.monotonic()
    if (shared.leader !== store.member && shared.until > now) return false
    Object.assign(shared, { leader: store.member, until: now + LEASE })
    return true
  }

  const turn = async (): Promise<void> => {
    await timers.sleep(LOOK, stopping.signal)
    const rows = await outbox.read({ after: 0, limit: BATCH })
    known = rows.length
    if (rows.length === 0 || !leads()) return
    await deliver(rows.map(({ message }) => message))
    await store.transaction((tx) => outbox.remove(tx, removals[removal](rows)))
  }
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) await turn().catch(() => {})
  }
  const running = run()

  return {
    append: (tx, messages: readonly OutboxMessage[]) => {
      tx.beforeCommit(() => {
        const rows = messages.map((message): Row => ({ position: ++shared.last, message }))
        tx.onCommit(() => void (known += rows.length))
        return outbox.append(tx, rows)
      })
    },
    depth: () => known,
    size: () => 0,
    oldest: () => undefined,
    flush: async () => {
      while (known > 0 && !stopping.signal.aborted) await timers.sleep(LOOK, stopping.signal)
    },
    stop: async () => {
      stopping.abort()
      await running
      if (shared.leader === store.member) shared.until = 0
    },
  }
}
