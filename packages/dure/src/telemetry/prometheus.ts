import { prometheusName, prometheusUnit } from './families.ts'
import { BOUNDS, type Exemplar } from './histogram.ts'
import type { HistogramPoint, MetricFamily } from './metrics.ts'
import type { Attributes } from './span.ts'

/**
 * Metrics as Prometheus reads them: OpenTelemetry's names with underscores, units and `_total` as its compatibility rules say. `text` is
 * the exposition format 0.0.4; `openmetrics` is OpenMetrics 1.0, which has exemplars as well.
 */
export type ExpositionFormat = 'text' | 'openmetrics'

export const EXPOSITION_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** Which of them a reader asks for in its `accept`. */
export function expositionFormat(accept: string | undefined): ExpositionFormat {
  return accept?.includes('application/openmetrics-text') === true ? 'openmetrics' : 'text'
}

export function prometheusText(families: readonly MetricFamily[], format: ExpositionFormat = 'text'): string {
  const write = format === 'text' ? familyText : openMetricsText
  return families.map(write).join('') + (format === 'text' ? '' : '# EOF\n')
}

function familyText(family: MetricFamily): string {
  const name = prometheusName(family)
  const lines = [`# HELP ${name} ${escapeHelp(family.help)}`, `# TYPE ${name} ${family.kind}`]
  for (const point of family.points) {
    if ('below' in point) lines.push(...histogramLines(name, point))
    else lines.push(`${name}${labels(point.attributes)} ${number(point.value)}`)
  }
  return `${lines.join('\n')}\n`
}

/** A counter is called by its name alone, and its numbers by that with `_total`. */
function openMetricsText(family: MetricFamily): string {
  const unit = prometheusUnit(family)
  const sample = prometheusName(family)
  const name = sample.replace(/_total$/, '')
  const lines = [`# TYPE ${name} ${family.kind}`, `# HELP ${name} ${escapeValue(family.help)}`]
  if (unit !== undefined) lines.push(`# UNIT ${name} ${unit}`)
  for (const point of family.points) {
    if ('below' in point) lines.push(...histogramLines(name, point, exemplarText))
    else lines.push(`${sample}${labels(point.attributes)} ${number(point.value)}`)
  }
  return `${lines.join('\n')}\n`
}

function histogramLines(
  name: string,
  { attributes, below, bounds = BOUNDS, count, sum, exemplars }: HistogramPoint,
  more: (exemplar: Exemplar | undefined) => string = () => '',
): string[] {
  const bucket = (le: string, value: number, i: number): string =>
    `${name}_bucket${labels({ ...attributes, le })} ${value}${more(exemplars?.get(i))}`
  return [
    ...bounds.map((bound, i) => bucket(number(bound), below[i]!, i)),
    bucket('+Inf', count, bounds.length),
    `${name}_sum${labels(attributes)} ${number(sum)}`,
    `${name}_count${labels(attributes)} ${count}`,
  ]
}

function exemplarText(exemplar: Exemplar | undefined): string {
  if (exemplar === undefined) return ''
  const { value, traceId, spanId, at } = exemplar
  return ` # {trace_id="${traceId}",span_id="${spanId}"} ${number(value)} ${(at / 1_000).toFixed(3)}`
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
