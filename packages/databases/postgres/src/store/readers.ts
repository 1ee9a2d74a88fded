import type { Kysely } from 'kysely'
import { CallError } from 'dure/contract'
import type { SqlRow, SqlValue } from 'dure/data'
import type { Timers } from 'dure/runtime'
import { noDriver, outlasted, readOnly, snapshotOver } from 'dure/data/internal'
import type { Connection, Answer } from './connection.ts'
import { endsSession, explain, sqlState, type StoreAddress } from './errors.ts'
import { kyselyConnection, postgresKysely } from './kysely.ts'
import { numbered } from './placeholders.ts'
import type { Pool } from './pool.ts'
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

export function createReaders(options: {
  readonly service: string
  readonly address: StoreAddress
  readonly pool: Pool
  readonly names: StatementNames
  readonly timers: Timers
  /** Milliseconds after which an answer is not waited for any more. */
  readonly patience: number
}): Readers {
  const { service, address, pool, names, timers, patience } = options

  const failure = (error: unknown): unknown =>
    sqlState(error) === '25006'
      ? readOnly(service, error)
      : explain(error, `Reading from the store of service "${service}"`, address)

  /** The server ends a statement that takes too long; a server that does not answer at all is left. */
  const answered = async <T>(connection: Connection, answer: Promise<T>): Promise<T> => {
    const watch = timers.after(patience, () => connection.destroy(new Unanswered()))
    try {
      return await answer
    } finally {
      watch.cancel()
    }
  }

  /** A snapshot or a stream that nobody ends gives its place back in the end: the server keeps what it sees until then. */
  const lasting = async <T>(connection: Connection, use: () => Promise<T>): Promise<T> => {
    const { promise: over, reject } = Promise.withResolvers<never>()
    const watch = timers.after(patience, () => {
      const late = outlasted(service, patience)
      connection.destroy(late)
      reject(late)
    })
    try {
      return await Promise.race([use(), over])
    } finally {
      watch.cancel()
    }
  }

  /** What ended the connection on purpose, rather than that it is gone. */
  const causeOf = (connection: Connection, error: unknown): unknown =>
    connection.broken() instanceof CallError ? connection.broken() : error

  const query = async (connection: Connection, sql: string, parameters: readonly unknown[]): Promise<Answer> => {
    checkOwn(sql)
    try {
      return await answered(connection, connection.query(sql, parameters))
    } catch (error) {
      throw failure(causeOf(connection, error))
    }
  }

  const borrow = (): Promise<Connection> =>
    pool.borrow().catch((error: unknown) => {
      throw failure(error)
    })

  /**
   * A statement on a connection that ended while nobody used it is asked again on another, and one whose table has changed
   * under it is prepared again: reading twice harms nobody.
   */
  const single = async (sql: string, parameters: readonly unknown[]): Promise<Answer> => {
    checkOwn(sql)
    for (let tries = 1; ; tries++) {
      const connection = await borrow()
      try {
        return await answered(connection, connection.query(sql, parameters))
      } catch (error) {
        const changed = planChanged(error)
        if (changed) names.forget(sql)
        const gone = endsSession(error) && sqlState(error) === undefined && !(connection.broken() instanceof Unanswered)
        if (tries === 2 || !(gone || changed)) throw failure(error)
        if (gone) connection.destroy(error)
      } finally {
        pool.giveBack(connection)
      }
    }
  }

  /** A transaction that reads; whatever becomes of it, the connection comes out of it clean or not at all. */
  const reading = async <T>(begin: string, work: (connection: Connection) => Promise<T>): Promise<T> => {
    const connection = await borrow()
    try {
      await answered(connection, connection.command(begin)).catch((error: unknown) => {
        throw failure(error)
      })
      return await lasting(connection, () => work(connection))
    } finally {
      if (connection.broken() === undefined) {
        await answered(connection, connection.command('ROLLBACK')).catch((error: unknown) => connection.destroy(error))
      }
      pool.giveBack(connection)
    }
  }

  /** Rows a few at a time, on a connection that is the stream's own, or inside the transaction that is open on it. */
  async function* stream(
    { connection, busy }: { connection: Connection; busy: boolean },
    sql: string,
    parameters: readonly unknown[],
    size: number,
  ): AsyncGenerator<Answer> {
    checkOwn(sql)
    const name = `dure_rows_${++cursors}`
    try {
      if (!busy) await answered(connection, connection.command('BEGIN READ ONLY'))
      await answered(connection, connection.query(`DECLARE ${name} NO SCROLL CURSOR FOR ${sql}`, parameters))
      for (;;) {
        const answer = await answered(connection, connection.query(`FETCH ${Math.max(1, Math.trunc(size))} FROM ${name}`))
        if (answer.rows.length === 0) break
        yield answer
      }
    } catch (error) {
      throw failure(causeOf(connection, error))
    } finally {
      if (connection.broken() === undefined) {
        const ending = busy ? `CLOSE ${name}` : 'ROLLBACK'
        await answered(connection, connection.command(ending)).catch((error: unknown) => {
          if (!busy) connection.destroy(error)
        })
      }
    }
  }

  let cursors = 0
  /** Connections that are lent to Kysely, by what it knows them as. */
  const lent = new Map<object, { connection: Connection; busy: boolean }>()
  const control = async (shown: object, sql: string, busy: boolean): Promise<void> => {
    const loan = lent.get(shown)
    if (loan === undefined) return
    loan.busy = busy
    await answered(loan.connection, loan.connection.command(sql)).catch((error: unknown) => {
      throw failure(error)
    })
  }
  return {
    kysely: postgresKysely.reader(
      kyselyConnection({ query: single }),
      {
        provideConnection: async (use) => {
          const connection = await borrow()
          const loan = { connection, busy: false }
          const shown = kyselyConnection({
            query: (sql, parameters) => query(connection, sql, parameters),
            stream: (sql, parameters, size) => stream(loan, sql, parameters, size),
          })
          lent.set(shown, loan)
          try {
            return await lasting(connection, () => use(shown))
          } finally {
            lent.delete(shown)
            if (loan.busy) connection.destroy(new Error('A transaction was left open on it'))
            pool.giveBack(connection)
          }
        },
      },
      {
        ...noDriver,
        beginTransaction: (connection) => control(connection, SNAPSHOT, true),
        commitTransaction: (connection) => control(connection, 'COMMIT', false),
        rollbackTransaction: (connection) => control(connection, 'ROLLBACK', false),
      },
    ),
    select: async (sql, parameters = []) => (await single(numbered(sql), parameters)).rows,
    snapshot: (work) =>
      // BEGIN alone takes no snapshot; the first read does.
      reading(`${SNAPSHOT}; SELECT 1`, async (connection) => {
        let over = false
        const guard = (): void => {
          if (over) throw snapshotOver()
        }
        try {
          return await work(
            postgresKysely.transaction(
              kyselyConnection({ guard, query: (sql, parameters) => query(connection, sql, parameters) }),
            ),
          )
        } finally {
          over = true
        }
      }),
  }
}

/** The connection was given up because a statement on it was not answered. */
class Unanswered extends Error {
  constructor() {
    super('Connection terminated: no answer in time')
  }
}
