import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { CallError } from '../../contract/contract.ts'
import { nodeSqlite } from '../../runtime/internal.ts'
import { explain } from '../sqlite-file/sqlite-file.ts'

/**
 * Pages of log (4 KiB each) before it is written back into the file. Four times SQLite's default: every checkpoint
 * holds up the event loop, and under load fewer of them cut the 99th percentile of a commit from 13 ms to under 3.
 */
const CHECKPOINT_PAGES = 4000

export type Durability = 'power' | 'process'

/** Above this size the whole file is not read through at every start. */
const CHECKED_BYTES = 256 * 1024 * 1024

/**
 * Opens a service's database file for writing, made if need be. With `synchronous = NORMAL` a commit is written
 * but not flushed: the writer flushes the log itself, beside the event loop, before anybody hears of the commit.
 * @throws {CallError} DATA_LOSS when it is damaged, FAILED_PRECONDITION when it is another service's,
 * PERMISSION_DENIED when it cannot be read or written, RESOURCE_EXHAUSTED when the disk is full
 */
export function openFile(options: { file: string; service: string }): DatabaseSync {
  const { file, service } = options
  const action = `Opening the store of service "${service}"`
  checkNode(action)
  let db: DatabaseSync | undefined
  try {
    if (!existsSync(file)) create(file, service)
    else if (statSync(file).size === 0) throw emptied(file, service)
    db = connect(file, false)
    checkWhole(db, file, service)
    checkOwner(db, file, service)
    db.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`,
    )
    return db
  } catch (error) {
    db?.close()
    throw explain(error, action, file)
  }
}

/** A migration must not end its transaction, and a service must not write into its file's own tables: decision 0054. */
function checkNode(action: string): void {
  const { DatabaseSync } = nodeSqlite()
  if ('setAuthorizer' in DatabaseSync.prototype && 'enableDefensive' in DatabaseSync.prototype) return
  throw new CallError(
    'FAILED_PRECONDITION',
    `${action} failed: SQLite as Node ${process.versions.node} has it keeps nobody out of its own tables. To do: use Node 24.12 or later`,
  )
}

/** Opens a connection that can only read. The file must be open for writing already. */
export function openReader(file: string): DatabaseSync {
  return connect(file, true)
}

function connect(file: string, readOnly: boolean): DatabaseSync {
  // Without a timeout: whoever asks waits for the locks of other processes, and holds nobody up (lock.ts).
  const { DatabaseSync } = nodeSqlite()
  const db = new DatabaseSync(file, { readOnly, enableForeignKeyConstraints: true, defensive: true })
  // A service reaches its own database only. Older versions of Node have no limits; statements.ts refuses ATTACH there.
  if (db.limits !== undefined) db.limits.attach = 0
  db.exec('PRAGMA temp_store = MEMORY')
  return db
}

/** Made under another name and renamed when complete, so that an empty file always means that something was lost. */
function create(file: string, service: string): void {
  const draft = `${file}.new`
  rmSync(draft, { force: true })
  const db = connect(draft, false)
  try {
    db.exec('CREATE TABLE dure_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID')
    db.prepare("INSERT INTO dure_meta (key, value) VALUES ('service', ?)").run(service)
  } finally {
    db.close()
  }
  renameSync(draft, file)
  // The new name must survive a loss of power too; Windows cannot flush a folder.
  if (process.platform === 'win32') return
  const folder = openSync(dirname(file), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function checkWhole(db: DatabaseSync, file: string, service: string): void {
  if (statSync(file).size > CHECKED_BYTES) return
  const found = db.prepare('PRAGMA quick_check(1)').get() as { quick_check?: string } | undefined
  if (found?.quick_check === 'ok') return
  throw new CallError(
    'DATA_LOSS',
    `Opening the store of service "${service}" failed: the file is damaged: ${found?.quick_check ?? 'it cannot be checked'} (file "${file}"). ` +
      'To do: restore it from a backup, or move it away to start empty; nothing was changed in it',
    { details: { service, file } },
  )
}

function checkOwner(db: DatabaseSync, file: string, service: string): void {
  const known = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'dure_meta'").get() !== undefined
  const row = known ? db.prepare("SELECT value FROM dure_meta WHERE key = 'service'").get() : undefined
  const owner = row?.['value']
  if (owner === service) return
  throw new CallError(
    'FAILED_PRECONDITION',
    `Opening the store of service "${service}" failed: the file belongs to ${owner === undefined ? 'no service (it was not made by Dure)' : `service "${String(owner)}"`} ` +
      `(file "${file}"). To do: put that file back under its own name, or give this service another data directory`,
    { details: { service, owner: owner ?? null, file } },
  )
}

function emptied(file: string, service: string): CallError {
  return new CallError(
    'DATA_LOSS',
    `Opening the store of service "${service}" failed: the file is empty, 0 bytes, though a store never is (file "${file}"). ` +
      'To do: restore it from a backup, or remove it to start empty',
    { details: { service, file } },
  )
}
