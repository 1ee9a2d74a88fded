/** Logs as they are asked for. */
import { type Attributes, LEVELS, type LogLevel, rankOf } from '../record.ts'
import { logQuery, type LogFilter } from './query.ts'
import type { ReadSegment, ReadSegments } from './read-segments.ts'
import { SLOT } from './segment.ts'

export type LogLine = {
  /** Where it is in the store: as `before` it has those before it asked for. */
  readonly id: string
  /** Milliseconds since the epoch, with fractions. */
  readonly time: number
  readonly severity: number
  readonly level: LogLevel
  readonly service: string
  readonly body: string
  readonly traceId?: string | undefined
  readonly spanId?: string | undefined
  readonly attributes: Attributes
  readonly resource: Attributes
}

export type LogPage = {
  /** Newest first, in the order in which they came. */
  readonly lines: readonly LogLine[]
  /** What to give as `before` for those that came before; undefined when there are none. */
  readonly next?: string | undefined
}

export type LogCounts = {
  /** Milliseconds of each slot. */
  readonly step: number
  readonly slots: readonly { readonly time: number; readonly lines: Readonly<Record<LogLevel, number>> }[]
  /** False: there are more than were counted, and these are the newest. */
  readonly complete: boolean
}

type Row = {
  readonly id: number
  readonly time: number
  readonly severity: number
  readonly service: string
  readonly trace: string | null
  readonly span: string | null
  readonly body: string
  readonly attributes: string
  readonly json: string
}

const COLUMNS = 'logs.id, time, severity, service, trace, span, body, attributes, json'
const LINE = 'JOIN resources ON resources.id = logs.resource'
/** Lines that a histogram of words counts. */
const MOST_COUNTED = 50_000

export function searchLogs(
  segments: ReadSegments,
  asked: LogFilter & { readonly before?: string | undefined; readonly limit: number },
): LogPage {
  const { match, where, values } = logQuery(asked)
  const before = placeOf(asked.before)
  const lines: LogLine[] = []
  for (const segment of segments.each()) {
    if (before !== undefined && segment.number > before.number) continue
    const under = before?.number === segment.number ? before.id : Number.MAX_SAFE_INTEGER
    const wanted = asked.limit + 1 - lines.length
    const conditions = where.map((one) => ` AND ${one}`).join('')
    const rows =
      match === undefined
        ? segment.all<Row>(
            `SELECT ${COLUMNS} FROM logs ${LINE} WHERE logs.id < ?${conditions} ORDER BY logs.id DESC LIMIT ?`,
            ...[under, ...values, wanted],
          )
        : segment.all<Row>(
            `SELECT ${COLUMNS} FROM words CROSS JOIN logs ON logs.id = words.rowid ${LINE}
             WHERE words MATCH ? AND words.rowid < ?${conditions} ORDER BY words.rowid DESC LIMIT ?`,
            ...[match, under, ...values, wanted],
          )
    for (const row of rows) lines.push(lineOf(segment, row))
    if (lines.length > asked.limit) break
  }
  const page = lines.slice(0, asked.limit)
  return lines.length > asked.limit ? { lines: page, next: page.at(-1)!.id } : { lines: page }
}

/** The lines around one, in the order in which they came; of its service alone, where that is asked. */
export function surroundingLogs(
  segments: ReadSegments,
  asked: { readonly id: string; readonly count: number; readonly sameService: boolean },
): readonly LogLine[] {
  const place = placeOf(asked.id)
  if (place === undefined) return []
  for (const segment of segments.each()) {
    if (segment.number !== place.number) continue
    const { service } = segment.first<{ service: string }>('SELECT service FROM logs WHERE id = ?', place.id) ?? {}
    if (service === undefined) return []
    const only = asked.sameService ? 'AND service = ?' : ''
    const values = asked.sameService ? [service] : []
    const earlier = segment.all<Row>(
      `SELECT ${COLUMNS} FROM logs ${LINE} WHERE logs.id < ? ${only} ORDER BY logs.id DESC LIMIT ?`,
      ...[place.id, ...values, asked.count],
    )
    const later = segment.all<Row>(
      `SELECT ${COLUMNS} FROM logs ${LINE} WHERE logs.id >= ? ${only} ORDER BY logs.id LIMIT ?`,
      ...[place.id, ...values, asked.count + 1],
    )
    return [...earlier.toReversed(), ...later].map((row) => lineOf(segment, row))
  }
  return []
}

