/** OTLP's requests, in the shape of their JSON form, as records. */
import type { Batch, LogRecord, MetricRecord, SpanKind, SpanRecord } from '../record.ts'
import { LONGEST_BODY, otlpAttributes, otlpValue, shortened } from '../attributes.ts'
import { believed, fromNanos, idOf } from '../time.ts'

/** What was taken of a request, and of how much it was not. */
export type Taken = {
  readonly batch: Batch
  readonly rejected: number
  /** Why, of the first. */
  readonly why: string
}

type Json = Readonly<Record<string, unknown>>

const listOf = (value: unknown): readonly Json[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'object' && one !== null) : []
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
/** Characters of a name. */
const LONGEST_NAME = 500
const EVENTS = 128

/** Goes through all items of all resources. @throws what `take` throws is why an item was not taken */
function each(
  request: unknown,
  names: readonly [string, string, string],
  take: (item: Json, service: string, resource: LogRecord['resource']) => void,
) {
  let [rejected, why] = [0, '']
  for (const of of listOf((request as Json | null)?.[names[0]])) {
    const resource = otlpAttributes((of['resource'] as Json | undefined)?.['attributes'])
    const service = shortened(textOf(resource['service.name']) || 'unknown_service', LONGEST_NAME)
    for (const scope of listOf(of[names[1]]))
      for (const item of listOf(scope[names[2]])) {
        try {
          take(item, service, resource)
        } catch (error) {
          rejected++
          why ||= (error as Error).message
        }
      }
  }
  return { rejected, why }
}

const EMPTY: Batch = { logs: [], spans: [], metrics: [], exceptions: [] }
const KINDS: readonly SpanKind[] = ['internal', 'internal', 'server', 'client', 'producer', 'consumer']

export function tracesOf(request: unknown, received: number): Taken {
  const spans: SpanRecord[] = []
  const { rejected, why } = each(request, ['resourceSpans', 'scopeSpans', 'spans'], (item, service, resource) => {
    const [traceId, spanId] = [idOf(item['traceId'], 32), idOf(item['spanId'], 16)]
    if (traceId === undefined || spanId === undefined) throw new TypeError('a span has no ids, or ids that are all zeros')
    const said = fromNanos(item['startTimeUnixNano'])
    const duration = Math.max(0, fromNanos(item['endTimeUnixNano']) - said) || 0
    const status = (item['status'] ?? {}) as Json
    const isFailed = status['code'] === 2 || status['code'] === 'STATUS_CODE_ERROR'
    const message = textOf(status['message'])
    const kind = item['kind']
    spans.push({
      ...{ traceId, spanId, parentId: idOf(item['parentSpanId'], 16), name: shortened(textOf(item['name']), LONGEST_NAME) },
      kind:
        (typeof kind === 'string' ? (kind.replace('SPAN_KIND_', '').toLowerCase() as SpanKind) : KINDS[Number(kind)]) ??
        'internal',
      ...{ service, start: believed(said, received), duration, failed: isFailed },
      ...(message === '' ? {} : { message: shortened(message, LONGEST_NAME) }),
      attributes: otlpAttributes(item['attributes']),
      resource,
      events: listOf(item['events'])
        .slice(0, EVENTS)
        .map((event) => ({
          time: believed(fromNanos(event['timeUnixNano']), received),
          name: shortened(textOf(event['name']), LONGEST_NAME),
          attributes: otlpAttributes(event['attributes']),
        })),
      links: listOf(item['links'])
        .slice(0, EVENTS)
        .flatMap((link) => {
          const [linked, linkedSpan] = [idOf(link['traceId'], 32), idOf(link['spanId'], 16)]
          return linked === undefined || linkedSpan === undefined ? [] : [{ traceId: linked, spanId: linkedSpan }]
        }),
    })
  })
  return { batch: { ...EMPTY, spans }, rejected, why }
}

