/** What is made of the points of a series. */
import type { Histogram } from '../record.ts'
import type { Series } from '../store/store.ts'

export type As = 'value' | 'rate' | 'mean' | 'p50' | 'p95' | 'p99'
type Point = { readonly time: number; readonly value: number }

const SHARES: Readonly<Partial<Record<As, number>>> = { p50: 0.5, p95: 0.95, p99: 0.99 }

/** Between each two points what has come; a number that has become smaller began anew. */
export function derived({ kind, points }: Pick<Series, 'kind' | 'points'>, as: As): Point[] {
  if (as === 'value' || (kind === 'gauge' && as !== 'rate')) return points.map(({ time, value }) => ({ time, value }))
  return points.slice(1).flatMap((point, i): readonly Point[] => {
    const before = points[i]!
    const { time } = point
    const seconds = (time - before.time) / 1_000
    const isAnew = kind !== 'gauge' && point.value < before.value
    const times = point.value - (isAnew ? 0 : before.value)
    if (as === 'rate') return [{ time, value: times / seconds }]
    const come = point.histogram && since(point.histogram, isAnew ? undefined : before.histogram)
    if (come === undefined || times <= 0) return []
    const value = as === 'mean' ? come.sum / times : quantile(come, SHARES[as]!)
    return value === undefined ? [] : [{ time, value }]
  })
}

function since(now: Histogram, before: Histogram | undefined): Histogram {
  if (before === undefined || before.counts.length !== now.counts.length) return now
  return { sum: now.sum - before.sum, bounds: now.bounds, counts: now.counts.map((count, i) => count - before.counts[i]!) }
}

/** Within its bucket as if all were spread evenly, as Prometheus has it; what is above all bounds is at the last one. */
export function quantile({ bounds, counts }: Histogram, share: number): number | undefined {
  const all = counts.reduce((sum, count) => sum + count, 0)
  if (all <= 0 || bounds.length === 0) return undefined
  const wanted = share * all
  let below = 0
  for (const [i, count] of counts.entries()) {
    if (below + count >= wanted && count > 0) {
      const upper = bounds[i]
      if (upper === undefined) return bounds.at(-1)
      const lower = i === 0 ? 0 : bounds[i - 1]!
      return lower + ((upper - lower) * (wanted - below)) / count
    }
    below += count
  }
  return bounds.at(-1)
}
