/** All metrics of the store, for Prometheus to scrape, with what the collector says of itself. */
import type { Route } from '../http.ts'
import type { Intake, IntakeCounters } from '../intake.ts'
import type { Attributes } from '../record.ts'
import type { Series, Store } from '../store/store.ts'

/** Milliseconds for which a series is told after its last point. */
const FRESH = 300_000

export function expositionRoutes(store: Store, intake: Intake): readonly Route[] {
  return [
    {
      method: 'GET',
      path: /^\/metrics$/,
      answer: async () => ({
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
        body: expositionText([
          ...(await store.latestMetrics(intake.now() - FRESH)),
          ...ownSeries(intake.counters(), intake.now()),
        ]),
      }),
    },
  ]
}

/** Version 0.0.4 of the text format: OpenTelemetry's names with underscores, units and `_total` as its compatibility rules say. */
export function expositionText(all: readonly Series[]): string {
  const families = Map.groupBy(all, nameOf)
  return [...families]
    .map(([name, series]) => {
      const { help, kind } = series[0]!
      const same = series.filter((one) => one.kind === kind)
      return [`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${kind}`, ...same.flatMap((one) => linesOf(name, one)), ''].join(
        '\n',
      )
    })
    .join('')
}

/** A family's name as Prometheus has it. */
export function nameOf({ name, unit, kind }: Pick<Series, 'name' | 'unit' | 'kind'>): string {
  const base = name.replaceAll(/[^a-zA-Z0-9_:]/g, '_').replace(/^(?=\d)/, '_')
  const suffix = { s: '_seconds', By: '_bytes' }[unit] ?? ''
  const withUnit = suffix === '' || base.endsWith(suffix) ? base : `${base}${suffix}`
  return kind === 'counter' && !withUnit.endsWith('_total') ? `${withUnit}_total` : withUnit
}

/** What Prometheus calls its labels. */
export function labelsOf({
  service,
  attributes,
}: {
  readonly service: string
  readonly attributes: Attributes
}): Readonly<Record<string, string>> {
  const labels: Record<string, string> = { service_name: service }
  for (const [name, value] of Object.entries(attributes))
    labels[name.replaceAll(/[^a-zA-Z0-9_]/g, '_').replace(/^(?=\d)/, '_')] =
      typeof value === 'string' ? value : JSON.stringify(value)
  return labels
}

/** One sample: a name, labels, a number. */
export type Sample = { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly value: number }

/** The samples of a series at its last point; of a histogram one a bucket, and two more. */
export function samplesOf(name: string, series: Series): readonly Sample[] {
  const { value, histogram } = series.points.at(-1)!
  const labels = labelsOf(series)
  if (histogram === undefined) return [{ name, labels, value }]
  let below = 0
  const buckets = histogram.counts.map((count, i) => {
    below += count
    const bound = histogram.bounds[i]
    return { name: `${name}_bucket`, labels: { ...labels, le: bound === undefined ? '+Inf' : String(bound) }, value: below }
  })
  return [...buckets, { name: `${name}_sum`, labels, value: histogram.sum }, { name: `${name}_count`, labels, value }]
}

function linesOf(name: string, series: Series): readonly string[] {
  return samplesOf(name, series).map((sample) => {
    const pairs = Object.entries(sample.labels).map(([label, value]) => `${label}="${escaped(value).replaceAll('"', '\\"')}"`)
    return `${sample.name}{${pairs.join(',')}} ${sample.value}`
  })
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')

function ownSeries(counters: IntakeCounters, time: number): readonly Series[] {
  const series = (name: string, kind: Series['kind'], help: string, value: number, attributes: Attributes = {}): Series => ({
    ...{ name, kind, help, unit: '', service: 'collector', attributes, points: [{ time, value }] },
  })
  const protocols = Object.entries(counters.protocols)
  return [
    ...protocols.map(([protocol, { taken }]) =>
      series('dure.collector.taken', 'counter', 'Items stored, by protocol', taken, { protocol }),
    ),
    ...protocols.map(([protocol, { refused }]) =>
      series('dure.collector.malformed', 'counter', 'Items that could not be read', refused, { protocol }),
    ),
    ...Object.entries(counters.forwardDropped).map(([to, dropped]) =>
      series('dure.collector.forward.dropped', 'counter', 'Items that did not get to those they are sent on to', dropped, { to }),
    ),
    series('dure.collector.dropped', 'counter', 'Items refused because the queue or the disk was full', counters.dropped),
    series('dure.collector.series.refused', 'counter', 'Series that there was no room for', counters.refusedSeries),
    series('dure.collector.queue.size', 'gauge', 'Bytes that wait to be written', counters.queued),
    series('dure.collector.full', 'gauge', '1 while the disk has no room', counters.full ? 1 : 0),
  ]
}
