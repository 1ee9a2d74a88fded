import type { Timer, Timers } from 'dure/runtime'
import type { Ledger } from './ledger.ts'
import type { Entry } from './tail.ts'

/** Takes delivered rows out of the table: many in one statement, a moment later. */
export type Cleaning = {
  readonly add: (entries: readonly Entry[]) => void
  /** All of them, now. */
  readonly now: () => Promise<void>
  readonly cancel: () => void
}

/** Milliseconds that delivered rows wait for others, and that one is waited for which is not to be seen yet. */
const PAUSE = 25
/** Rows in one DELETE, at most: it must be over soon, so that others need not wait for what it holds. */
const MOST = 1_024

export function createCleaning(options: {
  readonly remove: Ledger['remove']
  readonly done: (entries: readonly Entry[]) => void
  readonly failed: (error: unknown) => void
  readonly timers: Timers
}): Cleaning {
  const { remove, done, failed, timers } = options
  let waiting: readonly Entry[] = []
  let unseen: readonly Entry[] = []
  let timer: Timer | undefined
  let running: Promise<void> | undefined

  const run = async (): Promise<void> => {
    const again = unseen
    unseen = []
    waiting = [...again, ...waiting]
    while (waiting.length > 0) {
      const some = waiting.slice(0, MOST)
      waiting = waiting.slice(MOST)
      const hidden = await remove(some)
      unseen = [...unseen, ...hidden]
      const not = new Set(hidden)
      done(some.filter((entry) => !not.has(entry)))
    }
  }

  const now = (): Promise<void> =>
    (running ??= run().finally(() => {
      running = undefined
      if (waiting.length > 0 || unseen.length > 0) soon()
    }))

  const soon = (): void => {
    timer ??= timers.after(PAUSE, () => {
      timer = undefined
      now().catch(failed)
    })
  }

  return {
    add: (entries) => {
      waiting = [...waiting, ...entries]
      if (waiting.length >= MOST) now().catch(failed)
      else soon()
    },
    now: async () => {
      await running
      await now()
    },
    cancel: () => timer?.cancel(),
  }
}
