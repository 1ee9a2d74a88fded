import type { ConnectionProvider, Driver, Kysely } from 'kysely'
import type { SqlRow, SqlValue } from 'dure/data'
import { noDriver, numbered, snapshotOver } from 'dure/data/internal'
import { isSilence, type Answer } from './connection.ts'
import { rowsOf, type Loan } from './cursor.ts'
import { endsSession, sqlState } from './errors.ts'
import { kyselyConnection, postgresKysely } from './kysely.ts'
import type { Pool } from './pool.ts'
import { readSessions, type ReadOptions, type ReadSessions } from './read-session.ts'
import { checkOwn, planChanged, type StatementNames } from './statements.ts'

/** Reading, on connections whose every transaction is read only: single statements, streams, and snapshots. */
export type Readers = {
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly kysely: Kysely<any>
  readonly select: (sql: string, parameters?: readonly SqlValue[]) => Promise<readonly SqlRow[]>
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly snapshot: <T>(work: (read: Kysely<any>) => Promise<T>) => Promise<T>
}

const SNAPSHOT = 'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY'

export function createReaders(options: ReadOptions & { readonly names: StatementNames }): Readers {
  const { pool, names, silence } = options
  const sessions = readSessions(options)
  const { borrow, command, lasting, failure } = sessions

  /**
   * A statement on a connection that ended while nobody used it is asked again on another, and one whose table has changed
   * under it is prepared again: reading twice harms nobody.
   */
  const single = async (sql: string, parameters: readonly unknown[]): Promise<Answer> => {
    checkOwn(sql)
    for (let tries = 1; ; tries++) {
      const connection = await borrow()
      try {
        return await connection.heard(silence, () => connection.query(sql, parameters))
      } catch (error) {
        const changed = planChanged(error)
        if (changed) names.forget(sql)
        const gone = endsSession(error) && sqlState(error) === undefined && !isSilence(connection.broken())
        if (tries === 2 || !(gone || changed)) throw failure(error)
        if (gone) connection.destroy(error)
      } finally {
        pool.giveBack(connection)
      }
    }
  }

  /** A transaction that reads; whatever becomes of it, the connection comes out of it clean or not at all. */
  const snapshot: Readers['snapshot'] = async (work) => {
    const connection = await borrow()
    let over = false
    const guard = (): void => {
      if (over) throw snapshotOver()
    }
    try {
      // BEGIN alone takes no snapshot; the first read does.
      await command(connection, `${SNAPSHOT}; SELECT 1`)
      const query = (sql: string, parameters: readonly unknown[]) => sessions.query(connection, sql, parameters)
      return await lasting(connection, () => work(postgresKysely.transaction(kyselyConnection({ guard, query }))))
    } finally {
      over = true
      if (connection.broken() === undefined) {
        await command(connection, 'ROLLBACK').catch((error: unknown) => connection.destroy(error))
      }
      pool.giveBack(connection)
    }
  }

  const { provider, driver } = lending(sessions, pool)
  return {
    kysely: postgresKysely.reader(kyselyConnection({ query: single }), provider, driver),
    select: async (sql, parameters = []) => (await single(numbered(sql), parameters)).rows,
    snapshot,
  }
}

/** Connections that Kysely borrows for its own transactions and streams. */
function lending(sessions: ReadSessions, pool: Pool): { readonly provider: ConnectionProvider; readonly driver: Driver } {
  /** By what Kysely knows them as. */
  const loans = new Map<object, Loan>()
  const control = async (shown: object, sql: string, busy: boolean): Promise<void> => {
    const loan = loans.get(shown)
    if (loan === undefined) return
    loan.busy = busy
    await sessions.command(loan.connection, sql)
  }
  return {
    provider: {
      provideConnection: async (use) => {
        const connection = await sessions.borrow()
        const loan: Loan = { connection, busy: false }
        const shown = kyselyConnection({
          query: (sql, parameters) => sessions.query(connection, sql, parameters),
          stream: (sql, parameters, size) => rowsOf(sessions, loan, { sql, parameters, size }),
        })
        loans.set(shown, loan)
        try {
          return await sessions.lasting(connection, () => use(shown))
        } finally {
          loans.delete(shown)
          pool.giveBack(connection, { destroy: loan.busy })
        }
      },
    },
    driver: {
      ...noDriver,
      beginTransaction: (connection) => control(connection, SNAPSHOT, true),
      commitTransaction: (connection) => control(connection, 'COMMIT', false),
      rollbackTransaction: (connection) => control(connection, 'ROLLBACK', false),
    },
  }
}
