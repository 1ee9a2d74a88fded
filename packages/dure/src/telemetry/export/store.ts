import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { makeFolder } from '../../runtime/runtime.ts'
import { batchingSink, type Exporter, type SinkLimits } from '../sink.ts'
import type { Span } from '../span.ts'

export type StoreOptions = {
  /** Bytes of spans that are kept; the oldest go first. Default 64 MiB. */
  readonly bytes?: number
  readonly limits?: Partial<SinkLimits>
}

/** The name of the store's file in a system's directory. */
export const STORE_FILE = 'telemetry.db'
const BYTES = 64 * 1024 * 1024
const SCHEMA = 1
/** A writer of another process holds the file for a moment; longer would hold up this process. */
const BUSY_MS = 50

const TABLES = `
  CREATE TABLE IF NOT EXISTS spans (
    position INTEGER PRIMARY KEY, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent_id TEXT, name TEXT NOT NULL,
    kind TEXT NOT NULL, service TEXT NOT NULL, start REAL NOT NULL, duration REAL NOT NULL, status TEXT NOT NULL,
    message TEXT, tracestate TEXT, attributes TEXT NOT NULL, links TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS spans_trace ON spans (trace_id);
`
const INSERT = `INSERT INTO spans
  (trace_id, span_id, parent_id, name, kind, service, start, duration, status, message, tracestate, attributes, links)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

/**
 * The embedded span store of one machine: a SQLite file of bounded size that all processes of a system write to and
 * `dure trace` reads. It is made with the first span. What it keeps is lost with the disk, and not worth a flush.
 */
export function spanStore(options: StoreOptions = {}): Exporter {
  return ({ directory, runtime, log }) => {
    let file: StoreFile | undefined
    return batchingSink({
      name: 'store',
      runtime,
      log,
      limits: { interval: 300, ...options.limits },
      deliver: (spans) => (file ??= openStore(directory, options.bytes ?? BYTES)).write(spans),
      close: () => file?.close(),
    })
  }
}

type StoreFile = { readonly write: (spans: readonly Span[]) => void; readonly close: () => void }

function openStore(directory: string, limit: number): StoreFile {
  makeFolder(directory)
  const db = new DatabaseSync(join(directory, STORE_FILE), { timeout: BUSY_MS })
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
    if (version > SCHEMA)
      throw new Error(`Cannot use "${STORE_FILE}": it is of a later version (${version}) than this program knows`)
    db.exec(`BEGIN IMMEDIATE; ${TABLES}; PRAGMA user_version = ${SCHEMA}; COMMIT`)
    const insert = db.prepare(INSERT)
    const prune = pruner(db, limit)
    return { write: (spans) => write(db, insert, prune, spans), close: () => db.close() }
  } catch (error) {
    db.close()
    throw error
  }
}

function write(db: DatabaseSync, insert: StatementSync, prune: () => void, spans: readonly Span[]): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    for (const span of spans) {
      insert.run(
        span.traceId,
        span.spanId,
        span.parentId ?? null,
        span.name,
        span.kind,
        span.service,
        span.start,
        span.duration,
        span.status,
        span.message ?? null,
        span.tracestate ?? null,
        JSON.stringify(span.attributes),
        JSON.stringify(span.links),
      )
    }
    prune()
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

/** Takes the oldest tenth away when the file is full; its pages are used again, so the file does not grow. */
function pruner(db: DatabaseSync, limit: number): () => void {
  const size = db.prepare(
    'SELECT (page_count - freelist_count) * page_size AS bytes FROM pragma_page_count, pragma_freelist_count, pragma_page_size',
  )
  const oldest = db.prepare(
    'DELETE FROM spans WHERE position <= (SELECT min(position) + (max(position) - min(position)) / 10 FROM spans)',
  )
  return () => {
    for (let round = 0; round < 10 && (size.get() as { bytes: number }).bytes > limit; round++) oldest.run()
  }
}
