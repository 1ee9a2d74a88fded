import type { Inbox, Mark, Store, StoreTransaction } from '../../data/data.ts'

/** One message's part of a shared transaction. */
export type Share = Mark & {
  /** What messages are in order of. */
  readonly key: string
  readonly handle: (tx: StoreTransaction) => Promise<void> | void
}

/**
 * One transaction for whatever a service's reactions have to do when its turn to write comes: the batches of all
 * topics and partitions that arrived meanwhile, marked in one statement, handled one after another. That is the usual
 * case, in which everything is new and nothing fails, at the cost of one transaction instead of many. Otherwise all
 * of it is rolled back, and each message is to have a transaction of its own (`alone`).
 * A reaction that has failed shares with no other until it succeeds, so that its neighbours do not pay for it.
 *
 * Where many write at once, messages are handled in order of their keys, which is mostly that of the rows they write: so of
 * two that write the same rows, here or in another copy, the second one waits and neither waits for ever. The first of them is handled while its mark is under way.
 */
export type TransactionBatcher = (shares: readonly Share[]) => Promise<'done' | 'alone'>

/** Messages that share a transaction, at most: what is rolled back together when one of them fails. */
const MOST = 256

type Group = {
  readonly shares: Share[]
  /** The one whose turn it is, or in whose turn the transaction failed for good: it may have been begun more than once. */
  inHand: Share | undefined
  done: Promise<'done' | 'alone'>
}

export function createTransactionBatcher(options: { store: Store; inbox: Inbox }): TransactionBatcher {
  const { store, inbox } = options
  const many = store.sharing === 'shared'
  /** The group that still takes more: its transaction has been asked for and has not begun. */
  let open: Group | undefined
  /** Consumers whose last try ended in a rollback that was theirs. */
  const failing = new Set<string>()

  const handleAll = async (group: Group, tx: StoreTransaction): Promise<void> => {
    const { shares } = group
    const [first, ...others] = many ? shares.toSorted(byKey) : shares
    const mark = async (): Promise<void> => {
      if (!(await inbox.markAll(tx, shares))) throw new Error('Some of the messages had been marked before')
    }
    group.inHand = undefined
    if (many) await markAhead(mark, group, first!, tx)
    else await mark()
    for (const share of many ? others : shares) {
      group.inHand = share
      await share.handle(tx)
    }
    group.inHand = undefined
  }

  const begin = (): Group => {
    const group: Group = { shares: [], inHand: undefined, done: Promise.resolve('alone') }
    const close = (): void => {
      if (open === group) open = undefined
    }
    group.done = store
      .transaction(
        (tx) => {
          close()
          return handleAll(group, tx)
        },
        { marked: true },
      )
      .then(
        () => 'done' as const,
        () => {
          close()
          if (group.inHand !== undefined) failing.add(group.inHand.consumer)
          return 'alone' as const
        },
      )
    return group
  }

  return async (shares) => {
    const { consumer } = shares[0]!
    if (failing.has(consumer)) {
      const group = begin()
      group.shares.push(...shares)
      const outcome = await group.done
      if (outcome === 'done') failing.delete(consumer)
      return outcome
    }
    if (open === undefined || open.shares.length + shares.length > MOST) open = begin()
    open.shares.push(...shares)
    return open.done
  }
}

/**
 * Where many write at once the answer to a mark is a journey, and the first message is handled while it is under way: most are new, and
 * what one had done that is not is rolled back. What becomes of the mark comes first, and nothing is left under way.
 */
async function markAhead(mark: () => Promise<void>, group: Group, first: Share, tx: StoreTransaction): Promise<void> {
  group.inHand = first
  const [marked, handled] = await Promise.allSettled([mark(), (async () => first.handle(tx))()])
  if (marked.status === 'rejected') {
    group.inHand = undefined
    throw marked.reason
  }
  if (handled.status === 'rejected') throw handled.reason
}

/** Of one key they stay in order. */
function byKey(a: Share, b: Share): number {
  if (a.key === b.key) return 0
  return a.key < b.key ? -1 : 1
}
