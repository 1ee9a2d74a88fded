/** Latencies of one kind of transaction, in milliseconds. */
export type Latencies = {
  readonly record: (ms: number) => void
  readonly summary: () => LatencySummary
}

export type LatencySummary = {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** Buckets grow by 1 %, so a percentile is within 1 % of the truth, and a run of any length takes 16 KB. */
const GROWTH = Math.log(1.01)
const FINEST = 0.001
const BUCKETS = 2048

export function latencies(): Latencies {
  const counts = new Float64Array(BUCKETS)
  let count = 0
  let sum = 0
  let max = 0
  const percentile = (p: number): number => {
    let left = Math.ceil(p * count)
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= counts[bucket]!
      if (left <= 0) return Math.min(FINEST * Math.exp(bucket * GROWTH), max)
    }
    return max
  }
  return {
    record: (ms) => {
      const bucket = ms <= FINEST ? 0 : Math.ceil(Math.log(ms / FINEST) / GROWTH)
      counts[Math.min(bucket, BUCKETS - 1)]!++
      count++
      sum += ms
      if (ms > max) max = ms
    },
    summary: () =>
      count === 0
        ? { count: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 }
        : { count, mean: sum / count, p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99), max },
  }
}
