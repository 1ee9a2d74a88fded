import type { Session } from './session.ts'

/** Those who wait until all that was committed when they asked has been delivered. */
export type Flushes = {
  readonly add: () => Promise<void>
  readonly waiting: () => boolean
  /** To be taken before a look, for `looked`. */
  readonly mark: () => number
  /**
   * A look begun at `mark` found nothing more, and what it found has been delivered. `query` when some lanes are others':
   * then the table has to be empty up to where it was.
   */
  readonly looked: (mark: number, query: Session['query'] | undefined) => Promise<void>
  readonly fail: (error: unknown) => void
}

type Waiter = { readonly since: number; readonly resolve: () => void; readonly reject: (error: unknown) => void; upTo?: string }

export function createFlushes(): Flushes {
  let looks = 0
  let waiters: readonly Waiter[] = []

  const settle = (some: readonly Waiter[]): void => {
    waiters = waiters.filter((waiter) => !some.includes(waiter))
    for (const { resolve } of some) resolve()
  }

  return {
    add: () =>
      new Promise((resolve, reject) => {
        waiters = [...waiters, { since: looks, resolve, reject }]
      }),
    waiting: () => waiters.length > 0,
    mark: () => ++looks,
    looked: async (mark, query) => {
      const seen = waiters.filter(({ since }) => since < mark)
      if (seen.length === 0) return
      if (query === undefined) return settle(seen)
      const [[first = null, last] = []] = await query(ENDS)
      for (const waiter of seen) waiter.upTo ??= String(last ?? 0)
      settle(seen.filter(({ upTo }) => first === null || BigInt(first) > BigInt(upTo!)))
    },
    fail: (error) => {
      for (const { reject } of waiters) reject(error)
      waiters = []
    },
  }
}

const ENDS = 'SELECT min(position), max(position) FROM dure_outbox'