/** Without words from what was counted as it was written; with them from the lines. */
export function countLogs(
  segments: ReadSegments,
  asked: LogFilter & { readonly from: number; readonly to: number; readonly slots: number },
): LogCounts {
  const { from, to, service } = asked
  const step = Math.max(SLOT, Math.ceil((to - from) / asked.slots / SLOT) * SLOT)
  const start = Math.floor(from / step) * step
  const found = new Map<number, number[]>()
  const add = (time: number, rank: number, lines: number): void => {
    const slot = Math.floor((time - start) / step)
    let counts = found.get(slot)
    if (counts === undefined) found.set(slot, (counts = [0, 0, 0, 0]))
    counts[rank]! += lines
  }
  const lowest = asked.level === undefined ? 0 : LEVELS.indexOf(asked.level)
  let left = MOST_COUNTED
  const plain = (asked.words ?? '').trim() === '' && asked.traceId === undefined
  for (const segment of segments.each()) {
    if (left <= 0) break
    if (plain) {
      const rows = segment.all<{ slot: number; rank: number; lines: number }>(
        `SELECT slot, rank, sum(lines) AS lines FROM counts WHERE slot >= ? AND slot < ? AND rank >= ?
         ${service === undefined ? '' : 'AND service = ?'} GROUP BY slot, rank`,
        ...[Math.floor(from / SLOT), Math.ceil(to / SLOT), lowest, ...(service === undefined ? [] : [service])],
      )
      for (const { slot, rank, lines } of rows) add(slot * SLOT, rank, lines)
      continue
    }
    const { match, where, values } = logQuery(asked)
    const conditions = where.map((one) => ` AND ${one}`).join('')
    const rows = segment.all<{ time: number; severity: number }>(
      match === undefined
        ? `SELECT time, severity FROM logs WHERE true${conditions} ORDER BY id DESC LIMIT ?`
        : `SELECT time, severity FROM words CROSS JOIN logs ON logs.id = words.rowid WHERE words MATCH ?${conditions} ORDER BY words.rowid DESC LIMIT ?`,
      ...[...(match === undefined ? [] : [match]), ...values, left],
    )
    for (const { time, severity } of rows) add(time / 1_000, rankOf(severity), 1)
    left -= rows.length
  }
  const slots = Array.from({ length: Math.max(1, Math.ceil((to - start) / step)) }, (_, i) => {
    const [debug = 0, info = 0, warn = 0, error = 0] = found.get(i) ?? []
    return { time: start + i * step, lines: { debug, info, warn, error } }
  })
  return { step, slots, complete: left > 0 }
}

/** Services whose lines are there, by name. */
export function logServices(segments: ReadSegments): readonly string[] {
  const all = new Set<string>()
  for (const segment of segments.each())
    for (const { service } of segment.all<{ service: string }>('SELECT DISTINCT service FROM counts')) all.add(service)
  return [...all].toSorted()
}

function placeOf(id: string | undefined): { readonly number: number; readonly id: number } | undefined {
  const [, number, row] = /^(\d{1,8})\.(\d{1,15})$/.exec(id ?? '') ?? []
  return number === undefined ? undefined : { number: Number(number), id: Number(row) }
}

function lineOf({ number }: ReadSegment, row: Row): LogLine {
  return {
    id: `${number}.${row.id}`,
    time: row.time / 1_000,
    severity: row.severity,
    level: LEVELS[rankOf(row.severity)]!,
    service: row.service,
    body: row.body,
    ...(row.trace === null ? {} : { traceId: row.trace }),
    ...(row.span === null ? {} : { spanId: row.span }),
    attributes: JSON.parse(row.attributes) as Attributes,
    resource: JSON.parse(row.json) as Attributes,
  }
}
