import type { Timer, Timers } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { Store, StoreTransaction } from './database.ts'

/** Takes delivered rows out of the outbox later, a few at a time, in transactions that happen anyway or when all is quiet. */
export type Removal = {
  /** All rows up to a position are delivered. */
  readonly delivered: (position: number) => void
  /** Removes some inside a transaction, if there are enough to be worth a statement. */
  readonly some: (tx: StoreTransaction) => Promise<void>
  /** Removes all that there are once it has been quiet for a while. */
  readonly later: () => void
  /** Removes all that there are, now. */
  readonly now: () => Promise<void>
  /** The same, and nothing more later. */
  readonly stop: () => Promise<void>
}

/** Delivered rows that are worth a DELETE, the most that one takes, and the milliseconds of quiet after which all go. */
const [WORTH, STEP, QUIET] = [64, 1024, 1_000]

export function createRemoval(options: {
  readonly store: Pick<Store, 'service' | 'records' | 'transaction'>
  readonly timers: Timers
  readonly log: Logger
  readonly from: number
}): Removal {
  const { store, timers, log, from } = options
  let delivered = from
  let removed = from
  let timer: Timer | undefined

  const step = async (tx: StoreTransaction): Promise<void> => {
    const upTo = Math.min(delivered, removed + STEP)
    await store.records.outbox.remove(tx, { upTo })
    // If the transaction rolls back the rows stay, and the next step takes them.
    removed = upTo
  }

  const now = async (): Promise<void> => {
    try {
      while (removed < delivered) await store.transaction(step)
    } catch (error) {
      log.warn('Removing delivered rows from the outbox failed', { service: store.service, error })
    }
  }

  return {
    delivered: (position) => void (delivered = position),
    some: async (tx) => {
      if (delivered - removed >= WORTH) await step(tx)
    },
    later: () => {
      if (removed >= delivered) return
      timer ??= timers.after(QUIET, () => {
        timer = undefined
        void now()
      })
    },
    now,
    stop: () => {
      timer?.cancel()
      timer = undefined
      return now()
    },
  }
}
