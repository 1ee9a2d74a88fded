/** Traces as they are asked for. */
import type { Attributes, SpanEvent, SpanKind, SpanLink, SpanRecord } from '../record.ts'
import type { ReadSegment, ReadSegments } from './read-segments.ts'

export type TraceFilter = {
  readonly service?: string | undefined
  /** Name of a span of it. */
  readonly operation?: string | undefined
  /** Milliseconds that a span of it took, at least and at most. */
  readonly longerThan?: number | undefined
  readonly shorterThan?: number | undefined
  /** Only those in which a span failed. */
  readonly failed?: boolean | undefined
  /** When a span of it began: milliseconds since the epoch. */
  readonly from?: number | undefined
  readonly to?: number | undefined
}

export type TraceSummary = {
  readonly traceId: string
  /** Milliseconds since the epoch: its first span began. */
  readonly start: number
  /** Milliseconds from there to the end of its last. */
  readonly duration: number
  readonly spans: number
  readonly failed: number
  /** Of its first span. */
  readonly service: string
  readonly name: string
  readonly services: readonly { readonly service: string; readonly spans: number }[]
}

/** Spans of one trace that are given; of more it is only said how many there are. */
const MOST_SPANS = 200_000
/** Spans that are looked at for edges, and the edges. */
const MOST_LINKED = 200_000

type Place = {
  readonly trace: string
  readonly span: string
  readonly parent: string | null
  readonly service: string
  readonly name: string
  readonly kind: SpanKind
  readonly start: number
  readonly duration: number
  readonly failed: number
}
const COLUMNS = 'trace, span, parent, service, name, kind, start, duration, failed'
type Row = Place & { readonly more: string; readonly json: string }
type BriefRow = Place & { readonly message: string | null }

/** Newest first, by when what was asked for began. */
export function listTraces(segments: ReadSegments, asked: TraceFilter & { readonly limit: number }): readonly TraceSummary[] {
  const { where, values } = conditionsOf(asked)
  const found = new Set<string>()
  for (const segment of segments.each()) {
    // Of a service by its index; else as they came, which is nearly by time.
    const order = asked.service === undefined ? 'id' : 'start'
    const rows = segment.all<{ trace: string }>(
      `SELECT DISTINCT trace FROM (SELECT trace, ${order} AS place FROM spans WHERE ${where} ORDER BY place DESC LIMIT ?) LIMIT ?`,
      // A trace has many spans that are alike.
      ...[...values, asked.limit * 50, asked.limit],
    )
    for (const { trace } of rows) found.add(trace)
    if (found.size >= asked.limit) break
  }
  return [...found]
    .slice(0, asked.limit)
    .flatMap((traceId) => summaryOf(segments, traceId) ?? [])
    .toSorted((a, b) => b.start - a.start)
}

function conditionsOf({ service, operation, longerThan, shorterThan, failed, from, to }: TraceFilter): {
  readonly where: string
  readonly values: readonly (string | number)[]
} {
  const all: (readonly [string, string | number] | false)[] = [
    service !== undefined && ['service = ?', service],
    operation !== undefined && ['name = ?', operation],
    longerThan !== undefined && ['duration >= ?', Math.round(longerThan * 1_000)],
    shorterThan !== undefined && ['duration <= ?', Math.round(shorterThan * 1_000)],
    failed === true && ['failed = ?', 1],
    from !== undefined && ['start >= ?', Math.round(from * 1_000)],
    to !== undefined && ['start < ?', Math.round(to * 1_000)],
  ]
  const given = all.filter((one) => one !== false)
  return {
    where: given.length === 0 ? 'true' : given.map(([text]) => text).join(' AND '),
    values: given.map(([, value]) => value),
  }
}

