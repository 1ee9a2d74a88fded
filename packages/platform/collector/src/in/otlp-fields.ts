/** OTLP's messages, by the numbers of their fields. Source: opentelemetry-proto 1.x. */
import type { Field, Fields, Kind } from './protobuf.ts'

const value = (name: string, kind: Kind): Field => ({ name, kind })
const one = (name: string, of: () => Fields): Field => ({ name, many: false, of })
const many = (name: string, of: () => Fields): Field => ({ name, many: true, of })
const message = (fields: Readonly<Record<number, Field>>): Fields =>
  new Map(Object.entries(fields).map(([number, field]) => [Number(number), field]))

const AnyValue: Fields = message({
  1: value('stringValue', 'text'),
  2: value('boolValue', 'bool'),
  3: value('intValue', 'varint'),
  4: value('doubleValue', 'double'),
  5: one('arrayValue', () => ArrayValue),
  6: one('kvlistValue', () => KeyValueList),
  7: value('bytesValue', 'base64'),
})
const ArrayValue: Fields = message({ 1: many('values', () => AnyValue) })
const KeyValue: Fields = message({ 1: value('key', 'text'), 2: one('value', () => AnyValue) })
const KeyValueList: Fields = message({ 1: many('values', () => KeyValue) })
const attributes = (): Field => many('attributes', () => KeyValue)
const Resource = message({ 1: attributes() })

const Event = message({ 1: value('timeUnixNano', 'fixed64'), 2: value('name', 'text'), 3: attributes() })
const Link = message({ 1: value('traceId', 'hex'), 2: value('spanId', 'hex') })
const Status = message({ 2: value('message', 'text'), 3: value('code', 'varint') })
const Span = message({
  1: value('traceId', 'hex'),
  2: value('spanId', 'hex'),
  4: value('parentSpanId', 'hex'),
  5: value('name', 'text'),
  6: value('kind', 'varint'),
  7: value('startTimeUnixNano', 'fixed64'),
  8: value('endTimeUnixNano', 'fixed64'),
  9: attributes(),
  11: many('events', () => Event),
  13: many('links', () => Link),
  15: one('status', () => Status),
})
const ScopeSpans = message({ 2: many('spans', () => Span) })
const ResourceSpans = message({ 1: one('resource', () => Resource), 2: many('scopeSpans', () => ScopeSpans) })
export const TracesRequest: Fields = message({ 1: many('resourceSpans', () => ResourceSpans) })

const LogRecord = message({
  1: value('timeUnixNano', 'fixed64'),
  2: value('severityNumber', 'varint'),
  3: value('severityText', 'text'),
  5: one('body', () => AnyValue),
  6: attributes(),
  9: value('traceId', 'hex'),
  10: value('spanId', 'hex'),
  11: value('observedTimeUnixNano', 'fixed64'),
  12: value('eventName', 'text'),
})
const ScopeLogs = message({ 2: many('logRecords', () => LogRecord) })
const ResourceLogs = message({ 1: one('resource', () => Resource), 2: many('scopeLogs', () => ScopeLogs) })
export const LogsRequest: Fields = message({ 1: many('resourceLogs', () => ResourceLogs) })

const NumberPoint = message({
  3: value('timeUnixNano', 'fixed64'),
  4: value('asDouble', 'double'),
  6: value('asInt', 'sfixed64'),
  7: attributes(),
})
const HistogramPoint = message({
  3: value('timeUnixNano', 'fixed64'),
  4: value('count', 'fixed64'),
  5: value('sum', 'double'),
  6: value('bucketCounts', 'fixed64s'),
  7: value('explicitBounds', 'doubles'),
  9: attributes(),
})
const ExponentialPoint = message({
  1: attributes(),
  3: value('timeUnixNano', 'fixed64'),
  4: value('count', 'fixed64'),
  5: value('sum', 'double'),
})
const SummaryPoint = message({
  3: value('timeUnixNano', 'fixed64'),
  4: value('count', 'fixed64'),
  5: value('sum', 'double'),
  7: attributes(),
})
const points = (of: () => Fields): Fields =>
  message({ 1: many('dataPoints', of), 2: value('aggregationTemporality', 'varint'), 3: value('isMonotonic', 'bool') })
const Numbers = points(() => NumberPoint)
const Metric = message({
  1: value('name', 'text'),
  2: value('description', 'text'),
  3: value('unit', 'text'),
  5: one('gauge', () => Numbers),
  7: one('sum', () => Numbers),
  9: one('histogram', () => points(() => HistogramPoint)),
  10: one('exponentialHistogram', () => points(() => ExponentialPoint)),
  11: one('summary', () => points(() => SummaryPoint)),
})
const ScopeMetrics = message({ 2: many('metrics', () => Metric) })
const ResourceMetrics = message({ 1: one('resource', () => Resource), 2: many('scopeMetrics', () => ScopeMetrics) })
export const MetricsRequest: Fields = message({ 1: many('resourceMetrics', () => ResourceMetrics) })
