/** Calls of subscribers, counted as they end. */
import type { RequestEnd } from '@dure/gateway'
import { BOUNDS, type CallCounts } from '../values.ts'

export type Counting = {
  readonly count: (
    of: { readonly subscription: string; readonly line: string; readonly operation: string },
    end: RequestEnd,
    now: number,
  ) => void
  /** What was counted since the last time: the oldest minutes, where there are too many. */
  readonly report: () => CallCounts[]
  readonly waiting: () => boolean
  /** Calls that were counted by nobody, since more than could be kept had to wait for the service. */
  readonly lost: () => number
}

/** Counts that wait at most, some 200 bytes each. */
const MOST = 50_000
const AT_ONCE = 10_000
const MINUTE = 60_000

type Counted = { -readonly [K in keyof CallCounts]: CallCounts[K] } & { readonly buckets: number[] }

export function createCounting(): Counting {
  const counts = new Map<string, Counted>()
  let lost = 0
  return {
    count: ({ subscription, line, operation }, { status, duration, bytesIn, bytesOut }, now) => {
      const minute = now - (now % MINUTE)
      const id = `${minute} ${subscription} ${line} ${operation} ${status}`
      let count = counts.get(id)
      if (count === undefined) {
        if (counts.size >= MOST) return void lost++
        const buckets = Array.from({ length: BOUNDS.length + 1 }, () => 0)
        counts.set(id, (count = { minute, subscription, line, operation, status, calls: 0, bytesIn: 0, bytesOut: 0, buckets }))
      }
      count.calls++
      count.bytesIn += bytesIn
      count.bytesOut += bytesOut
      let bucket = 0
      while (bucket < BOUNDS.length && duration > BOUNDS[bucket]!) bucket++
      count.buckets[bucket]!++
    },
    report: () => {
      const first = [...counts.entries().take(AT_ONCE)]
      for (const [id] of first) counts.delete(id)
      return first.map(([, count]) => count)
    },
    waiting: () => counts.size > 0,
    lost: () => lost,
  }
}
