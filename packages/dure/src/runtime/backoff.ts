import type { Random } from './random.ts'

/** Milliseconds between tries. */
export type BackoffPolicy = {
  /** Before the second try. */
  readonly first: number
  /** Each pause is so many times the one before. Default 2. */
  readonly factor?: number
  /** No pause is longer. */
  readonly max: number
}

/**
 * Milliseconds to wait after `failed` failures in a row (1 is the first): exponential, and half of it at random, so that
 * callers that failed together do not come back together ("equal jitter" in M. Brooker, "Exponential Backoff And Jitter",
 * AWS Architecture Blog, 2015).
 *
 * @example
 * ```ts
 * import { backoff } from 'dure/resilience'
 * import { seededRandom } from 'dure/runtime'
 *
 * const random = seededRandom(1)
 * const pauses = [1, 2, 3, 4].map((failed) => backoff({ first: 20, max: 100 }, failed, random))
 * console.log(pauses.every((ms, i) => ms >= [10, 20, 40, 50][i]! && ms <= [20, 40, 80, 100][i]!)) // → true
 * ```
 */
export function backoff(policy: BackoffPolicy, failed: number, random: Random): number {
  return (longestBackoff(policy, failed) * (1 + random.number())) / 2
}

/** The most that `backoff` may come to. */
export function longestBackoff({ first, factor = 2, max }: BackoffPolicy, failed: number): number {
  return Math.min(max, first * Math.min(Number.MAX_VALUE, factor ** (failed - 1)))
}