function summaryOf(segments: ReadSegments, traceId: string): TraceSummary | undefined {
  const services = new Map<string, number>()
  let [spans, failed, start, end] = [0, 0, Infinity, -Infinity]
  let first: { readonly service: string; readonly name: string } | undefined
  for (const segment of segments.each()) {
    const rows = segment.all<{ service: string; spans: number; failed: number; start: number; end: number }>(
      `SELECT service, count(*) AS spans, sum(failed) AS failed, min(start) AS start, max(start + duration) AS end
       FROM spans WHERE trace = ? GROUP BY service`,
      traceId,
    )
    if (rows.length === 0) continue
    for (const row of rows) {
      services.set(row.service, (services.get(row.service) ?? 0) + row.spans)
      spans += row.spans
      failed += row.failed
      end = Math.max(end, row.end)
    }
    const earliest = Math.min(...rows.map((row) => row.start))
    if (earliest >= start) continue
    start = earliest
    first = segment.first('SELECT service, name FROM spans WHERE trace = ? ORDER BY start, parent IS NOT NULL LIMIT 1', traceId)
  }
  if (first === undefined) return undefined
  const each = [...services].map(([service, count]) => ({ service, spans: count }))
  return { traceId, start: start / 1_000, duration: (end - start) / 1_000, spans, failed, ...first, services: each }
}

/** The spans of a trace, by start; empty when there is none. A span that came twice is there once. */
export function readTrace(segments: ReadSegments, traceId: string): readonly SpanRecord[] {
  return spansOf<Row>(
    segments,
    traceId,
    { columns: `${COLUMNS}, more, json`, join: 'JOIN resources ON resources.id = resource' },
    spanOf,
  )
}

/** The same without attributes, resources, events and links: a tenth of what a large one takes to be read and handed on. */
export function readBriefTrace(segments: ReadSegments, traceId: string): readonly SpanRecord[] {
  return spansOf<BriefRow>(segments, traceId, { columns: `${COLUMNS}, more ->> '$.message' AS message` }, briefSpanOf)
}

function spansOf<R extends Place>(
  segments: ReadSegments,
  traceId: string,
  { columns, join = '' }: { readonly columns: string; readonly join?: string },
  make: (row: R) => SpanRecord,
): readonly SpanRecord[] {
  const found = new Map<string, SpanRecord>()
  for (const segment of segments.each()) {
    const sql = `SELECT ${columns} FROM spans ${join} WHERE trace = ? LIMIT ?`
    for (const row of segment.all<R>(sql, traceId, MOST_SPANS - found.size))
      // Both halves of a call may have the same id, as Zipkin's instrumentation has it.
      found.set(`${row.span} ${row.kind} ${row.service}`, make(row))
    if (found.size >= MOST_SPANS) break
  }
  return [...found.values()].toSorted((a, b) => a.start - b.start)
}

/** Ids of traces that begin so, at most so many. */
export function findTraces(segments: ReadSegments, prefix: string, limit: number): readonly string[] {
  const found = new Set<string>()
  for (const segment of segments.each()) {
    const sql = 'SELECT DISTINCT trace FROM spans WHERE trace >= ? AND trace < ? LIMIT ?'
    for (const { trace } of segment.all<{ trace: string }>(sql, prefix, `${prefix}g`, limit)) found.add(trace)
    if (found.size >= limit) break
  }
  return [...found].slice(0, limit)
}

export type ServiceOperations = { readonly service: string; readonly operations: readonly string[] }

export function traceServices(segments: ReadSegments): readonly ServiceOperations[] {
  const all = new Map<string, Set<string>>()
  for (const segment of segments.each()) {
    for (const service of servicesIn(segment)) {
      const operations = all.get(service) ?? new Set()
      all.set(service, operations)
      const sql = 'SELECT DISTINCT name FROM (SELECT name FROM spans WHERE service = ? ORDER BY start DESC LIMIT 5000) LIMIT 500'
      for (const { name } of segment.all<{ name: string }>(sql, service)) operations.add(name)
    }
  }
  return [...all]
    .map(([service, operations]) => ({ service, operations: [...operations].toSorted() }))
    .toSorted((a, b) => (a.service < b.service ? -1 : 1))
}

/** Each next one is found in the index: a plain DISTINCT would go through all spans. */
function servicesIn(segment: ReadSegment): readonly string[] {
  return segment
    .all<{ service: string | null }>(
      `WITH RECURSIVE each(service) AS (
         SELECT min(service) FROM spans
         UNION ALL SELECT (SELECT min(service) FROM spans WHERE service > each.service) FROM each WHERE each.service IS NOT NULL
       ) SELECT service FROM each WHERE service IS NOT NULL`,
    )
    .map(({ service }) => service!)
}

export type Edge = {
  readonly from: string
  readonly to: string
  /** Calls, or messages; those of them that failed. */
  readonly times: number
  readonly failed: number
  /** How: `call`, or `message` when it was published and somebody took it. */
  readonly by: 'call' | 'message'
}

