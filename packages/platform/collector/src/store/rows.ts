/** Records as rows: flat lists of texts and numbers, which cost little to hand to another thread. */
import { type Batch, type ExceptionRecord, type LogRecord, type MetricRecord, rankOf, type SpanRecord } from '../record.ts'
import { levelTag, serviceTag, traceTag, untagged } from './segment.ts'

type Cell = string | number | null

export type Rows = {
  readonly logs: readonly Cell[]
  readonly spans: readonly Cell[]
  readonly metrics: readonly MetricRecord[]
  readonly exceptions: readonly ExceptionRecord[]
  /** Characters and numbers of all of it, about. */
  readonly bytes: number
}

/** time, severity, service, trace, span, body, attributes, resource, text */
export const LOG_CELLS = 9
/** trace, span, parent, service, name, kind, start, duration, failed, more, resource */
export const SPAN_CELLS = 11
/** Characters of a line and of its fields that can be searched for. */
const SEARCHED = 4_000
/** What a row takes beside its texts, about. */
const ROW = 64

/** Times are kept as whole microseconds. */
export const micros = (ms: number): number => Math.round(ms * 1_000)

export function rowsOf({ logs, spans, metrics, exceptions }: Batch): Rows {
  const logCells: Cell[] = []
  const spanCells: Cell[] = []
  // Of one request nearly all have the same resource.
  const resourceOf = memo((resource: object) => JSON.stringify(resource))
  const tagOf = memo(serviceTag)
  for (const record of logs) addLog(logCells, record, resourceOf(record.resource), tagOf(record.service))
  for (const record of spans) addSpan(spanCells, record, resourceOf(record.resource))
  let bytes = (logs.length + spans.length) * ROW + exceptions.length * 2_000 + metrics.length * 300
  for (const cell of logCells) if (typeof cell === 'string') bytes += cell.length
  for (const cell of spanCells) if (typeof cell === 'string') bytes += cell.length
  return { logs: logCells, spans: spanCells, metrics, exceptions, bytes }
}

/** What was asked for before is not made again. */
function memo<Input>(make: (input: Input) => string): (input: Input) => string {
  const made = new Map<Input, string>()
  return (input) => {
    let text = made.get(input)
    if (text === undefined) made.set(input, (text = make(input)))
    return text
  }
}

function addLog(cells: Cell[], record: LogRecord, resource: string, serviceTagged: string): void {
  const { time, severity, service, body, traceId, spanId, attributes } = record
  const text = untagged(searched(body, attributes))
  const tags = `${levelTag(rankOf(severity))} ${serviceTagged}${traceId === undefined ? '' : ` ${traceTag(traceId)}`}`
  cells.push(micros(time), severity, service, traceId ?? null, spanId ?? null, body, JSON.stringify(attributes), resource)
  cells.push(`${tags} ${text}`)
}

function searched(body: string, attributes: LogRecord['attributes']): string {
  let text = body.length > SEARCHED ? body.slice(0, SEARCHED) : body
  for (const name in attributes) {
    const value = attributes[name]
    if (text.length >= SEARCHED) break
    if (typeof value === 'string') text += ` ${value.length > SEARCHED ? value.slice(0, SEARCHED) : value}`
    else text += ` ${typeof value === 'object' ? JSON.stringify(value).slice(0, SEARCHED) : value}`
  }
  return text
}

function addSpan(cells: Cell[], span: SpanRecord, resource: string): void {
  const { traceId, spanId, parentId, service, name, kind, start, duration, failed, message, attributes, events, links } = span
  const more = JSON.stringify({
    attributes,
    ...(message === undefined ? {} : { message }),
    ...(events.length === 0 ? {} : { events }),
    ...(links.length === 0 ? {} : { links }),
  })
  cells.push(
    traceId,
    spanId,
    parentId ?? null,
    service,
    name,
    kind,
    micros(start),
    micros(duration),
    failed ? 1 : 0,
    more,
    resource,
  )
}

/** Many in one, as one write of all. */
export function joined(all: readonly Rows[]): Rows {
  if (all.length === 1) return all[0]!
  return {
    logs: all.flatMap(({ logs }) => logs),
    spans: all.flatMap(({ spans }) => spans),
    metrics: all.flatMap(({ metrics }) => metrics),
    exceptions: all.flatMap(({ exceptions }) => exceptions),
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}
