import { closeSync, existsSync, fdatasync, fdatasyncSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { CallError, type Status } from '../../contract/contract.ts'
import { describeThrown, partOf } from '../../contract/internal.ts'
import { nodeSqlite } from '../../runtime/internal.ts'
import { makeFolder, type Random } from '../../runtime/runtime.ts'
import { MESSAGE_TABLE } from './rows.ts'

/** The broker's one file, open and checked. Everything in it is keyed by partition, so that a partition can move house. */
export type BrokerFile = {
  readonly path: string
  readonly db: DatabaseSync
  /** Its own, until it is lost: no other file has the same. */
  readonly identity: string
  /** How often it has been opened: no two lives of a broker have the same. */
  readonly start: number
  /** What went wrong with the file, in words a person can act on. */
  readonly explain: (action: string, error: unknown) => CallError
  /** How what is committed gets to the disk: the log holds it all until SQLite, flushing by itself, moves it to the file. */
  readonly disk: Disk
  readonly close: () => void
}

/** Flushes what is committed to the disk: beside the event loop, or in it. */
export type Disk = { readonly flush: () => Promise<void>; readonly flushSync: () => void }

const SCHEMA = 3
/** Above this a page-by-page check would hold up the start; a short file is found at any size. */
const CHECKED_BYTES = 16 * 1024 * 1024

const TABLES = `
  CREATE TABLE topics (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL,
    retention_ms INTEGER NOT NULL, retention_bytes INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE partitions (
    topic INTEGER NOT NULL, number INTEGER NOT NULL,
    floor INTEGER NOT NULL DEFAULT 0, floor_total INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE positions (
    group_name TEXT NOT NULL, topic INTEGER NOT NULL, number INTEGER NOT NULL, position INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    PRIMARY KEY (group_name, topic, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE forgotten (
    group_name TEXT NOT NULL, topic TEXT NOT NULL, unread INTEGER NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE starts (number INTEGER NOT NULL) STRICT;
  INSERT INTO starts VALUES (0);
  CREATE TABLE queues (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE work (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, queue INTEGER NOT NULL, delay INTEGER NOT NULL, ${MESSAGE_TABLE}
  ) STRICT;
  CREATE INDEX work_of_queue ON work (queue, seq);
`

/**
 * Opens `broker.db` in a directory, makes both if need be, and refuses a file it cannot trust.
 * @throws {CallError} DATA_LOSS for a damaged file, FAILED_PRECONDITION for one in use, unwritable or of another version
 */
export function openBrokerFile(directory: string, random: Random): BrokerFile {
  const path = join(directory, 'broker.db')
  const explain = (action: string, error: unknown): CallError => explainFor(path, action, error)
  let db: DatabaseSync | undefined
  try {
    makeFolder(directory)
    if (!existsSync(path)) create(path)
    else if (statSync(path).size === 0) throw damaged(path, 'it is empty')
    const { DatabaseSync } = nodeSqlite()
    db = new DatabaseSync(path)
    // One process owns the file: offsets are counted in memory. The lock goes with the process, even a killed one.
    db.exec('PRAGMA locking_mode = EXCLUSIVE')
    db.exec('PRAGMA journal_mode = WAL')
    // A commit does not flush the disk (commits.ts does, for many at once); a power cut leaves a file that is whole.
    db.exec('PRAGMA synchronous = NORMAL')
    db.exec('PRAGMA wal_autocheckpoint = 4000')
    checkWhole(db, path)
    checkVersion(db, path)
    // The first write makes the log file, which stays the same one as long as the database is open.
    db.exec(`PRAGMA user_version = ${SCHEMA}`)
    const start = Number(db.prepare('UPDATE starts SET number = number + 1 RETURNING number').get()?.['number'])
    if (numberOf(db, 'PRAGMA application_id') === 0) db.exec(`PRAGMA application_id = ${1 + random.integer(0x7f_ff_ff_fe)}`)
    const opened = db
    const log = openSync(`${path}-wal`, 'r+')
    flushFolder(directory)
    return {
      path,
      db,
      identity: `embedded ${numberOf(db, 'PRAGMA application_id')}`,
      start,
      explain,
      disk: { flush: () => flushLog(log), flushSync: () => fdatasyncSync(log) },
      close: () => {
        // Throws when it was closed before: the descriptor may be another file's by then.
        opened.close()
        closeSync(log)
      },
    }
  } catch (error) {
    db?.close()
    throw error instanceof CallError ? error : explain('open the broker file', error)
  }
}

function flushLog(log: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(log, (error) => (error ? reject(error) : resolve()))
  })
}

