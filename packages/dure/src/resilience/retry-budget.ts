import { type Clock } from '../runtime/runtime.ts'
import { completeNumbers, COUNT_OR_NONE, WAIT, type Ranges } from '../runtime/internal.ts'
import { timeWindow } from './window.ts'

/**
 * How many repetitions callers of one service may add to its load: over the last `window` at most `ratio` of their calls,
 * and `minimumPerSecond` besides, so that a quiet caller can retry too. When a service is in trouble, retries then add a
 * fifth to its load and never multiply it (Finagle's RetryBudget, with its figures).
 */
export type RetryBudgetPolicy = {
  /** Retries per call. Default 0.2. */
  readonly ratio: number
  /** Retries a second whatever the calls. Default 10. */
  readonly minimumPerSecond: number
  /** Milliseconds over which both are counted. Default 10,000. */
  readonly window: number
}

export type RetryBudget = {
  /** A first try was made: earns a part of a retry. `now`, in monotonic milliseconds, saves reading the clock. */
  readonly called: (now?: number) => void
  /** Takes one retry out of the budget, when there is one. */
  readonly take: (now?: number) => boolean
  /** Whole retries that may be taken now. */
  readonly left: (now?: number) => number
}

const CALLED = 0
const RETRIED = 1

const DEFAULTS: RetryBudgetPolicy = { ratio: 0.2, minimumPerSecond: 10, window: 10_000 }
const NUMBERS: Ranges<RetryBudgetPolicy> = { ratio: { least: 0, most: 1_000 }, minimumPerSecond: COUNT_OR_NONE, window: WAIT }

/** @throws {TypeError} when a number cannot be used */
export function completeBudget(policy: Partial<RetryBudgetPolicy>): RetryBudgetPolicy {
  return completeNumbers('keep a retry budget', DEFAULTS, policy, NUMBERS)
}

/**
 * Retries as a share of the calls: in an outage they cannot drown whoever is in trouble.
 * @throws {TypeError} when a number of the policy cannot be used
 *
 * @example
 * ```ts
 * import { createRetryBudget } from 'dure/resilience'
 * import { virtualRuntime } from 'dure/runtime'
 *
 * const budget = createRetryBudget({ clock: virtualRuntime().clock, policy: { ratio: 0.2, minimumPerSecond: 0 } })
 * for (let call = 0; call < 5; call++) budget.called()
 * console.log(budget.take(), budget.take()) // → true false
 * ```
 */
export function createRetryBudget(options: { clock: Clock; policy?: Partial<RetryBudgetPolicy> }): RetryBudget {
  const { clock, policy = {} } = options
  const { ratio, minimumPerSecond, window } = completeBudget(policy)
  const reserve = (minimumPerSecond * window) / 1000
  const lately = timeWindow(window, 2, clock.monotonic())

  const balance = (now: number): number =>
    // A hair's breadth of tolerance: five calls at a fifth each earn one retry, whatever floating point makes of it.
    Math.floor(lately.count(CALLED, now) * ratio + reserve - lately.count(RETRIED, now) + 1e-9)

  return {
    called: (now = clock.monotonic()) => lately.add(CALLED, now),
    take: (now = clock.monotonic()) => {
      if (balance(now) < 1) return false
      lately.add(RETRIED, now)
      return true
    },
    left: (now = clock.monotonic()) => Math.max(0, balance(now)),
  }
}
