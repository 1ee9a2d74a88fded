import type { DatabaseSync } from 'node:sqlite'
import type { DatabaseConnection, Driver, Kysely } from 'kysely'
import type { DatabaseWorld, SqlRow, SqlValue } from '../database.ts'
import { noDriver } from '../kysely.ts'
import { crowded, readClosed, readOnly, snapshotOver } from '../errors.ts'
import { explain, primaryCode } from './errors.ts'
import { openReader } from './file.ts'
import { kyselyConnection, sqliteKysely, type KyselyConnection } from './kysely.ts'
import { createStatements, type SchemaVersion } from './statements.ts'

/**
 * Connections that can only read. Single statements share one, for each is over before the next begins; streams
 * and snapshots, which last, borrow one of a small pool for themselves.
 */
export type Readers = {
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly kysely: Kysely<any>
  readonly select: (sql: string, parameters?: readonly SqlValue[]) => Promise<readonly SqlRow[]>
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly snapshot: <T>(work: (read: Kysely<any>) => Promise<T>) => Promise<T>
  readonly stop: () => void
}

type Reader = { readonly db: DatabaseSync; readonly connection: KyselyConnection }
type Waiter = { readonly resolve: (reader: Reader) => void; readonly reject: (error: unknown) => void }

const WAITING = 10_000

export function createReaders(options: {
  readonly file: string
  readonly service: string
  readonly schema: SchemaVersion
  readonly size: number
  readonly opened?: DatabaseWorld['opened']
  /** The end of a flush that is under way: what was read may be on its way to the disk only then. */
  readonly durable?: () => Promise<void> | undefined
}): Readers {
  const { file, service, schema, size, durable = () => undefined } = options
  const all: Reader[] = []
  const idle: Reader[] = []
  const waiters: Waiter[] = []
  let stopped = false

  const guard = (): void => {
    if (stopped) throw readClosed(service)
  }

  const open = (): Reader => {
    const db = openReader(file)
    options.opened?.({ close: () => db.close() })
    const statements = createStatements({ db, schema })
    const reader = {
      db,
      connection: kyselyConnection({ statements, guard, durable, explain: (error) => explainRead(error, service, file) }),
    }
    all.push(reader)
    return reader
  }

  const borrow = async (): Promise<Reader> => {
    guard()
    const reader = idle.pop()
    if (reader !== undefined) return reader
    // One more than the pool's size: the first is shared by single statements.
    if (all.length <= size) return open()
    if (waiters.length >= WAITING) throw crowded(service, WAITING)
    return new Promise((resolve, reject) => waiters.push({ resolve, reject }))
  }

  const giveBack = (reader: Reader): void => {
    if (stopped) return
    if (reader.db.isTransaction) reader.db.exec('ROLLBACK')
    const next = waiters.shift()
    if (next === undefined) idle.push(reader)
    else next.resolve(reader)
  }

  const provideConnection = async <T>(use: (connection: DatabaseConnection) => Promise<T>): Promise<T> => {
    const reader = await borrow()
    try {
      return await use(reader.connection)
    } finally {
      giveBack(reader)
    }
  }

  const control = async (connection: DatabaseConnection, sql: string): Promise<void> => {
    all.find((reader) => reader.connection === connection)?.db.exec(sql)
  }
  const driver: Driver = {
    ...noDriver,
    beginTransaction: (connection) => control(connection, 'BEGIN'),
    commitTransaction: (connection) => control(connection, 'COMMIT'),
    rollbackTransaction: (connection) => control(connection, 'ROLLBACK'),
  }

  const shared = open()
  return {
    kysely: sqliteKysely.reader(shared.connection, { provideConnection }, driver),
    select: async (sql, parameters = []) => {
      guard()
      try {
        const rows = shared.connection.statements.all(sql, parameters)
        await durable()
        return rows
      } catch (error) {
        throw explainRead(error, service, file)
      }
    },
    snapshot: async (work) => {
      const reader = await borrow()
      let over = false
      try {
        // BEGIN alone takes no snapshot; the first read does.
        reader.db.exec('BEGIN; SELECT 1 FROM sqlite_schema')
        const { statements } = reader.connection
        const guardSnapshot = (): void => {
          guard()
          if (over) throw snapshotOver()
        }
        const answer = await work(
          sqliteKysely.transaction(
            kyselyConnection({
              statements,
              guard: guardSnapshot,
              explain: (error) => explainRead(error, service, file),
              whole: true,
            }),
          ),
        )
        await durable()
        return answer
      } finally {
        over = true
        giveBack(reader)
      }
    },
    stop: () => {
      stopped = true
      for (const waiter of waiters.splice(0)) waiter.reject(readClosed(service))
      for (const reader of all) reader.db.close()
    },
  }
}

function explainRead(error: unknown, service: string, file: string): unknown {
  if (primaryCode(error) === 8) return readOnly(service, error)
  return explain(error, `Reading from the store of service "${service}"`, file)
}
