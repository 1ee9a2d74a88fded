import { CallError } from '../contract/contract.ts'
import { NOT_BEGUN } from './failure.ts'

/**
 * A service's door for calls: counts who is inside, so that a stop can wait for them, and turns others
 * away while the service is not running.
 */
export type Admission = {
  /** Lets a call in, or not. */
  readonly enter: () => boolean
  readonly leave: () => void
  /** Why a call was not let in. */
  readonly refusal: () => CallError
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
  return {
    enter: () => {
      if (state !== 'open' || count >= capacity) return false
      count++
      return true
    },
    leave: () => {
      count--
      if (count === 0) idle?.()
    },
    refusal: () => {
      if (state === 'open') {
        return new CallError(
          'RESOURCE_EXHAUSTED',
          `Service "${service}" is at its limit of ${capacity} calls at once; try again later`,
          { details: NOT_BEGUN },
        )
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
