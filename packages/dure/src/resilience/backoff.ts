import { type Random } from '../runtime/runtime.ts'
import { completeNumbers, WAIT_OR_NONE } from '../runtime/internal.ts'

export type BackoffPolicy = {
  /** Milliseconds that bound the first wait. Default 20. */
  readonly base: number
  /** Milliseconds that bound every wait. Default 1,000. */
  readonly longest: number
}

export type Backoff = {
  /** Milliseconds to wait before try `retry` (1 is the first repetition). */
  readonly delay: (retry: number) => number
}

/**
 * Exponential backoff with full jitter: a wait is anywhere between nothing and a bound that doubles. Callers that failed
 * together do not come back together (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 *
 * @example
 * ```ts
 * import { createBackoff } from 'dure/resilience'
 * import { seededRandom } from 'dure/runtime'
 *
 * const backoff = createBackoff({ random: seededRandom(1), policy: { base: 20 } })
 * console.log([1, 2, 3].every((retry) => backoff.delay(retry) <= 20 * 2 ** (retry - 1))) // → true
 * ```
 */
export function createBackoff(options: { random: Random; policy?: Partial<BackoffPolicy> }): Backoff {
  const { random, policy = {} } = options
  const { base, longest } = completeNumbers('back off', { base: 20, longest: 1_000 }, policy, {
    base: WAIT_OR_NONE,
    longest: WAIT_OR_NONE,
  })
  return { delay: (retry) => random.number() * Math.min(longest, base * 2 ** (retry - 1)) }
}
