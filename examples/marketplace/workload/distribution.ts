import type { Random } from 'dure/runtime'

/** How often each of `n` things is chosen: evenly, or the k-th in proportion to 1 / k^constant (Zipf's law). */
export type Distribution = { readonly kind: 'uniform' } | { readonly kind: 'zipf'; readonly constant: number }

/** Draws whole numbers in [0, n). */
export type Draw = () => number

/**
 * A drawer for `n` things. Zipf's cumulative weights are computed once (8 bytes a thing), so that a
 * draw is a binary search and exact for every constant, 1 included, where rejection methods need a special case.
 */
export function drawFrom(n: number, distribution: Distribution, random: Random): Draw {
  if (!Number.isInteger(n) || n < 1) throw new RangeError(`Cannot draw from ${n} things: there must be at least one`)
  if (distribution.kind === 'uniform') return () => random.integer(n)
  const { constant } = distribution
  if (!(constant >= 0)) throw new RangeError(`Cannot draw by Zipf's law with constant ${constant}: it must be 0 or more`)
  const cumulative = new Float64Array(n)
  let sum = 0
  for (let k = 0; k < n; k++) {
    sum += 1 / (k + 1) ** constant
    cumulative[k] = sum
  }
  return () => firstAbove(cumulative, random.number() * sum)
}

/** Index of the first value greater than `target`; the last index when rounding leaves none. */
export function firstAbove(ascending: Float64Array, target: number): number {
  let low = 0
  let high = ascending.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ascending[middle]! > target) high = middle
    else low = middle + 1
  }
  return low
}
