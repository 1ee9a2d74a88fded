import type { Inbox, Store, StoreTransaction } from '../data/data.ts'

/** One message's part of a shared transaction. */
export type Share = {
  readonly messageId: string
  readonly handle: (tx: StoreTransaction) => Promise<void> | void
}

/**
 * One transaction for whatever a reaction has to do when its turn to write comes: the batches of all partitions
 * that arrived meanwhile, marked in one statement, handled one after another. That is the usual case, in which
 * nothing fails, at the cost of one transaction instead of many. If anything fails all of it is rolled back, and
 * each message is to have a transaction of its own.
 */
export type Together = (shares: readonly Share[]) => Promise<ReadonlySet<string> | 'alone'>

/** Messages that share a transaction, at most: what is rolled back together when one of them fails. */
const MOST = 256

type Group = { readonly shares: Share[]; done: Promise<ReadonlySet<string> | 'alone'> }

export function createTogether(options: { store: Store; inbox: Inbox; consumer: string }): Together {
  const { store, inbox, consumer } = options
  /** The group that still takes more: its transaction has been asked for and has not begun. */
  let open: Group | undefined

  const begin = (): Group => {
    const group: Group = { shares: [], done: Promise.resolve('alone') }
    const close = (): void => {
      if (open === group) open = undefined
    }
    group.done = store
      .transaction(async (tx) => {
        close()
        const fresh = await inbox.markAll(
          tx,
          consumer,
          group.shares.map(({ messageId }) => messageId),
        )
        const left = new Set(fresh)
        for (const { messageId, handle } of group.shares) {
          // The same message may have come twice: its effect happens for the first.
          if (left.delete(messageId)) await handle(tx)
        }
        return fresh
      })
      .catch((): 'alone' => {
        close()
        return 'alone'
      })
    return group
  }

  return (shares) => {
    if (open === undefined || open.shares.length + shares.length > MOST) open = begin()
    open.shares.push(...shares)
    return open.done
  }
}
