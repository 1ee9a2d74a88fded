import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { nodeSqlite } from '../../runtime/internal.ts'
import { retriedSpans } from '../retried.ts'
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
  /** Spans that failed for good: no later try of the same work went well. */
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
  const { DatabaseSync } = nodeSqlite()
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
  const trace = db.prepare('SELECT span FROM spans WHERE trace_id = ? ORDER BY position')
  const recent = db.prepare(`
    SELECT span FROM spans
    WHERE trace_id IN (SELECT trace_id FROM spans GROUP BY trace_id ORDER BY max(position) DESC LIMIT ?)
    ORDER BY position`)
  return {
    find: (prefix, limit = 10) =>
      find.all(prefix.toLowerCase(), `${prefix.toLowerCase()}g`, limit).map((row) => String(row['trace_id'])),
    trace: (id) => spansOf(trace.all(id)),
    recent: (limit = 20) =>
      [...Map.groupBy(spansOf(recent.all(limit)), ({ traceId }) => traceId).values()]
        .map(summaryOf)
        .toSorted((a, b) => b.start - a.start),
    close: () => db.close(),
  }
}

/** Of a trace's spans, by start. */
function summaryOf(spans: readonly Span[]): TraceSummary {
  const { traceId, start, name, service } = spans[0]!
  const retried = retriedSpans(spans)
  return {
    traceId,
    start,
    duration: Math.max(...spans.map((span) => span.start + span.duration)) - start,
    spans: spans.length,
    errors: spans.filter((span) => span.status === 'error' && !retried.has(span)).length,
    name,
    service,
  }
}

/** By start; those of one moment as they were written. */
function spansOf(rows: readonly Readonly<Record<string, unknown>>[]): readonly Span[] {
  // What was undefined is not in the JSON.
  const missing = { parentId: undefined, tracestate: undefined, message: undefined }
  return rows
    .map(({ span }): Span => ({ ...missing, ...(JSON.parse(String(span)) as Omit<Span, keyof typeof missing>) }))
    .toSorted((a, b) => a.start - b.start)
}
