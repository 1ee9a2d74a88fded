/** Series of a metric, as lines over common times. */
type Histogram = { readonly sum: number; readonly bounds: readonly number[]; readonly counts: readonly number[] }
export type Series = {
  readonly name: string
  readonly service: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly unit: string
  readonly help: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly points: readonly { readonly time: number; readonly value: number; readonly histogram?: Histogram }[]
}

export type How = 'rate' | 'raw' | 'p50' | 'p99'

export type Lines = {
  readonly times: readonly number[]
  readonly lines: readonly { readonly label: string; readonly values: readonly (number | null)[] }[]
}

/** What each point says: of counters how much more a second, of histograms a share of what was measured since the point before. */
export function linesOf(all: readonly Series[], how: How): Lines {
  const times = [...new Set(all.flatMap(({ points }) => points.map(({ time }) => time)))].sort((a, b) => a - b)
  return {
    times: times.map((ms) => ms / 1000),
    lines: all.map((series) => {
      const values = new Map<number, number | null>()
      for (const [at, point] of series.points.entries())
        values.set(point.time, valueOf(point, series.points[at - 1], series.kind, how))
      return { label: labelOf(series, all), values: times.map((ms) => values.get(ms) ?? null) }
    }),
  }
}

type Point = Series['points'][number]

function valueOf(point: Point, before: Point | undefined, kind: Series['kind'], how: How): number | null {
  if (how === 'raw' || kind === 'gauge') return point.value
  if (before === undefined) return null
  // It began anew: what was counted since then is all there is.
  const more = point.value >= before.value ? point.value - before.value : point.value
  if (how === 'rate') return more / Math.max(0.001, (point.time - before.time) / 1000)
  return point.histogram === undefined ? null : quantile(point.histogram, before.histogram, how === 'p50' ? 0.5 : 0.99)
}

/** Between two bounds it is as if all were spread evenly, as Prometheus has it. */
function quantile({ bounds, counts }: Histogram, before: Histogram | undefined, share: number): number | null {
  const since = counts.map((count, at) => count - (before !== undefined && before.counts[at]! <= count ? before.counts[at]! : 0))
  const total = since.reduce((a, b) => a + b, 0)
  if (total === 0) return null
  let seen = 0
  for (const [at, count] of since.entries()) {
    if (seen + count >= total * share && count > 0) {
      const low = at === 0 ? 0 : bounds[at - 1]!
      return at >= bounds.length ? low : low + ((total * share - seen) / count) * (bounds[at]! - low)
    }
    seen += count
  }
  return bounds.at(-1) ?? null
}

/** What tells it from the others. */
export function labelOf({ service, attributes }: Series, all: readonly Series[]): string {
  const names = Object.keys(attributes).filter((name) =>
    all.some((other) => String(other.attributes[name]) !== String(attributes[name])),
  )
  return [service, ...names.map((name) => `${name.split('.').at(-1)}=${String(attributes[name])}`)].join(' ')
}
