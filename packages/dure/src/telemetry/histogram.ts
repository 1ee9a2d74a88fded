/**
 * A latency histogram in one preallocated array: recording is one addition, no allocation.
 * Buckets grow by 1/8 of a power of two, so a percentile is within 12.5 % of the truth.
 */
export type Histogram = {
  /** Records a duration in milliseconds. */
  readonly record: (ms: number) => void
  readonly snapshot: () => HistogramSnapshot
  readonly reset: () => void
}

export type HistogramSnapshot = {
  readonly count: number
  readonly mean: number
  readonly max: number
  /** Milliseconds, of all records together. */
  readonly sum: number
  /** How many records lie below so many milliseconds: exact where a bucket ends, as at powers of two of a microsecond. */
  readonly below: (ms: number) => number
  /** The value below which the fraction `p` (0 to 1) of the records lie, in milliseconds. */
  readonly percentile: (p: number) => number
}

const STEPS = 8
const BUCKETS = 40 * STEPS

export function createHistogram(): Histogram {
  const counts = new Uint32Array(BUCKETS)
  let count = 0
  let sum = 0
  let max = 0
  return {
    record: (ms) => {
      // Microseconds, so that a local call of a few microseconds lands in a bucket of its own.
      const us = ms > 0 ? ms * 1000 : 0
      counts[bucketOf(us)]!++
      count++
      sum += ms
      if (ms > max) max = ms
    },
    snapshot: () => {
      const frozen = counts.slice()
      const total = count
      const top = max
      const whole = sum
      return {
        count: total,
        mean: total === 0 ? 0 : whole / total,
        max: top,
        sum: whole,
        below: (ms) => {
          const limit = bucketOf(Math.round(ms * 1000))
          let records = 0
          for (let i = 0; i < limit; i++) records += frozen[i]!
          return records
        },
        percentile: (p) => {
          let left = Math.ceil(p * total)
          if (total === 0) return 0
          for (let i = 0; i < BUCKETS; i++) {
            left -= frozen[i]!
            if (left <= 0) return Math.min(upperBound(i) / 1000, top)
          }
          return top
        },
      }
    },
    reset: () => {
      counts.fill(0)
      count = 0
      sum = 0
      max = 0
    },
  }
}

function bucketOf(us: number): number {
  if (us < STEPS) return Math.floor(us)
  const whole = Math.min(us, 0x7fffffff) | 0
  const exponent = 31 - Math.clz32(whole)
  const step = (whole >> (exponent - 3)) & (STEPS - 1)
  return Math.min((exponent - 2) * STEPS + step, BUCKETS - 1)
}

function upperBound(bucket: number): number {
  if (bucket < STEPS) return bucket + 1
  const exponent = Math.floor(bucket / STEPS) + 2
  const step = bucket % STEPS
  return (STEPS + step + 1) * 2 ** (exponent - 3)
}
