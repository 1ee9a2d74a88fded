import { CallError } from '../contract/contract.ts'
import { SHARES } from '../resilience/internal.ts'
import type { Priority } from '../resilience/resilience.ts'
import { NOT_BEGUN } from './failure.ts'

/**
 * A service's door for calls: counts who is inside, so that a stop can wait for them, and turns others
 * away while the service is not running.
 */
export type Admission = {
  /** Lets a call in, or not: where there is not room for all, those of low priority are turned away first. */
  readonly enter: (priority?: Priority) => boolean
  readonly leave: () => void
  /** Why a call was not let in. */
  readonly refusal: (priority?: Priority) => CallError
  /** Calls inside. */
  readonly inside: () => number
  readonly open: () => void
  /** Lets nobody in any more; resolves when the last one has left. */
  readonly drain: () => Promise<void>
  /** From here on, a call whose deadline fires ends because the service is stopping. */
  readonly expel: () => void
  readonly expelling: () => boolean
}

export function createAdmission(options: { service: string; capacity: number }): Admission {
  const { service, capacity } = options
  let state: 'starting' | 'open' | 'closed' = 'starting'
  let count = 0
  let idle: (() => void) | undefined
  let expelling = false
  const room: Readonly<Record<Priority, number>> = {
    high: capacity,
    normal: Math.ceil(capacity * SHARES.normal),
    low: Math.ceil(capacity * SHARES.low),
  }
  return {
    enter: (priority = 'normal') => {
      if (state !== 'open' || count >= room[priority]) return false
      count++
      return true
    },
    leave: () => {
      count--
      if (count === 0) idle?.()
    },
    refusal: (priority = 'normal') => {
      if (state === 'open') {
        const limit =
          room[priority] === capacity
            ? `${capacity} calls`
            : `${room[priority]} calls of ${priority} priority (${capacity} in all)`
        return new CallError('RESOURCE_EXHAUSTED', `Service "${service}" is at its limit of ${limit} at once; try again later`, {
          details: NOT_BEGUN,
        })
      }
      return new CallError(
        'UNAVAILABLE',
        `Service "${service}" is ${state === 'starting' ? 'still starting' : 'stopping'} and takes no calls`,
        { details: NOT_BEGUN },
      )
    },
    inside: () => count,
    open: () => {
      state = 'open'
    },
    drain: () => {
      state = 'closed'
      if (count === 0) return Promise.resolve()
      return new Promise((resolve) => {
        idle = resolve
      })
    },
    expel: () => {
      expelling = true
    },
    expelling: () => expelling,
  }
}
