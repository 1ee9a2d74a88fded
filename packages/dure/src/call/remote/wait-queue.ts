import { CallError } from '../../contract/contract.ts'
import type { Clock, DeadlineEntry, Deadlines } from '../../runtime/runtime.ts'
import { cancelledError, NOT_BEGUN } from '../failure.ts'
import type { CancelListener } from '../cancellation.ts'
import type { RemoteCall } from './remote-call.ts'
import type { RemotePolicy } from './policy.ts'

/** Where calls wait for the first instance of their service: services start in any order, and start again. */
export type WaitQueue = {
  /**
   * Resolves when there may be an instance.
   * @throws {CallError} UNAVAILABLE when patience or the deadline ended, or too many wait; CANCELLED with its caller
   */
  readonly wait: (call: RemoteCall) => Promise<void>
  /** Lets all go on. */
  readonly open: () => void
  readonly waiting: () => number
}

export function createWaitQueue(options: {
  service: string
  policy: () => RemotePolicy
  clock: Clock
  deadlines: Deadlines
}): WaitQueue {
  const { service, policy, clock, deadlines } = options
  const inside = new Set<{ readonly goOn: () => void }>()

  const missing = (place: string, found: string): CallError =>
    new CallError(
      'UNAVAILABLE',
      `Call to ${place} failed: no instance of service "${service}" is registered, ${found}; start it, or see in its log why it does not start`,
      { details: NOT_BEGUN, inside: true },
    )

  const wait = ({ place, context }: RemoteCall): Promise<void> =>
    new Promise((resolve, reject) => {
      if (inside.size >= policy().waiters) return reject(missing(place, `and ${inside.size} calls wait for one already`))
      const begun = clock.monotonic()
      const until = Math.min(context.deadline, begun + policy().patience)
      const end = (error: CallError | undefined): void => {
        inside.delete(waiter)
        deadlines.remove(waiter)
        context.cancellation?.remove(waiter)
        if (error === undefined) resolve()
        else reject(error)
      }
      const waiter: DeadlineEntry & CancelListener & { readonly goOn: () => void } = {
        at: 0,
        previous: undefined,
        following: undefined,
        goOn: () => end(undefined),
        expire: () => end(missing(place, `and none appeared within ${Math.round(until - begun)} ms`)),
        onCancel: (reason) => end(cancelledError(place, reason)),
      }
      inside.add(waiter)
      deadlines.add(waiter, until)
      context.cancellation?.add(waiter)
    })

  return {
    wait,
    open: () => {
      for (const waiter of inside) waiter.goOn()
    },
    waiting: () => inside.size,
  }
}
