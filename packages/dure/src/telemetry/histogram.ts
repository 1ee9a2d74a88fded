import type { Clock } from '../runtime/runtime.ts'
import { parseTraceparent } from './trace.ts'

/**
 * Upper bounds of duration buckets in seconds, from 32 µs to 33 s: powers of four of a microsecond. Every operation that was
 * called has all of them, so that those of several can be added up.
 */
export const BOUNDS: readonly number[] = Array.from({ length: 11 }, (_, i) => 2 ** (2 * i + 5) / 1_000_000)

/** Durations, counted in one preallocated array: recording is one addition, no allocation. */
export type Histogram = {
  /** Records a duration in milliseconds; of a sampled call with its `traceparent`, which becomes an exemplar. */
  readonly record: (ms: number, traceparent?: string) => void
  readonly snapshot: () => HistogramSnapshot
}

export type HistogramSnapshot = {
  readonly count: number
  /** Milliseconds, of all records together. */
  readonly sum: number
  /** How many records lie below each of BOUNDS. */
  readonly below: readonly number[]
  readonly exemplars?: Exemplars
}

/** A record whose trace is kept: where to look when many lie in its bucket. */
export type Exemplar = {
  /** In the unit of the histogram: seconds for durations. */
  readonly value: number
  readonly traceId: string
  readonly spanId: string
  /** Milliseconds since the epoch. */
  readonly at: number
}
/** By bucket, the last one behind all bounds; nothing where there is none. */
export type Exemplars = ReadonlyMap<number, Exemplar>

/** @param clock says when exemplars were; without one none are kept */
export function createHistogram(clock?: Pick<Clock, 'now'>): Histogram {
  const counts = new Uint32Array(BOUNDS.length + 1)
  let count = 0
  let sum = 0
  let exemplars: Map<number, Exemplar> | undefined
  return {
    record: (ms, traceparent) => {
      const bucket = bucketOf(ms * 1000)
      counts[bucket]!++
      count++
      sum += ms
      if (traceparent !== undefined && clock !== undefined)
        exemplars = keepExemplar(exemplars, { bucket, value: ms / 1_000, traceparent, at: clock.now() })
    },
    snapshot: () => {
      let lower = 0
      const below = BOUNDS.map((_, i) => (lower += counts[i]!))
      return { count, sum, below, ...(exemplars !== undefined && { exemplars: new Map(exemplars) }) }
    },
  }
}

/** The latest of each bucket. */
export function keepExemplar(
  exemplars: Map<number, Exemplar> = new Map<number, Exemplar>(),
  record: { readonly bucket: number; readonly value: number; readonly traceparent: string; readonly at: number },
): Map<number, Exemplar> {
  const { bucket, value, traceparent, at } = record
  const trace = parseTraceparent(traceparent)
  if (trace !== undefined) exemplars.set(bucket, { value, traceId: trace.traceId, spanId: trace.spanId, at })
  return exemplars
}

/** By the position of the highest bit: what lies below 2⁵ is in the first, below 2⁷ in the second, and so on. */
function bucketOf(us: number): number {
  if (us < 32) return 0
  return Math.min((28 - Math.clz32(Math.min(us, 0x7fffffff))) >> 1, BOUNDS.length)
}
