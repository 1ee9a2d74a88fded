import type { DatabaseSync } from 'node:sqlite'
import type { DatabaseConnection, Driver, Kysely } from 'kysely'
import type { CallError } from '../../contract/contract.ts'
import type { Timers } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import type { DatabaseWorld, SqlRow, SqlValue } from '../database.ts'
import { noDriver } from '../kysely.ts'
import { crowded, outlasted, readClosed, readOnly, snapshotOver } from '../errors.ts'
import { explain, primaryCode } from './errors.ts'
import { openReader } from './file.ts'
import { kyselyConnection, sqliteKysely, type KyselyConnection } from './kysely.ts'
import { patiently, type Patience } from './lock.ts'
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

type Reader = {
  readonly db: DatabaseSync
  readonly connection: KyselyConnection
  /** Why it was ended. */
  late: CallError | undefined
}
type Waiter = { readonly resolve: (reader: Reader) => void; readonly reject: (error: unknown) => void }

const WAITING = 10_000

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
  const { file, service, schema, size, timeout, timers, log, locked, durable = () => undefined } = options
  const all: Reader[] = []
  const idle: Reader[] = []
  const waiters: Waiter[] = []
  let stopped = false

  const guard = (): void => {
    if (stopped) throw readClosed(service)
  }

  const open = (): Reader => {
    const db = openReader(file)
    options.opened?.({ close: () => db.isOpen && db.close() })
    const reader: Reader = {
      db,
      late: undefined,
      connection: kyselyConnection({
        statements: createStatements({ db, schema }),
        guard: () => {
          guard()
          if (reader.late !== undefined) throw reader.late
        },
        locked,
        durable,
        explain: (error) => reader.late ?? explainRead(error, service, file),
      }),
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
    if (stopped || reader.late !== undefined) return
    if (reader.db.isTransaction) reader.db.exec('ROLLBACK')
    const next = waiters.shift()
    if (next === undefined) idle.push(reader)
    else next.resolve(reader)
  }

  /** Ends what a reader has open, whoever holds it: as long as it is, the log grows. */
  const end = (reader: Reader, late: CallError): void => {
    reader.late = late
    all.splice(all.indexOf(reader), 1)
    reader.db.close()
    log.warn('A snapshot or stream that lasted too long was ended', { service, file, timeout })
    const next = waiters.shift()
    if (next === undefined) return
    try {
      next.resolve(open())
    } catch (error) {
      next.reject(error)
    }
  }

  /** Lends a reader for as long as `use` takes, or until its time is over: then it is answered so. */
  const lend = async <T>(use: (reader: Reader) => Promise<T>): Promise<T> => {
    const reader = await borrow()
    const { promise: over, reject } = Promise.withResolvers<never>()
    const watch =
      timeout === Number.POSITIVE_INFINITY
        ? undefined
        : timers.after(timeout, () => {
            if (stopped) return
            const late = outlasted(service, timeout)
            end(reader, late)
            reject(late)
          })
    try {
      return await Promise.race([use(reader), over])
    } finally {
      watch?.cancel()
      giveBack(reader)
    }
  }

  const provideConnection = <T>(use: (connection: DatabaseConnection) => Promise<T>): Promise<T> =>
    lend((reader) => use(reader.connection))

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
        const { statements } = shared.connection
        const rows = await patiently(locked, () => statements.all(sql, parameters))
        await durable()
        return rows
      } catch (error) {
        throw explainRead(error, service, file)
      }
    },
    snapshot: (work) =>
      lend(async (reader) => {
        let over = false
        const explain = (error: unknown): unknown => reader.late ?? explainRead(error, service, file)
        try {
          await patiently(locked, () => {
            if (reader.db.isTransaction) reader.db.exec('ROLLBACK')
            // BEGIN alone takes no snapshot; the first read does.
            reader.db.exec('BEGIN; SELECT 1 FROM sqlite_schema')
          }).catch((error: unknown) => {
            throw explain(error)
          })
          const { statements } = reader.connection
          const guardSnapshot = (): void => {
            guard()
            if (reader.late !== undefined) throw reader.late
            if (over) throw snapshotOver()
          }
          const connection = kyselyConnection({ statements, guard: guardSnapshot, explain, whole: true })
          const answer = await work(sqliteKysely.transaction(connection))
          await durable()
          return answer
        } finally {
          over = true
        }
      }),
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
