import type { Outbox } from '../data/data.ts'
import type { Timers } from '../runtime/runtime.ts'
import { inTime } from '../runtime/internal.ts'

/** Milliseconds in which an outbox says that all has been delivered, if it has. */
const SETTLED = 250

/**
 * Whether all is delivered that was committed by now. Counting does not tell it: after a commit without an answer, or while
 * the database is away or others publish too, a relay finds messages of which nobody has told it.
 */
export function createSettled({ flush }: Pick<Outbox, 'flush'>, timers: Timers): () => Promise<boolean> {
  let flushing: Promise<boolean> | undefined
  let round: Promise<boolean> | undefined
  return async () => {
    while (round !== undefined) await round
    // However often it is asked while a broker is away, one question is left waiting.
    if (flushing !== undefined) return false
    flushing = flush().then(
      () => true,
      () => false,
    )
    void flushing.then(() => (flushing = undefined))
    round = inTime(timers, SETTLED, flushing, () => false)
    return round.finally(() => (round = undefined))
  }
}
