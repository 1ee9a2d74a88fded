import { AsyncLocalStorage } from 'node:async_hooks'
import { CallError } from 'dure/contract'
import { isInstance } from 'dure/contract/internal'
import type { SqlStore, SqlTransaction } from 'dure/data'
import { closed, cutOff, full, nested, tooLong, type Member, unusableTimeout } from 'dure/data/internal'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { createAttempt, type Again, type Attempt } from './transaction-attempt.ts'
import type { Connection } from './connection.ts'
import { crossed, endsSession, explain, notKept, unknownOutcome, type StoreAddress } from './errors.ts'
import { createConcurrencyLimit } from './concurrency-limit.ts'
import type { StoreLock } from './store-lock.ts'
import { createWorkTimeout, type WorkTimeout } from './work-timeout.ts'
import { commitOutcome } from './commit-outcome.ts'
import type { Pool } from './pool.ts'
import type { StatementNames } from './statements.ts'
import type { StoreLimits } from './limits.ts'

export type Isolation = 'serializable' | 'repeatable read' | 'read committed'

/**
 * Transactions, several at once. Work that crossed another transaction's is run again from its start, within its time; after
 * a few tries alone, so that it gets through. Resolved means durable. Listeners are called in the order in which the
 * COMMITs were sent: of two transactions of which one saw the other's rows, the other one's first.
 */
export type Transactions = {
  readonly transaction: SqlStore['transaction']
  readonly counts: () => TransactionCounts
  /** Waits for those under way. */
  readonly stop: () => Promise<void>
  /** Rolls back those under way. */
  readonly cutOff: () => void
}

export type TransactionCounts = {
  readonly committed: number
  /** Times that work was run again because another transaction crossed it. */
  readonly crossed: number
  /** Transactions that may run at once, as things are. */
  readonly atOnce: number
  /** Commits whose connection was lost, by what was found out about them. */
  readonly lost: { readonly kept: number; readonly notKept: number; readonly unknown: number }
}

type Work<T> = (tx: SqlTransaction) => Promise<T>
type Done<T> = { readonly again: Again } | { readonly again: undefined; readonly value: T }

/** Tries side by side with others, before one that has the store for itself. */
const TOGETHER = 3

