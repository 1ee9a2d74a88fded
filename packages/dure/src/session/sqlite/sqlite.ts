import { join } from 'node:path'
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { CallError } from '../../contract/contract.ts'
import { explainSqlite } from '../../data/adapter.ts'
import { BYTES, checkNumbers, nodeSqlite } from '../../runtime/internal.ts'
import { makeFolder, realRuntime, type Runtime } from '../../runtime/runtime.ts'
import type { NewSession, SessionStore, StoreChange } from '../store.ts'

export type SqliteSessionsOptions = {
  /** Where its file `sessions.db` is. */
  readonly directory: string
  /** The largest that the file may become. Default 1 GiB; then new sessions are refused. */
  readonly bytes?: number
  readonly runtime?: Pick<Runtime, 'clock'>
}

/** Milliseconds for which another process that writes is waited for: this one stands still meanwhile. */
const BUSY = 1_000
/** Ended ones that are taken away with each that begins: more than come, so that the file stays small. */
const SWEPT = 8
/** A session that is read again and again is written once in so many parts of its idle time. */
const PARTS = 20
const FORM = 1

const TABLE = `CREATE TABLE IF NOT EXISTS sessions (
  id TEXT PRIMARY KEY, subject TEXT, data TEXT NOT NULL, version INTEGER NOT NULL, idle INTEGER NOT NULL,
  expires INTEGER NOT NULL, ends INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_subject ON sessions (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS sessions_expires ON sessions (expires)`

/**
 * Sessions in a file of one machine, which all processes on it share. What the processes have been told is done survives them; of the last
 * moment before the power goes some may be lost.
 * @throws {CallError} when the file cannot be used
 *
 * @example
 * ```ts
 * import { sqliteSessions } from 'dure/session'
 *
 * const store = sqliteSessions({ directory: 'data' })
 * await store.create('id', { subject: 'ida', data: '{}', idle: 60_000, absolute: 3_600_000 })
 * console.log((await store.read('id'))?.version) // → 1
 * await store.endAll('ida')
 * console.log(await store.read('id')) // → undefined
 * await store.stop()
 * ```
 */
export function sqliteSessions(options: SqliteSessionsOptions): SessionStore {
  const { directory, bytes = 1_073_741_824, runtime = realRuntime() } = options
  checkNumbers('keep sessions', { bytes }, { bytes: BYTES })
  const { clock } = runtime
  const file = join(directory, 'sessions.db')
  const action = 'Keeping sessions'
  const db = attempt(() => open(directory, file, bytes))
  const statements = new Map<string, ReturnType<DatabaseSync['prepare']>>()
  const say = (sql: string): ReturnType<DatabaseSync['prepare']> => {
    const known = statements.get(sql) ?? db.prepare(sql)
    statements.set(sql, known)
    return known
  }
  const run = (sql: string, ...values: SQLInputValue[]): number => Number(say(sql).run(...values).changes)

  function attempt<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw explainSqlite(error, action, file)
    }
  }
  /** A promise as all stores give, of work that is done at once. */
  const doing = async <T>(work: () => T): Promise<T> => {
    if (!db.isOpen) throw new CallError('FAILED_PRECONDITION', `${action} failed: the store was stopped`)
    return attempt(work)
  }
  const insert = (id: string, { subject, data, idle, absolute }: NewSession): void => {
    const now = clock.now()
    run('DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires <= ? ORDER BY expires LIMIT ?)', now, SWEPT)
    const [wait, life] = [Math.ceil(idle), Math.ceil(absolute)]
    const values = [id, subject ?? null, data, wait, now + Math.min(wait, life), now + life]
    run('INSERT INTO sessions (id, subject, data, version, idle, expires, ends) VALUES (?, ?, ?, 1, ?, ?, ?)', ...values)
  }
  /** Why nothing was changed. */
  const missed = (id: string): StoreChange =>
    say('SELECT 1 FROM sessions WHERE id = ? AND expires > ?').get(id, clock.now()) === undefined ? 'gone' : 'conflict'

  return {
    create: (id, session) => doing(() => insert(id, session)),
    read: (id) =>
      doing(() => {
        const now = clock.now()
        const row = say('SELECT * FROM sessions WHERE id = ? AND expires > ?').get(id, now) as Row | undefined
        if (row === undefined) return undefined
        const expires = Math.min(now + row.idle, row.ends)
        if (expires - row.expires > row.idle / PARTS) run('UPDATE sessions SET expires = ? WHERE id = ?', expires, id)
        return { subject: row.subject ?? undefined, data: row.data, version: row.version }
      }),
    update: (id, { version, data }) =>
      doing(() => {
        const sql =
          'UPDATE sessions SET data = ?, version = version + 1, expires = min(? + idle, ends) WHERE id = ? AND version = ? AND expires > ?'
        const now = clock.now()
        return run(sql, data, now, id, version, now) === 1 ? 'done' : missed(id)
      }),
    rotate: (id, { version, id: next, session }) =>
      doing(() => {
        db.exec('BEGIN IMMEDIATE')
        try {
          const ended = run('DELETE FROM sessions WHERE id = ? AND version = ? AND expires > ?', id, version, clock.now()) === 1
          const outcome: StoreChange = ended ? 'done' : missed(id)
          if (ended) insert(next, session)
          db.exec('COMMIT')
          return outcome
        } catch (error) {
          if (db.isTransaction) db.exec('ROLLBACK')
          throw error
        }
      }),
    end: (id) => doing(() => void run('DELETE FROM sessions WHERE id = ?', id)),
    endAll: (subject) => doing(() => void run('DELETE FROM sessions WHERE subject = ?', subject)),
    stop: async () => {
      if (db.isOpen) db.close()
    },
  }
}

type Row = {
  readonly subject: string | null
  readonly data: string
  readonly version: number
  readonly idle: number
  readonly expires: number
  readonly ends: number
}

function open(directory: string, file: string, bytes: number): DatabaseSync {
  makeFolder(directory)
  const { DatabaseSync } = nodeSqlite()
  const db = new DatabaseSync(file, { timeout: BUSY })
  try {
    const { user_version: form } = db.prepare('PRAGMA user_version').get() as { user_version: number }
    if (form > FORM)
      throw new CallError(
        'FAILED_PRECONDITION',
        `Cannot keep sessions in "${file}": a later release has written it in form ${form}, and this one knows ${FORM}; start that one, or use another directory`,
      )
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; ${TABLE}; PRAGMA user_version = ${FORM}`)
    const { page_size: page } = db.prepare('PRAGMA page_size').get() as { page_size: number }
    db.exec(`PRAGMA max_page_count = ${Math.max(64, Math.floor(bytes / page))}`)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}
