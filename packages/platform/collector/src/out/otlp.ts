/** Records as OTLP's requests, in their JSON form: what `in/otlp.ts` reads. */
import type { Attributes, LogRecord, MetricRecord, SpanKind, SpanRecord, Value } from '../record.ts'

const KINDS: Readonly<Record<SpanKind, number>> = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 }
const CUMULATIVE = 2

export function tracesRequest(spans: readonly SpanRecord[]): object {
  const own = grouped(spans, ({ resource }) => resource, spanOf)
  return { resourceSpans: own.map(({ resource, items }) => ({ resource, scopeSpans: [{ spans: items }] })) }
}

export function logsRequest(logs: readonly LogRecord[]): object {
  const own = grouped(logs, ({ resource }) => resource, logOf)
  return { resourceLogs: own.map(({ resource, items }) => ({ resource, scopeLogs: [{ logRecords: items }] })) }
}

export function metricsRequest(metrics: readonly MetricRecord[]): object {
  const own = grouped(metrics, () => NOTHING, metricOf)
  return { resourceMetrics: own.map(({ resource, items }) => ({ resource, scopeMetrics: [{ metrics: items }] })) }
}

const NOTHING: Attributes = {}

/** Under the resource of each; whose it is is said by all, also where it was said beside the resource. */
function grouped<T extends { readonly service: string }>(
  records: readonly T[],
  resourceOf: (record: T) => Attributes,
  make: (record: T) => object,
): readonly { readonly resource: object; readonly items: readonly object[] }[] {
  const groups = Map.groupBy(records, (record) => JSON.stringify([record.service, resourceOf(record)]))
  return [...groups.values()].map((own) => {
    const [first] = own as [T, ...T[]]
    return {
      resource: { attributes: pairsOf({ ...resourceOf(first), 'service.name': first.service }) },
      items: own.map(make),
    }
  })
}

function spanOf(span: SpanRecord): object {
  const { traceId, spanId, parentId, name, kind, start, duration, failed, message, attributes, events, links } = span
  return {
    ...{ traceId, spanId, ...(parentId !== undefined && { parentSpanId: parentId }), name, kind: KINDS[kind] },
    ...{ startTimeUnixNano: nanos(start), endTimeUnixNano: nanos(start + duration), attributes: pairsOf(attributes) },
    events: events.map((event) => ({
      ...{ timeUnixNano: nanos(event.time), name: event.name, attributes: pairsOf(event.attributes) },
    })),
    links,
    status: { ...(failed && { code: 2 }), ...(message !== undefined && { message }) },
  }
}

function logOf({ time, severity, body, traceId, spanId, attributes }: LogRecord): object {
  return {
    ...{ timeUnixNano: nanos(time), severityNumber: severity, body: { stringValue: body }, attributes: pairsOf(attributes) },
    ...(traceId !== undefined && { traceId }),
    ...(spanId !== undefined && { spanId }),
  }
}

function metricOf({ name, unit, help, kind, attributes, time, value, histogram }: MetricRecord): object {
  const at = { timeUnixNano: nanos(time), attributes: pairsOf(attributes) }
  const about = { name, unit, description: help }
  if (kind === 'histogram') {
    const { sum = 0, bounds = [], counts = [] } = histogram ?? {}
    const point = { ...at, count: String(value), sum, explicitBounds: bounds, bucketCounts: counts.map(String) }
    return { ...about, histogram: { aggregationTemporality: CUMULATIVE, dataPoints: [point] } }
  }
  const dataPoints = [{ ...at, asDouble: value }]
  if (kind === 'gauge') return { ...about, gauge: { dataPoints } }
  return { ...about, sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints } }
}

/** To the microsecond, which is what a record holds. */
const nanos = (ms: number): string => `${Math.round(ms * 1_000)}000`

const pairsOf = (attributes: Attributes): readonly object[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: valueOf(value) }))

function valueOf(value: Value): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
  if (value === null) return {}
  if (Array.isArray(value)) return { arrayValue: { values: (value as readonly Value[]).map(valueOf) } }
  return { kvlistValue: { values: pairsOf(value as Attributes) } }
}
