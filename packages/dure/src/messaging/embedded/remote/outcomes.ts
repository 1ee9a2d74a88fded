import type { Runtime } from '../../../runtime/runtime.ts'
import type { Logger } from '../../../telemetry/telemetry.ts'
import type { Outcome } from './contract.ts'
import { mayPass } from './trying.ts'

/** Outcomes in one call, at most. */
const MOST = 500

/** Settles batches of one session: what ends in one turn in one call, tried again until it is told or the session is over. */
export function createOutcomes(options: {
  readonly runtime: Runtime
  readonly log: Logger
  readonly name: string
  readonly inHand: Set<number>
  /** Aborts when the session is over. */
  readonly signal: AbortSignal
  readonly send: (outcomes: readonly Outcome[]) => Promise<unknown>
}): (outcome: Outcome) => void {
  const { runtime, log, name, inHand, signal, send } = options
  let waiting: Outcome[] = []

  const sendSome = async (outcomes: readonly Outcome[]): Promise<void> => {
    for (let failed = 1; !signal.aborted; failed++) {
      try {
        await send(outcomes)
        for (const { number } of outcomes) inHand.delete(number)
        return
      } catch (error) {
        if (!signal.aborted && !mayPass(error))
          log.warn('Outcomes cannot be settled; they are tried again', { client: name, error })
        await runtime.timers.sleep(Math.min(1000, failed * 20), signal)
      }
    }
  }

  return (outcome) => {
    waiting.push(outcome)
    if (waiting.length > 1) return
    runtime.timers.soon(() => {
      const all = waiting
      waiting = []
      for (let at = 0; at < all.length; at += MOST) void sendSome(all.slice(at, at + MOST))
    })
  }
}
