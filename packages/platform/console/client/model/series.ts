/** Series of a metric, as lines over common times. */
export type Series = {
  readonly service: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly unit: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly points: readonly { readonly time: number; readonly value: number }[]
}

export type Lines = {
  /** Seconds since the epoch. */
  readonly times: readonly number[]
  readonly lines: readonly { readonly label: string; readonly values: readonly (number | null)[] }[]
}

/** A series that has no point at a time has a gap there. */
export function linesOf(all: readonly Series[]): Lines {
  const times = [...new Set(all.flatMap(({ points }) => points.map(({ time }) => time)))].sort((a, b) => a - b)
  return {
    times: times.map((ms) => ms / 1000),
    lines: all.map((series) => {
      const values = new Map(series.points.map(({ time, value }) => [time, value]))
      return { label: labelOf(series, all), values: times.map((ms) => values.get(ms) ?? null) }
    }),
  }
}

/** What tells it from the others. */
function labelOf({ service, attributes }: Series, all: readonly Series[]): string {
  const names = Object.keys(attributes).filter((name) =>
    all.some((other) => String(other.attributes[name]) !== String(attributes[name])),
  )
  return [service, ...names.map((name) => `${name.split('.').at(-1)}=${String(attributes[name])}`)].join(' ')
}