export function createTransactions(options: {
  readonly service: string
  readonly address: StoreAddress
  readonly pool: Pool
  readonly storeLock: StoreLock
  readonly names: StatementNames
  readonly isolation: Isolation
  readonly runtime: Runtime
  readonly log: Logger
  readonly limits: Pick<StoreLimits, 'writers' | 'waiting' | 'timeout' | 'outcomeTimeout'>
}): Transactions {
  const { service, address, pool, storeLock, names, isolation, runtime, log, limits } = options
  const { timers } = runtime
  const insideOf = new AsyncLocalStorage<Member>()
  const live = new Set<Member>()
  const used = new WeakSet<Connection>()
  const fragile = new Set<string>()
  const running = new Set<WorkTimeout>()
  const concurrency = createConcurrencyLimit(limits.writers)
  const counts = { committed: 0, crossed: 0, lost: { kept: 0, notKept: 0, unknown: 0 } }
  let jobs = 0
  let arrivals = 0
  let stopped = false
  let idle: (() => void) | undefined
  /** The end of the last COMMIT that somebody listens to. */
  let heard: Promise<void> = Promise.resolve()

  /** Milliseconds after which the server itself has ended what was under way before ROLLBACK. */
  const patience = Math.min(limits.timeout + GRACE, COMMITTING)

  const explainStatement = (error: unknown): unknown => explain(error, `A statement of service "${service}"`, address)

  const transaction: SqlStore['transaction'] = async (work, { timeout = limits.timeout } = {}) => {
    const unusable = unusableTimeout(service, timeout)
    if (unusable !== undefined) throw unusable
    const outer = insideOf.getStore()
    if (outer !== undefined && live.has(outer)) throw nested(service)
    if (stopped) throw closed(service)
    storeLock.check()
    if (jobs >= limits.waiting) throw full(service, limits.waiting)
    jobs++
    arrivals++
    try {
      return await run(work, timeout)
    } finally {
      jobs--
      if (jobs === 0) idle?.()
    }
  }

  const run = async <T>(work: Work<T>, timeout: number): Promise<T> => {
    const before = arrivals
    const limit = createWorkTimeout({ timeout, runtime, error: (tries) => late(timeout, tries, arrivals - before) })
    let connection = await borrow()
    running.add(limit)
    try {
      limit.start()
      for (let tries = 1; ; tries++) {
        const done = await inTurn(connection, work, limit, tries > TOGETHER)
        if (done.again === undefined) return done.value
        if (done.again.why === 'crossed') counts.crossed++
        limit.tries = tries
        if (connection.broken() === undefined) continue
        pool.giveBack(connection)
        connection = await borrow()
      }
    } finally {
      limit.cancel()
      running.delete(limit)
      pool.giveBack(connection)
    }
  }

  const borrow = async (): Promise<Connection> => {
    try {
      return await pool.borrow()
    } catch (error) {
      throw explain(error, `Beginning a transaction of service "${service}"`, address)
    }
  }

  const inTurn = async <T>(connection: Connection, work: Work<T>, limit: WorkTimeout, alone: boolean): Promise<Done<T>> => {
    const entering = concurrency.enter(alone)
    const leave = await limit.race(entering).catch((error: unknown) => {
      void entering.then((left) => left(false))
      throw error
    })
    let crossed = false
    try {
      const done = await tryOnce(connection, work, limit)
      crossed = done.again?.why === 'crossed'
      return done
    } finally {
      leave(crossed)
    }
  }

  const tryOnce = async <T>(connection: Connection, work: Work<T>, limit: WorkTimeout): Promise<Done<T>> => {
    const begin = beginning(isolation, limit.timeout === limits.timeout ? undefined : limit.timeout)
    const attempt = createAttempt({ connection, begin, names, fragile, used: used.has(connection), explain: explainStatement })
    const { member } = attempt
    used.add(connection)
    live.add(member)
    try {
      const value = await limit.race(insideOf.run(member, complete, work, attempt))
      // From here on it is the server's time, not the work's.
      limit.cancel()
      member.end('its work has returned')
      if (attempt.again() === undefined) {
        if (attempt.begun()) await commit(connection, attempt, member.onCommit)
        else for (const listener of member.onCommit) notify(listener)
        counts.committed++
        return { again: undefined, value }
      }
    } catch (error) {
      if (limit.expired()) {
        member.end(`it was rolled back after ${limit.timeout} ms`)
        // The server must not go on with what nobody waits for, holding its locks.
        storeLock.terminate(connection.pid)
        connection.destroy(error)
        throw error
      }
      member.end('its work has failed')
      const again = attempt.again() ?? (isInstance(error, Crossed) ? { why: 'crossed' as const, error: error.cause } : undefined)
      await rollBack(connection, attempt)
      if (again === undefined) throw error
      limit.resume()
      return { again }
    } finally {
      live.delete(member)
    }
    await rollBack(connection, attempt)
    limit.resume()
    return { again: attempt.again()! }
  }

  const complete = async <T>(work: Work<T>, attempt: Attempt): Promise<T> => {
    const value = await work(attempt.member.tx)
    await attempt.close()
    for (const task of attempt.member.beforeCommit) {
      if (attempt.again() !== undefined) break
      await task()
    }
    return value
  }

  const rollBack = async (connection: Connection, attempt: Attempt): Promise<void> => {
    if (attempt.begun() && connection.broken() === undefined) {
      const rolledBack = connection.heard(patience, () => connection.command('ROLLBACK'))
      await rolledBack.catch((error: unknown) => connection.destroy(error))
    }
  }

  const commit = async (connection: Connection, attempt: Attempt, listeners: readonly (() => void)[]): Promise<void> => {
    // Refused before it was sent: the server knows nothing of it and would commit the rest.
    const fatal = attempt.refused() ?? attempt.fatal()
    if (fatal !== undefined) throw explainStatement(fatal)
    // It was never sent.
    if (connection.broken() !== undefined) throw notKept(service, address, connection.broken())
    const before = heard
    const settled = Promise.withResolvers<void>()
    if (listeners.length > 0) heard = settled.promise
    const witness = storeLock.held()
    try {
      attempt.identify()
      const watch = timers.after(COMMITTING, () =>
        connection.destroy(new Error('Connection terminated: COMMIT was not answered')),
      )
      try {
        const answer = await connection.command('COMMIT')
        // The server rolls back where a statement failed that nobody waited for.
        if (answer !== 'COMMIT')
          throw attempt.again()?.error ?? attempt.fatal() ?? new Error(`COMMIT was answered with ${answer}`)
      } catch (error) {
        if (attempt.refused() !== undefined) throw explainStatement(attempt.refused())
        if (crossed(error)) throw new Crossed(error)
        if (!endsSession(error)) throw explainStatement(error)
        storeLock.terminate(connection.pid)
        connection.destroy(error)
        await findOut(error)
      } finally {
        watch.cancel()
      }
      if (listeners.length > 0) {
        await before
        for (const listener of listeners) notify(listener)
      }
    } finally {
      settled.resolve()
    }

    async function findOut(error: unknown): Promise<void> {
      const outcome = await commitOutcome({ xid: attempt.xid(), witness, storeLock, runtime, timeout: limits.outcomeTimeout })
      counts.lost[outcome === 'not kept' ? 'notKept' : outcome]++
      log.warn('The connection was lost during a commit', { service, outcome, error })
      if (outcome === 'unknown') throw unknownOutcome(service, address, error)
      if (outcome === 'not kept') throw notKept(service, address, error)
    }
  }

  const notify = (listener: () => void): void => {
    try {
      listener()
    } catch (error) {
      log.error('A listener to a commit failed', { service, error })
    }
  }

  const late = (timeout: number, tries: number, others: number): CallError => {
    const error = tooLong(service, timeout, tries === 0 ? others : 0)
    if (tries === 0) return error
    return new CallError(error.code, `${error.message}. It was begun ${tries + 1} times, because other transactions crossed it`, {
      inside: true,
    })
  }

  return {
    transaction,
    counts: () => ({ ...counts, lost: { ...counts.lost }, atOnce: Math.floor(concurrency.width()) }),
    stop: async () => {
      stopped = true
      if (jobs > 0) await new Promise<void>((resolve) => (idle = resolve))
      await pool.stop()
    },
    cutOff: () => {
      for (const limit of running) limit.cut(cutOff(service))
      pool.cutOff()
    },
  }
}

/** Milliseconds that the answer to COMMIT may take, before the connection is given up for lost. */
const COMMITTING = 10_000

/** The server found at the commit that it crossed another transaction. */
class Crossed extends Error {
  constructor(cause: unknown) {
    super('Crossed', { cause })
  }
}

function beginning(isolation: Isolation, timeout: number | undefined): string {
  const begin = `BEGIN ISOLATION LEVEL ${isolation.toUpperCase()}, READ WRITE`
  if (timeout === undefined) return begin
  const ms = Number.isFinite(timeout) ? Math.min(2 ** 31 - 1, Math.ceil(timeout) + GRACE) : 0
  return `${begin}; SET LOCAL statement_timeout = ${ms}; SET LOCAL idle_in_transaction_session_timeout = ${ms}`
}

/** The server's own limits are for when this process cannot end a transaction any more. */
export const GRACE = 1_000
