import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { makeFolder } from '../../runtime/runtime.ts'
import { BYTES, checkNumbers, nodeSqlite } from '../../runtime/internal.ts'
import { batchingSink, type Exporter, type SinkLimits } from '../sink.ts'
import type { Span } from '../span.ts'

export type StoreOptions = {
  /** Bytes of spans that are kept; the oldest go first. Default 64 MiB. */
  readonly bytes?: number
  readonly limits?: Partial<SinkLimits>
}

/** The name of the store's file in a system's directory. */
export const STORE_FILE = 'telemetry.db'
const ENOUGH = 64 * 1024 * 1024
/** A file of another form is begun anew: spans are no data to migrate. */
const SCHEMA = 2
/** A writer of another process holds the file for a moment; longer would hold up this process. */
const BUSY_MS = 50

// No index: trace ids are random, and keeping them sorted costs every writer more than reading the whole file, which is
// bounded, costs the person who looks for one.
const TABLE = 'CREATE TABLE IF NOT EXISTS spans (position INTEGER PRIMARY KEY, trace_id TEXT NOT NULL, span TEXT NOT NULL) STRICT'
/** Rows of one INSERT: most of what a row costs is the statement around it. */
const ROWS = 32
const insertOf = (rows: number): string =>
  `INSERT INTO spans (trace_id, span) VALUES ${Array.from({ length: rows }, () => '(?, ?)').join(', ')}`

/**
 * The embedded span store of one machine: a SQLite file of bounded size that all processes of a system write to and
 * `dure trace` reads. It is made with the first span. What it keeps is lost with the disk, and not worth a flush.
 */
export function spanStore(options: StoreOptions = {}): Exporter {
  checkNumbers('keep spans', options, { bytes: BYTES })
  return ({ directory, runtime, log }) => {
    let file: StoreFile | undefined
    return batchingSink({
      name: 'store',
      runtime,
      log,
      limits: { interval: 300, ...options.limits },
      deliver: (spans) => (file ??= openStore(directory, options.bytes ?? ENOUGH)).write(spans),
      close: () => file?.close(),
    })
  }
}

type StoreFile = { readonly write: (spans: readonly Span[]) => void; readonly close: () => void }

function openStore(directory: string, limit: number): StoreFile {
  makeFolder(directory)
  const { DatabaseSync } = nodeSqlite()
  const db = new DatabaseSync(join(directory, STORE_FILE), { timeout: BUSY_MS })
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    inTransaction(db, () => {
      const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
      if (version > SCHEMA)
        throw new Error(`Cannot use "${STORE_FILE}": it is of a later version (${version}) than this program knows`)
      if (version < SCHEMA) db.exec('DROP TABLE IF EXISTS spans')
      db.exec(`${TABLE}; PRAGMA user_version = ${SCHEMA}`)
    })
    const one = db.prepare(insertOf(1))
    const many = db.prepare(insertOf(ROWS))
    const prune = pruner(db, limit)
    const insert = (spans: readonly Span[]): void => {
      let at = 0
      for (; at + ROWS <= spans.length; at += ROWS) many.run(...spans.slice(at, at + ROWS).flatMap(valuesOf))
      for (; at < spans.length; at++) one.run(...valuesOf(spans[at]!))
    }
    return {
      write: (spans) =>
        inTransaction(db, () => {
          insert(spans)
          prune()
        }),
      close: () => db.close(),
    }
  } catch (error) {
    db.close()
    throw error
  }
}

function inTransaction(db: DatabaseSync, work: () => void): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    work()
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

const valuesOf = (span: Span): string[] => [span.traceId, JSON.stringify(span)]

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