/**
 * Who leads to work of whom: a span of one service under a span of another, or one that names another as what led to it. So
 * edges go from who publishes to who takes, whether a consumer's span is under the publisher's or linked to it. SQLite keeps the order of a CROSS JOIN. Left to itself it went through all spans, and for each of them through the links of all
 * consumers.
 */
export function readEdges(segments: ReadSegments, asked: { readonly from: number; readonly to: number }): readonly Edge[] {
  const edges = new Map<string, { times: number; failed: number }>()
  let left = MOST_LINKED
  for (const segment of segments.each()) {
    if (left <= 0) break
    const within = [Math.round(asked.from * 1_000), Math.round(asked.to * 1_000), left]
    const some = 'FROM spans WHERE start >= ? AND start < ? ORDER BY id DESC LIMIT ?'
    const rows = segment.all<{ a: string; b: string; kind: SpanKind; times: number; failed: number }>(
      `SELECT parents.service AS a, some.service AS b, some.kind AS kind, count(*) AS times, sum(some.failed) AS failed
       FROM (SELECT trace, parent, service, kind, failed ${some}) AS some
       CROSS JOIN spans AS parents ON parents.trace = some.trace AND parents.span = some.parent AND parents.service <> some.service
       GROUP BY 1, 2, 3`,
      ...within,
    )
    left -= segment.first<{ looked: number }>(`SELECT count(*) AS looked FROM (SELECT 1 ${some})`, ...within)!.looked
    for (const { a, b, kind, times, failed } of rows) add(edges, a, b, kind, times, failed)
    for (const { a, b, failed } of linked(segment, asked)) add(edges, a, b, 'consumer', 1, failed)
  }
  return [...edges].map(([key, counted]) => {
    const [from, to, by] = JSON.parse(key) as [string, string, Edge['by']]
    return { from, to, by, ...counted }
  })
}

function add(
  edges: Map<string, { times: number; failed: number }>,
  a: string,
  b: string,
  kind: SpanKind,
  times: number,
  failed: number,
): void {
  const key = JSON.stringify([a, b, kind === 'consumer' ? 'message' : 'call'])
  const before = edges.get(key) ?? { times: 0, failed: 0 }
  edges.set(key, { times: before.times + times, failed: before.failed + failed })
}

/** Edges of spans that begin a trace of their own and name what led to them. */
function linked(
  segment: ReadSegment,
  asked: { readonly from: number; readonly to: number },
): readonly { a: string; b: string; failed: number }[] {
  return segment.all(
    `SELECT sources.service AS a, spans.service AS b, spans.failed AS failed
     FROM spans CROSS JOIN json_each(spans.more, '$.links') AS link
     CROSS JOIN spans AS sources ON sources.trace = link.value ->> 'traceId' AND sources.span = link.value ->> 'spanId'
     WHERE spans.kind = 'consumer' AND spans.parent IS NULL AND spans.start >= ? AND spans.start < ? AND sources.service <> spans.service
     LIMIT 20000`,
    ...[Math.round(asked.from * 1_000), Math.round(asked.to * 1_000)],
  )
}

type More = {
  readonly attributes: Attributes
  readonly message?: string
  readonly events?: readonly SpanEvent[]
  readonly links?: readonly SpanLink[]
}

function spanOf(row: Row): SpanRecord {
  const { attributes, message, events = [], links = [] } = JSON.parse(row.more) as More
  return {
    ...placeOf(row),
    ...(message === undefined ? {} : { message }),
    attributes,
    resource: JSON.parse(row.json) as Attributes,
    events,
    links,
  }
}

// The same for all spans: handed to another thread it is copied once.
const [NOTHING, NONE]: readonly [Attributes, readonly never[]] = [{}, []]

function briefSpanOf(row: BriefRow): SpanRecord {
  const brief = { ...placeOf(row), attributes: NOTHING, resource: NOTHING, events: NONE, links: NONE }
  return row.message === null ? brief : { ...brief, message: row.message }
}

function placeOf(row: Place) {
  return {
    traceId: row.trace,
    spanId: row.span,
    ...(row.parent === null ? {} : { parentId: row.parent }),
    name: row.name,
    kind: row.kind,
    service: row.service,
    start: row.start / 1_000,
    duration: row.duration / 1_000,
    failed: row.failed === 1,
  }
}
