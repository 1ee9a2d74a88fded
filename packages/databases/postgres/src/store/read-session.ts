import { CallError } from 'dure/contract'
import { outlasted, readOnly } from 'dure/data/internal'
import type { Timers } from 'dure/runtime'
import type { Answer, Connection } from './connection.ts'
import { explain, sqlState, type StoreAddress } from './errors.ts'
import type { Pool } from './pool.ts'
import { checkOwn } from './statements.ts'

/** What all ways of reading share: connections of the pool, their time, and errors in words. */
export type ReadSessions = {
  readonly borrow: () => Promise<Connection>
  /** One statement, and statements without rows; a server that is silent for too long is left. */
  readonly query: (connection: Connection, sql: string, parameters: readonly unknown[]) => Promise<Answer>
  readonly command: (connection: Connection, sql: string) => Promise<unknown>
  /** A snapshot or a stream that nobody ends gives its place back in the end: the server keeps what it sees until then. */
  readonly lasting: <T>(connection: Connection, use: () => Promise<T>) => Promise<T>
  readonly failure: (error: unknown) => unknown
}

export type ReadOptions = {
  readonly service: string
  readonly address: StoreAddress
  readonly pool: Pool
  readonly timers: Timers
  /** Milliseconds that a server may be silent, and that a snapshot or a stream may last. */
  readonly silence: number
}

export function readSessions({ service, address, pool, timers, silence }: ReadOptions): ReadSessions {
  const failure = (error: unknown): unknown =>
    sqlState(error) === '25006'
      ? readOnly(service, error)
      : explain(error, `Reading from the store of service "${service}"`, address)
  const heard = async <T>(connection: Connection, task: () => Promise<T>): Promise<T> => {
    try {
      return await connection.heard(silence, task)
    } catch (error) {
      // What ended the connection on purpose, rather than that it is gone.
      throw failure(connection.broken() instanceof CallError ? connection.broken() : error)
    }
  }
  return {
    failure,
    borrow: () =>
      pool.borrow().catch((error: unknown) => {
        throw failure(error)
      }),
    query: async (connection, sql, parameters) => {
      checkOwn(sql)
      return heard(connection, () => connection.query(sql, parameters))
    },
    command: (connection, sql) => heard(connection, () => connection.command(sql)),
    lasting: async (connection, use) => {
      const { promise: over, reject } = Promise.withResolvers<never>()
      const watch = timers.after(silence, () => {
        const late = outlasted(service, silence)
        connection.destroy(late)
        reject(late)
      })
      try {
        return await Promise.race([use(), over])
      } finally {
        watch.cancel()
      }
    },
  }
}
