import { completeNumbers, COUNT, KEEP, type Ranges } from '../runtime/internal.ts'

/** How a failed message is tried again before it becomes a dead letter. */
export type RetryPolicy = {
  /** Tries in all, the first included. Default 8. */
  readonly attempts: number
  /** Milliseconds before the second try. Default 100. */
  readonly first: number
  /** Each pause is this times the one before. Default 2. */
  readonly factor: number
  /** No pause is longer. Default 30,000. */
  readonly max: number
  /** Times that its process may end while an event is being tried, before it is dead whatever its attempts. Default 3. */
  readonly crashes: number
}

const DEFAULTS: RetryPolicy = { attempts: 8, first: 100, factor: 2, max: 30_000, crashes: 3 }
const NUMBERS: Ranges<RetryPolicy> = {
  attempts: COUNT,
  first: { ...KEEP, least: 0 },
  factor: { least: 1, most: 1_000 },
  max: KEEP,
  crashes: COUNT,
}

/**
 * A retry policy with the defaults of what is not given.
 * @throws {TypeError} when a number cannot be used
 *
 * @example
 * ```ts
 * import { retryPolicy } from 'dure/messaging'
 *
 * const { attempts, first, factor } = retryPolicy({ attempts: 3 })
 * console.log(attempts, first, factor) // → 3 100 2
 * ```
 */
export function retryPolicy(options: Partial<RetryPolicy> = {}): RetryPolicy {
  return completeNumbers('use this retry policy', DEFAULTS, options, NUMBERS)
}
