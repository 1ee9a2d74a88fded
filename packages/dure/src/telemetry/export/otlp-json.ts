import { serviceOfCopy } from '../../contract/internal.ts'
import { BOUNDS, type Exemplar } from '../histogram.ts'
import type { HistogramPoint, MetricFamily, NumberPoint } from '../metrics.ts'
import type { LogRecord } from '../log-tap.ts'
import type { Attributes, AttributeValue, Span, SpanKind } from '../span.ts'

/**
 * OTLP's requests in its JSON encoding: ids as hexadecimal text, 64-bit numbers as decimal text, enumerations as
 * numbers. Source: OTLP specification, "JSON Protobuf Encoding".
 */
export type Resource = {
  /** The system. */
  readonly namespace: string
  /** This process, so that two of one service do not write over each other's numbers. */
  readonly instance: string
  /** Which build it runs. */
  readonly version?: string | undefined
}

const KINDS: Readonly<Record<SpanKind, number>> = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 }
const SCOPE = { name: 'dure' }
const CUMULATIVE = 2

/** ExportTraceServiceRequest: the spans of each copy of a service under a resource of its own. */
export function tracesRequest(spans: readonly Span[], resource: Resource): unknown {
  const byCopy = Map.groupBy(spans, ({ service, copy = service }) => copy)
  return {
    resourceSpans: [...byCopy].map(([copy, own]) => ({
      resource: resourceOf(serviceOfCopy(copy), resource, { 'dure.copy': copy }),
      scopeSpans: [{ scope: SCOPE, spans: own.map(spanOf) }],
    })),
  }
}

/** ExportLogsServiceRequest: the lines of each service under a resource of its own, and what the system says under its own. */
export function logsRequest(lines: readonly LogRecord[], resource: Resource): unknown {
  const byService = Map.groupBy(lines, ({ service }) => service ?? resource.namespace)
  return {
    resourceLogs: [...byService].map(([service, own]) => ({
      resource: resourceOf(service, resource),
      scopeLogs: [{ scope: SCOPE, logRecords: own.map(lineOf) }],
    })),
  }
}

const SEVERITIES: Readonly<Record<LogRecord['level'], number>> = { debug: 5, info: 9, warn: 13, error: 17 }

function lineOf({ time, level, message, traceId, spanId, attributes }: LogRecord): unknown {
  return {
    timeUnixNano: nanos(time),
    severityNumber: SEVERITIES[level],
    severityText: level,
    body: { stringValue: message },
    attributes: attributesOf(attributes),
    ...(traceId === undefined ? {} : { traceId }),
    ...(spanId === undefined ? {} : { spanId }),
  }
}

/** ExportMetricsServiceRequest; `since` and `now` are milliseconds since the epoch. */
export function metricsRequest(
  families: readonly MetricFamily[],
  options: { resource: Resource; since: number; now: number },
): unknown {
  const times = { startTimeUnixNano: nanos(options.since), timeUnixNano: nanos(options.now) }
  return {
    resourceMetrics: [
      {
        resource: resourceOf(options.resource.namespace, options.resource),
        scopeMetrics: [{ scope: SCOPE, metrics: families.map((family) => metricOf(family, times)) }],
      },
    ],
  }
}

function resourceOf(service: string, { namespace, instance, version }: Resource, more: Attributes = {}): unknown {
  return {
    attributes: attributesOf({
      'service.name': service,
      'service.namespace': namespace,
      'service.instance.id': instance,
      ...(version !== undefined && { 'service.version': version }),
      ...more,
      'telemetry.sdk.name': 'dure',
      'telemetry.sdk.language': 'nodejs',
    }),
  }
}

function spanOf(span: Span): unknown {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentId === undefined ? {} : { parentSpanId: span.parentId }),
    ...(span.tracestate === undefined ? {} : { traceState: span.tracestate }),
    ...(span.flags === undefined ? {} : { flags: span.flags }),
    name: span.name,
    kind: KINDS[span.kind],
    startTimeUnixNano: nanos(span.start),
    endTimeUnixNano: nanos(span.start + span.duration),
    attributes: attributesOf(span.attributes),
    ...(span.links.length === 0 ? {} : { links: span.links }),
    status: span.status === 'error' ? { code: 2, message: span.message ?? '' } : {},
  }
}

type Times = { readonly startTimeUnixNano: string; readonly timeUnixNano: string }

function metricOf(family: MetricFamily, times: Times): unknown {
  const { name, help: description, unit } = family
  const points = family.points.map((point) => ('below' in point ? histogramPoint(point, times) : numberPoint(point, times)))
  switch (family.kind) {
    case 'histogram':
      return { name, description, unit, histogram: { dataPoints: points, aggregationTemporality: CUMULATIVE } }
    case 'counter':
      return { name, description, unit, sum: { dataPoints: points, aggregationTemporality: CUMULATIVE, isMonotonic: true } }
    case 'gauge':
      return { name, description, unit, gauge: { dataPoints: points } }
  }
}

function numberPoint({ attributes, value }: NumberPoint, times: Times): unknown {
  const number = Number.isSafeInteger(value) ? { asInt: String(value) } : { asDouble: value }
  return { attributes: attributesOf(attributes), ...times, ...number }
}

function histogramPoint(point: HistogramPoint, times: Times): unknown {
  const { attributes, count, sum, below, bounds = BOUNDS, exemplars } = point
  const counts = [...below, count].map((cumulative, i) => cumulative - (below[i - 1] ?? 0))
  return {
    attributes: attributesOf(attributes),
    ...times,
    count: String(count),
    sum,
    bucketCounts: counts.map(String),
    explicitBounds: bounds,
    ...(exemplars !== undefined && { exemplars: [...exemplars.values()].map(exemplarOf) }),
  }
}

function exemplarOf({ value, traceId, spanId, at }: Exemplar): unknown {
  return { timeUnixNano: nanos(at), asDouble: value, traceId, spanId }
}

function attributesOf(attributes: Attributes): readonly unknown[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: valueOf(value) }))
}

function valueOf(value: AttributeValue): unknown {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}

/** A double does not hold nanoseconds since the epoch: milliseconds and their fraction are put together as text. */
function nanos(ms: number): string {
  const whole = Math.floor(ms)
  return `${whole}${String(Math.floor((ms - whole) * 1_000_000)).padStart(6, '0')}`
}