function checkWhole(db: DatabaseSync, path: string): void {
  // What the log still holds goes into the file first: until then the file may rightly be short.
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  const pages = numberOf(db, 'PRAGMA page_count')
  const expected = pages * numberOf(db, 'PRAGMA page_size')
  const size = statSync(path).size
  if (size < expected) throw damaged(path, `it has ${size} bytes where ${expected} are expected`)
  if (size > CHECKED_BYTES) return
  const verdict = String(Object.values(db.prepare('PRAGMA quick_check(1)').get() ?? {})[0])
  if (verdict !== 'ok') throw damaged(path, verdict)
}

/** A new file gets its name only when it is whole, so that an empty one is always a damaged one. */
function create(path: string): void {
  const draft = `${path}.new`
  rmSync(draft, { force: true })
  const { DatabaseSync } = nodeSqlite()
  const db = new DatabaseSync(draft)
  try {
    db.exec(`BEGIN IMMEDIATE; ${TABLES} PRAGMA user_version = ${SCHEMA}; COMMIT`)
  } finally {
    db.close()
  }
  renameSync(draft, path)
  flushFolder(dirname(path))
}

/** Makes the new name itself survive a power cut, where the system can do that. */
function flushFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, 'r')
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  } catch {
    // Some systems cannot open a folder; they order the two themselves.
  }
}

function checkVersion(db: DatabaseSync, path: string): void {
  const version = numberOf(db, 'PRAGMA user_version')
  if (version === SCHEMA) return
  throw new CallError(
    'FAILED_PRECONDITION',
    `Cannot open the broker file "${path}": it is not a broker file of version ${SCHEMA} (found version ${version}); use another directory, or the release that wrote it`,
  )
}

function numberOf(db: DatabaseSync, sql: string): number {
  return Number(Object.values(db.prepare(sql).get() ?? {})[0])
}

function damaged(path: string, found: string): CallError {
  return new CallError(
    'DATA_LOSS',
    `Cannot use the broker file "${path}": it is damaged (${found}); stop the system, keep a copy of it and its "-wal" file, and restore a backup, ` +
      `or move both away to start with an empty broker (messages not yet read are lost, services keep their own data)`,
    { inside: true },
  )
}

/** SQLite's primary result codes: https://sqlite.org/rescode.html */
const CODES: Readonly<Record<number, readonly [Status, string]>> = {
  5: ['FAILED_PRECONDITION', 'another process has it open; stop that one, or give this system a directory of its own'],
  8: ['FAILED_PRECONDITION', 'it is read-only; make the file and its directory writable'],
  10: ['UNAVAILABLE', 'the disk failed to read or write; check the disk'],
  13: ['RESOURCE_EXHAUSTED', 'the disk is full; free some space and publish again'],
  14: ['FAILED_PRECONDITION', 'it cannot be opened; check that its directory can be written to'],
}

/** The file, its disk or the memory; anything else that a statement fails with is its own doing. */
export function isTroubleOfFile(error: unknown): boolean {
  const code = primaryCode(error)
  return code in CODES || code === 7 || code === 11 || code === 26
}

function primaryCode(error: unknown): number {
  return Number(partOf(error, 'errcode') ?? 0) & 0xff
}

function explainFor(path: string, action: string, error: unknown): CallError {
  if (error instanceof CallError) return error
  const code = primaryCode(error)
  const text = describeThrown(error).message
  if (code === 11 || code === 26) return damaged(path, text)
  const [status, hint] = CODES[code] ?? ['INTERNAL', 'see the cause']
  return new CallError(status, `Cannot ${action} "${path}": ${hint} (${text})`, { cause: error, inside: true })
}
