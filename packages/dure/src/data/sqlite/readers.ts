import type { DatabaseConnection, Driver, Kysely } from 'kysely'
import type { Timers } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import type { DatabaseWorld, SqlRow, SqlValue } from '../database.ts'
import { noDriver } from '../kysely.ts'
import { readOnly, snapshotOver } from '../errors.ts'
import { explain, patiently, primaryCode, type Patience } from '../sqlite-file/sqlite-file.ts'
import { openReader } from './file.ts'
import { kyselyConnection, sqliteKysely } from './kysely.ts'
import { createReaderPool, type Reader } from './reader-pool.ts'
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

export function createReaders(options: {
  readonly file: string
  readonly service: string
  readonly schema: SchemaVersion
  readonly size: number
  /** Milliseconds that a snapshot or a stream may last. */
  readonly timeout: number
  readonly timers: Timers
  readonly log: Logger
  readonly opened?: DatabaseWorld['opened']
  /** How a lock of another process is waited for. */
  readonly locked: () => Patience
  /** The end of a flush that is under way: what was read may be on its way to the disk only then. */
  readonly durable?: () => Promise<void> | undefined
}): Readers {
  const { file, service, schema, locked, durable = () => undefined } = options
  const explained = (error: unknown, reader?: Reader): unknown => reader?.late ?? explainRead(error, service, file)

  const open = (): Reader => {
    const db = openReader(file)
    options.opened?.({ close: () => db.isOpen && db.close() })
    const reader: Reader = {
      db,
      late: undefined,
      connection: kyselyConnection({
        statements: createStatements({ db, schema }),
        guard: () => {
          pool.guard()
          if (reader.late !== undefined) throw reader.late
        },
        locked,
        durable,
        explain: (error) => explained(error, reader),
      }),
    }
    return reader
  }
  const pool = createReaderPool({ ...options, open })

  const provideConnection = <T>(use: (connection: DatabaseConnection) => Promise<T>): Promise<T> =>
    pool.lend((reader) => use(reader.connection))

  const control = async (connection: DatabaseConnection, sql: string): Promise<void> => {
    pool.all.find((reader) => reader.connection === connection)?.db.exec(sql)
  }
  const driver: Driver = {
    ...noDriver,
    beginTransaction: (connection) => control(connection, 'BEGIN'),
    commitTransaction: (connection) => control(connection, 'COMMIT'),
    rollbackTransaction: (connection) => control(connection, 'ROLLBACK'),
  }

  const snapshot: Readers['snapshot'] = (work) =>
    pool.lend(async (reader) => {
      let over = false
      const explain = (error: unknown): unknown => explained(error, reader)
      try {
        await patiently(locked, () => {
          if (reader.db.isTransaction) reader.db.exec('ROLLBACK')
          // BEGIN alone takes no snapshot; the first read does.
          reader.db.exec('BEGIN; SELECT 1 FROM sqlite_schema')
        }).catch((error: unknown) => {
          throw explain(error)
        })
        const guard = (): void => {
          pool.guard()
          if (reader.late !== undefined) throw reader.late
          if (over) throw snapshotOver()
        }
        const { statements } = reader.connection
        const answer = await work(sqliteKysely.transaction(kyselyConnection({ statements, guard, explain, whole: true })))
        await durable()
        return answer
      } finally {
        over = true
      }
    })

  const { connection: shared } = pool.borrowForever()
  return {
    kysely: sqliteKysely.reader(shared, { provideConnection }, driver),
    select: async (sql, parameters = []) => {
      pool.guard()
      try {
        const rows = await patiently(locked, () => shared.statements.all(sql, parameters))
        await durable()
        return rows
      } catch (error) {
        throw explained(error)
      }
    },
    snapshot,
    stop: pool.stop,
  }
}

function explainRead(error: unknown, service: string, file: string): unknown {
  if (primaryCode(error) === 8) return readOnly(service, error)
  return explain(error, `Reading from the store of service "${service}"`, file)
}
