import { BOUNDS } from './histogram.ts'
import type { HistogramPoint, MetricFamily } from './metrics.ts'
import type { Attributes } from './span.ts'

/**
 * Metrics in Prometheus' text exposition format, version 0.0.4: OpenTelemetry's names with underscores, units and
 * `_total` as its compatibility rules say.
 */
export function prometheusText(families: readonly MetricFamily[]): string {
  return families.map(familyText).join('')
}

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

function familyText(family: MetricFamily): string {
  const name = nameOf(family)
  const lines = [`# HELP ${name} ${escapeHelp(family.help)}`, `# TYPE ${name} ${family.kind}`]
  for (const point of family.points) {
    if ('below' in point) lines.push(...histogramLines(name, point))
    else lines.push(`${name}${labels(point.attributes)} ${number(point.value)}`)
  }
  return `${lines.join('\n')}\n`
}

function histogramLines(name: string, { attributes, below, count, sum }: HistogramPoint): string[] {
  const buckets = BOUNDS.map((bound, i) => `${name}_bucket${labels({ ...attributes, le: number(bound) })} ${below[i]}`)
  return [
    ...buckets,
    `${name}_bucket${labels({ ...attributes, le: '+Inf' })} ${count}`,
    `${name}_sum${labels(attributes)} ${number(sum)}`,
    `${name}_count${labels(attributes)} ${count}`,
  ]
}

/** Only real units become part of a name; `{call}` and its like are words for people. */
function nameOf({ name, unit, kind }: MetricFamily): string {
  const base = name.replaceAll(/[^a-zA-Z0-9_:]/g, '_')
  return `${base}${unit === 's' ? '_seconds' : ''}${kind === 'counter' ? '_total' : ''}`
}

function labels(attributes: Attributes): string {
  const pairs = Object.entries(attributes).map(
    ([key, value]) => `${key.replaceAll(/[^a-zA-Z0-9_]/g, '_')}="${escapeValue(String(value))}"`,
  )
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

const escapeValue = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')

function number(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}