export function logsOf(request: unknown, received: number): Taken {
  const logs: LogRecord[] = []
  const { rejected, why } = each(request, ['resourceLogs', 'scopeLogs', 'logRecords'], (item, service, resource) => {
    const said = Number(item['timeUnixNano'] ?? 0) > 0 ? item['timeUnixNano'] : item['observedTimeUnixNano']
    const body = item['body'] === undefined ? textOf(item['eventName']) : otlpValue(item['body'])
    const severity = Number(item['severityNumber'] ?? 0)
    logs.push({
      time: believed(fromNanos(said), received),
      severity: severity >= 1 && severity <= 24 ? severity : 9,
      service,
      body: shortened(typeof body === 'string' ? body : JSON.stringify(body), LONGEST_BODY),
      ...{ traceId: idOf(item['traceId'], 32), spanId: idOf(item['spanId'], 16) },
      attributes: otlpAttributes(item['attributes']),
      resource,
    })
  })
  return { batch: { ...EMPTY, logs }, rejected, why }
}

const DELTA = 1

/** @param sums adds up numbers of those who tell only what has come since the last time */
export function metricsOf(request: unknown, received: number, sums: Sums): Taken {
  const metrics: MetricRecord[] = []
  const { rejected, why } = each(request, ['resourceMetrics', 'scopeMetrics', 'metrics'], (item, service) => {
    const name = shortened(textOf(item['name']), LONGEST_NAME)
    if (name === '') throw new TypeError('a metric has no name')
    const about = {
      name,
      service,
      unit: shortened(textOf(item['unit']), 64),
      help: shortened(textOf(item['description']), LONGEST_NAME),
    }
    const [type, data] = Object.entries(item).find(([key]) => TYPES.has(key)) ?? []
    if (type === undefined) throw new TypeError(`the metric "${name}" has no points of a kind that is known`)
    const given = data as Json
    const isDelta =
      given['aggregationTemporality'] === DELTA || given['aggregationTemporality'] === 'AGGREGATION_TEMPORALITY_DELTA'
    for (const point of listOf(given['dataPoints'])) {
      const at = {
        ...about,
        attributes: otlpAttributes(point['attributes']),
        time: believed(fromNanos(point['timeUnixNano']), received),
      }
      const record: MetricRecord =
        type === 'gauge' || type === 'sum'
          ? {
              ...at,
              kind: type === 'sum' && given['isMonotonic'] === true ? 'counter' : 'gauge',
              value: Number(point['asInt'] ?? point['asDouble']),
            }
          : { ...at, kind: 'histogram', value: Number(point['count'] ?? 0), histogram: histogramOf(point) }
      metrics.push(isDelta && record.kind !== 'gauge' ? sums.add(record) : record)
    }
  })
  return { batch: { ...EMPTY, metrics }, rejected, why }
}

const TYPES: ReadonlySet<string> = new Set(['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'])
/** Buckets of a histogram. */
const MOST_BUCKETS = 512

function histogramOf(point: Json): MetricRecord['histogram'] {
  const numbers = (value: unknown): readonly number[] => (Array.isArray(value) ? value.slice(0, MOST_BUCKETS).map(Number) : [])
  const counts = numbers(point['bucketCounts'])
  const bounds = numbers(point['explicitBounds'])
  return { sum: Number(point['sum'] ?? 0), bounds, counts: counts.length === 0 ? [Number(point['count'] ?? 0)] : counts }
}

export type Sums = { readonly add: (record: MetricRecord) => MetricRecord }

/** Series whose sums are known; the one that was added to least lately goes. */
const MOST_SUMS = 20_000

export function createSums(): Sums {
  const known = new Map<string, MetricRecord>()
  return {
    add: (record) => {
      const key = JSON.stringify([record.service, record.name, record.attributes])
      const before = known.get(key)
      known.delete(key)
      const [a, b] = [before?.histogram, record.histogram]
      const histogram =
        a === undefined || b === undefined || a.counts.length !== b.counts.length
          ? b
          : { sum: a.sum + b.sum, bounds: b.bounds, counts: b.counts.map((count, i) => count + a.counts[i]!) }
      const sum = { ...record, value: record.value + (before?.value ?? 0), histogram }
      known.set(key, sum)
      if (known.size > MOST_SUMS) known.delete(known.keys().next().value!)
      return sum
    },
  }
}
