/**
 * Upper bounds of duration buckets in seconds, from 32 µs to 33 s: powers of four of a microsecond. Every operation that was
 * called has all of them, so that those of several can be added up.
 */
export const BOUNDS: readonly number[] = Array.from({ length: 11 }, (_, i) => 2 ** (2 * i + 5) / 1_000_000)

/** Durations, counted in one preallocated array: recording is one addition, no allocation. */
export type Histogram = {
  /** Records a duration in milliseconds. */
  readonly record: (ms: number) => void
  readonly snapshot: () => HistogramSnapshot
}

export type HistogramSnapshot = {
  readonly count: number
  /** Milliseconds, of all records together. */
  readonly sum: number
  /** How many records lie below each of BOUNDS. */
  readonly below: readonly number[]
}

export function createHistogram(): Histogram {
  const counts = new Uint32Array(BOUNDS.length + 1)
  let count = 0
  let sum = 0
  return {
    record: (ms) => {
      counts[bucketOf(ms * 1000)]!++
      count++
      sum += ms
    },
    snapshot: () => {
      let lower = 0
      return { count, sum, below: BOUNDS.map((_, i) => (lower += counts[i]!)) }
    },
  }
}

/** By the position of the highest bit: what lies below 2⁵ is in the first, below 2⁷ in the second, and so on. */
function bucketOf(us: number): number {
  if (us < 32) return 0
  return Math.min((28 - Math.clz32(Math.min(us, 0x7fffffff))) >> 1, BOUNDS.length)
}
