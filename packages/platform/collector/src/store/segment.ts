/** A segment: the logs and spans of a time, in a file of its own, so that what is old goes with its file. */
import { DatabaseSync } from 'node:sqlite'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Of segments, and of the file beside them. A file of a later format is left as it is. */
export const FORMAT = 1

/**
 * `words` has no text of its own and no places of words: what a search needs is which lines have all its words. Besides words
 * it has tags of level, service and trace, so that one index answers all; a private character keeps them from being words.
 */
const TABLES = `
  CREATE TABLE logs (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, severity INTEGER NOT NULL, service TEXT NOT NULL,
    trace TEXT, span TEXT, body TEXT NOT NULL, attributes TEXT NOT NULL, resource INTEGER NOT NULL) STRICT;
  CREATE VIRTUAL TABLE words USING fts5(text, content='', detail=none, columnsize=0, tokenize='unicode61');
  CREATE TABLE counts (slot INTEGER NOT NULL, service TEXT NOT NULL, rank INTEGER NOT NULL, lines INTEGER NOT NULL,
    PRIMARY KEY (slot, service, rank)) STRICT, WITHOUT ROWID;
  CREATE TABLE spans (id INTEGER PRIMARY KEY, trace TEXT NOT NULL, span TEXT NOT NULL, parent TEXT, service TEXT NOT NULL,
    name TEXT NOT NULL, kind TEXT NOT NULL, start INTEGER NOT NULL, duration INTEGER NOT NULL, failed INTEGER NOT NULL,
    more TEXT NOT NULL, resource INTEGER NOT NULL) STRICT;
  CREATE INDEX spans_trace ON spans (trace, span, service);
  CREATE INDEX spans_service ON spans (service, start);
  CREATE TABLE resources (id INTEGER PRIMARY KEY, json TEXT NOT NULL UNIQUE) STRICT;
`

/** Milliseconds of a slot of `counts`. */
export const SLOT = 10_000

/** Tags are made of letters and digits alone, or they would fall apart. */
const TAG = '\uE000'
export const levelTag = (rank: number): string => `${TAG}l${rank}`
export const serviceTag = (service: string): string => `${TAG}s${Buffer.from(service.slice(0, 100)).toString('hex')}`
export const traceTag = (traceId: string): string => `${TAG}t${traceId}`
/** Nobody's text may have a tag. */
export const untagged = (text: string): string => (text.includes(TAG) ? text.replaceAll(TAG, ' ') : text)

export type SegmentFile = { readonly number: number; readonly path: string; readonly bytes: number; readonly modified: number }

/** The segments of a folder, oldest first. */
export function segmentsIn(directory: string): readonly SegmentFile[] {
  const files = readdirSync(directory)
  return files
    .flatMap((file) => {
      const number = /^(\d{8})\.db$/.exec(file)?.[1]
      if (number === undefined) return []
      const path = join(directory, file)
      try {
        const { size, mtimeMs } = statSync(path)
        const log = files.includes(`${file}-wal`) ? statSync(`${path}-wal`) : undefined
        const modified = Math.max(mtimeMs, log?.mtimeMs ?? 0)
        return [{ number: Number(number), path, bytes: size + (log?.size ?? 0), modified }]
      } catch {
        // It went in the meantime.
        return []
      }
    })
    .toSorted((a, b) => a.number - b.number)
}

export const segmentPath = (directory: string, number: number): string => join(directory, `${String(number).padStart(8, '0')}.db`)

/** What cannot be read here: of a later program, or damaged. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError'
}

/**
 * Opens a file of the store to write to, with its tables made where it is new.
 * @throws {UnreadableError} when it is of a later format, or no such file
 */
export function openFile(path: string, tables: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 2_000 })
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY')
    const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
    if (version > FORMAT)
      throw new UnreadableError(`"${path}" is of a later format (${version}) than this program knows (${FORMAT})`)
    if (version === 0) db.exec(`BEGIN; ${tables}; PRAGMA user_version = ${FORMAT}; COMMIT`)
    return db
  } catch (error) {
    db.close()
    throw isDamaged(error) ? new UnreadableError(`"${path}" is damaged: ${(error as Error).message}`) : error
  }
}

/** Pages of a log before they go into the file: at most 4,000, and no more than a segment has. */
const PAGE = 4_096
const MOST_LOGGED = 4_000

/** @param bytes that it is to have, about */
export const openSegment = (path: string, bytes: number): DatabaseSync => {
  const logged = Math.min(MOST_LOGGED, Math.max(1, Math.floor(bytes / PAGE)))
  const db = openFile(path, TABLES)
  db.exec(`PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = ${logged}`)
  return db
}

/** Opens a segment to read in; undefined when it cannot be, or is not made yet. */
export function openToRead(path: string): DatabaseSync | undefined {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: 2_000 })
    const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
    if (version === FORMAT) return db
  } catch {
    // As below.
  }
  db?.close()
  return undefined
}

const isDamaged = (error: unknown): boolean => [11, 26].includes((error as { errcode?: number } | null)?.errcode ?? 0)

/** No room on the disk, or no more than the file may have. */
export const isFull = (error: unknown): boolean => (error as { errcode?: number } | null)?.errcode === 13
