/** How calls of a release went: numbers that only grow, so that two readings tell what came between them. */
export type CallCounts = {
  readonly calls: number
  /** Answered with 500 or more, or not at all. */
  readonly failed: number
  /** How many took up to each of `LATENCIES` and longer than the one before; one more for all that took longer than the last. */
  readonly within: readonly number[]
}

/**
 * Milliseconds, each a fifth more than the one before: from 1 ms to more than a minute.
 *
 * @example
 * ```ts
 * import { LATENCIES } from '@dure/deploy'
 *
 * console.log(LATENCIES.slice(0, 3)) // → [ 1, 1.2, 1.44 ]
 * ```
 */
export const LATENCIES: readonly number[] = Array.from({ length: 62 }, (_, i) => Math.round(1.2 ** i * 1_000) / 1_000)

/**
 * What came between two readings. A counter that fell began anew with its process, and counts from 0.
 *
 * @example
 * ```ts
 * import { countsBetween, latencyOf } from '@dure/deploy'
 *
 * const since = countsBetween({ calls: 2, failed: 0, within: [2, 0] }, { calls: 12, failed: 1, within: [11, 1] })
 * console.log(since.calls, since.failed, latencyOf(since, 0.9)) // → 10 1 1
 * ```
 */
export function countsBetween(before: CallCounts | undefined, after: CallCounts): CallCounts {
  if (before === undefined || after.calls < before.calls) return after
  return {
    calls: after.calls - before.calls,
    failed: after.failed - before.failed,
    within: after.within.map((count, i) => count - (before.within[i] ?? 0)),
  }
}

/**
 * Milliseconds within which a part of the calls was answered, 0 to 1, rounded up to a bound; undefined when there was none.
 *
 * @example
 * ```ts
 * import { latencyOf } from '@dure/deploy'
 *
 * console.log(latencyOf({ calls: 0, failed: 0, within: [] }, 0.99)) // → undefined
 * ```
 */
export function latencyOf({ within }: CallCounts, part: number): number | undefined {
  const total = within.reduce((sum, count) => sum + count, 0)
  if (total === 0) return undefined
  let seen = 0
  const at = within.findIndex((count) => (seen += count) >= total * part)
  return LATENCIES[at] ?? Number.POSITIVE_INFINITY
}
