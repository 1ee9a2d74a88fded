import { serviceOfCopy } from '../../contract/internal.ts'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Span } from '../span.ts'
import { STORE_FILE } from './store.ts'

/** What a store knows, for tools: opened beside the system that writes it, without disturbing it. */
export type Traces = {
  /** Ids of traces that begin with these hexadecimal digits, the latest first, at most `limit` (default 10). */
  readonly find: (prefix: string, limit?: number) => readonly string[]
  /** The spans of a trace, by start; empty when there is none. */
  readonly trace: (id: string) => readonly Span[]
  /** The latest traces, at most `limit` (default 20). */
  readonly recent: (limit?: number) => readonly TraceSummary[]
  readonly close: () => void
}

export type TraceSummary = {
  readonly traceId: string
  /** Milliseconds since the epoch. */
  readonly start: number
  /** Milliseconds from the first start to the last end. */
  readonly duration: number
  readonly spans: number
  readonly errors: number
  /** Name and service of its first span. */
  readonly name: string
  readonly service: string
}

/**
 * Opens the span store of a system's directory for reading; undefined when it has none.
 * @throws when the file is no store
 *
 * @example
 * ```ts
 * import { openTraces } from 'dure/telemetry'
 *
 * const traces = openTraces('empty') // the directory of a system
 * console.log(traces) // → undefined
 * for (const { traceId, duration } of traces?.recent() ?? []) console.log(traceId, duration)
 * traces?.close()
 * ```
 */
export function openTraces(directory: string): Traces | undefined {
  const path = join(directory, STORE_FILE)
  if (!existsSync(path)) return undefined
  const db = new DatabaseSync(path, { readOnly: true, timeout: 2_000 })
  try {
    // Its writer makes the file first and what is in it next.
    if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'spans'").get() !== undefined) return tracesIn(db)
  } catch (error) {
    db.close()
    throw error
  }
  db.close()
  return undefined
}

function tracesIn(db: DatabaseSync): Traces {
  const find = db.prepare(
    'SELECT trace_id FROM spans WHERE trace_id >= ? AND trace_id < ? GROUP BY trace_id ORDER BY max(position) DESC LIMIT ?',
  )
  const trace = db.prepare('SELECT * FROM spans WHERE trace_id = ? ORDER BY start, position')
  const recent = db.prepare(`
    SELECT trace_id, start, duration, status, name, service FROM spans
    WHERE trace_id IN (SELECT trace_id FROM spans GROUP BY trace_id ORDER BY max(position) DESC LIMIT ?)
    ORDER BY start, position`)
  return {
    find: (prefix, limit = 10) =>
      find.all(prefix.toLowerCase(), `${prefix.toLowerCase()}g`, limit).map((row) => String(row['trace_id'])),
    trace: (id) => trace.all(id).map(spanOf),
    recent: (limit = 20) =>
      [...Map.groupBy(recent.all(limit), (row) => String(row['trace_id'])).values()]
        .map(summaryOf)
        .toSorted((a, b) => b.start - a.start),
    close: () => db.close(),
  }
}

type Row = ReturnType<ReturnType<DatabaseSync['prepare']>['all']>[number]

/** Of a trace's rows, by start. */
function summaryOf(rows: readonly Row[]): TraceSummary {
  const [first] = rows
  const start = Number(first!['start'])
  return {
    traceId: String(first!['trace_id']),
    start,
    duration: Math.max(...rows.map((row) => Number(row['start']) + Number(row['duration']))) - start,
    spans: rows.length,
    errors: rows.filter((row) => row['status'] === 'error').length,
    name: String(first!['name']),
    service: serviceOfCopy(String(first!['service'])),
  }
}

function spanOf(row: Row): Span {
  const optional = (column: string): string | undefined => (row[column] === null ? undefined : String(row[column]))
  const copy = String(row['service'])
  const service = serviceOfCopy(copy)
  return {
    traceId: String(row['trace_id']),
    spanId: String(row['span_id']),
    parentId: optional('parent_id'),
    tracestate: optional('tracestate'),
    name: String(row['name']),
    kind: String(row['kind']) as Span['kind'],
    service,
    ...(copy === service ? undefined : { copy }),
    start: Number(row['start']),
    duration: Number(row['duration']),
    attributes: JSON.parse(String(row['attributes'])) as Span['attributes'],
    status: String(row['status']) as Span['status'],
    message: optional('message'),
    links: JSON.parse(String(row['links'])) as Span['links'],
  }
}
