/** Writes logs and spans to one segment. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { rankOf } from '../record.ts'
import { LOG_CELLS, SPAN_CELLS, type Rows } from './rows.ts'
import { openSegment, SLOT } from './segment.ts'

export type SegmentWriter = {
  /** In one transaction, or not at all. @throws SQLite's own */
  readonly write: (rows: Rows) => void
  readonly bytes: () => number
  readonly close: () => void
}

/** Rows of one INSERT: most of what a row costs is the statement around it. */
const AT_ONCE = 16
/** The same of the index: FTS5 writes what it has gathered at the end of each statement that may be undone by itself, which all of several rows are. */
const WORDS_AT_ONCE = 512
/** Resources that are known by heart. */
const MOST_RESOURCES = 5_000

/** @param bytes that it is to have, about @throws {UnreadableError} when it is of a later format, or damaged */
export function openSegmentWriter(path: string, bytes: number): SegmentWriter {
  const db = openSegment(path, bytes)
  try {
    return segmentWriter(db)
  } catch (error) {
    db.close()
    throw error
  }
}

function segmentWriter(db: DatabaseSync): SegmentWriter {
  const logs = inserter(db, 'logs (id, time, severity, service, trace, span, body, attributes, resource)', 9)
  const words = inserter(db, 'words (rowid, text)', 2, WORDS_AT_ONCE)
  const spans = inserter(db, 'spans (trace, span, parent, service, name, kind, start, duration, failed, more, resource)', 11)
  const count = db.prepare(
    'INSERT INTO counts (slot, service, rank, lines) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET lines = lines + excluded.lines',
  )
  const resourceOf = resources(db)
  const size = db.prepare('SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size')
  let last = (db.prepare('SELECT coalesce(max(id), 0) AS id FROM logs').get() as { id: number }).id

  const writeLogs = (cells: Rows['logs']): void => {
    const counted = new Map<string, number>()
    for (let at = 0; at < cells.length; at += LOG_CELLS) {
      const [time, severity, service] = [cells[at] as number, cells[at + 1] as number, cells[at + 2] as string]
      const id = ++last
      logs.add(
        id,
        time,
        severity,
        service,
        cells[at + 3],
        cells[at + 4],
        cells[at + 5],
        cells[at + 6],
        resourceOf(cells[at + 7] as string),
      )
      words.add(id, cells[at + 8])
      const key = `${Math.floor(time / 1_000 / SLOT)} ${rankOf(severity)} ${service}`
      counted.set(key, (counted.get(key) ?? 0) + 1)
    }
    logs.end()
    words.end()
    for (const [key, lines] of counted) {
      const [slot, rank, ...service] = key.split(' ')
      count.run(Number(slot), service.join(' '), Number(rank), lines)
    }
  }
  const writeSpans = (cells: Rows['spans']): void => {
    for (let at = 0; at < cells.length; at += SPAN_CELLS)
      spans.add(...cells.slice(at, at + SPAN_CELLS - 1), resourceOf(cells[at + SPAN_CELLS - 1] as string))
    spans.end()
  }
  return {
    write: (rows) => {
      const before = last
      db.exec('BEGIN IMMEDIATE')
      try {
        writeLogs(rows.logs)
        writeSpans(rows.spans)
        db.exec('COMMIT')
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK')
        last = before
        for (const each of [logs, words, spans]) each.forget()
        resourceOf.forget()
        throw error
      }
    },
    bytes: () => (size.get() as { bytes: number }).bytes,
    close: () => db.close(),
  }
}

type Cell = string | number | null | undefined
type Inserter = { readonly add: (...cells: readonly Cell[]) => void; readonly end: () => void; readonly forget: () => void }

/** Inserts many rows by one statement, and what is left over row by row. */
function inserter(db: DatabaseSync, into: string, columns: number, atOnce = AT_ONCE): Inserter {
  const row = `(${Array.from({ length: columns }, () => '?').join(', ')})`
  const prepared = (rows: number): StatementSync =>
    db.prepare(`INSERT INTO ${into} VALUES ${Array.from({ length: rows }, () => row).join(', ')}`)
  const [one, many] = [prepared(1), prepared(atOnce)]
  let waiting: (string | number | null)[] = []
  return {
    add: (...cells) => {
      for (const cell of cells) waiting.push(cell ?? null)
      if (waiting.length < atOnce * columns) return
      many.run(...waiting)
      waiting = []
    },
    end: () => {
      for (let at = 0; at < waiting.length; at += columns) one.run(...waiting.slice(at, at + columns))
      waiting = []
    },
    forget: () => {
      waiting = []
    },
  }
}

/** The number of a resource, which is written once in each segment. */
function resources(db: DatabaseSync): ((json: string) => number) & { readonly forget: () => void } {
  const known = new Map<string, number>()
  const insert = db.prepare('INSERT INTO resources (json) VALUES (?) ON CONFLICT DO NOTHING')
  const find = db.prepare('SELECT id FROM resources WHERE json = ?')
  const idOf = (json: string): number => {
    const before = known.get(json)
    if (before !== undefined) return before
    insert.run(json)
    const { id } = find.get(json) as { id: number }
    if (known.size >= MOST_RESOURCES) known.clear()
    known.set(json, id)
    return id
  }
  return Object.assign(idOf, { forget: () => known.clear() })
}
