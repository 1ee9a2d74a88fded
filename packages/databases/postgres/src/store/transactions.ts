import { AsyncLocalStorage } from 'node:async_hooks'
import { CallError } from 'dure/contract'
import { isInstance } from 'dure/contract/internal'
import type { SqlStore, SqlTransaction } from 'dure/data'
import { closed, cutOff, full, nested, tooLong, type Member, unusableTimeout } from 'dure/data/internal'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { Outcome } from './commit-outcome.ts'
import { COMMITTING, createCommits, Crossed } from './commits.ts'
import { createConcurrencyLimit } from './concurrency-limit.ts'
import type { Connection } from './connection.ts'
import { explain, type StoreAddress } from './errors.ts'
import type { StoreLimits } from './limits.ts'
import type { Pool } from './pool.ts'
import type { StatementNames } from './statements.ts'
import { createAttempt, type Again, type Attempt } from './transaction-attempt.ts'
import type { Witness } from './witness.ts'
import { createWorkTimeout, type WorkTimeout } from './work-timeout.ts'

export type Isolation = 'serializable' | 'repeatable read' | 'read committed'

/**
 * Transactions, several at once. Work that crossed another transaction's is run again from its start, within its time; after
 * a few tries alone, so that it gets through. Resolved means durable.
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
  /** Times that work was run again because another transaction crossed it. */
  readonly crossed: number
  /** Transactions that may run at once, as things are. */
  readonly atOnce: number
  /** Commits whose connection was lost, by what was found out about them. */
  readonly lost: Readonly<Record<Outcome, number>>
}

type Work<T> = (tx: SqlTransaction) => Promise<T>
/** Work, and the statement that begins its transaction. */
type Job<T> = { readonly work: Work<T>; readonly begin: string; readonly marked: boolean }
type Done<T> = { readonly again: Again } | { readonly again: undefined; readonly value: T }

export type TransactionOptions = {
  readonly service: string
  readonly address: StoreAddress
  readonly pool: Pool
  readonly witness: Witness
  /** The application name of writing sessions. */
  readonly writers: string
  readonly names: StatementNames
  readonly isolation: Isolation
  readonly runtime: Runtime
  readonly log: Logger
  readonly limits: Pick<StoreLimits, 'writers' | 'waiting' | 'timeout' | 'outcomeTimeout'>
}

/** Tries side by side with others, before one that has the store for itself. */
const TOGETHER = 3

export function createTransactions(options: TransactionOptions): Transactions {
  const { service, address, pool, isolation, runtime, limits } = options
  const insideOf = new AsyncLocalStorage<Member>()
  const live = new Set<Member>()
  const running = new Set<WorkTimeout>()
  const concurrency = createConcurrencyLimit(limits.writers)
  const tries = createTries(options, { insideOf, live })
  let crossed = 0
  let jobs = 0
  let arrivals = 0
  let stopped = false
  let idle: (() => void) | undefined

  const transaction: SqlStore['transaction'] = async (
    work,
    { timeout = limits.timeout, isolated = true, marked = false } = {},
  ) => {
    const unusable = unusableTimeout(service, timeout)
    if (unusable !== undefined) throw unusable
    const outer = insideOf.getStore()
    if (outer !== undefined && live.has(outer)) throw nested(service)
    if (stopped) throw closed(service)
    if (jobs >= limits.waiting) throw full(service, limits.waiting)
    jobs++
    arrivals++
    try {
      const own = timeout === limits.timeout ? undefined : timeout
      return await run({ work, begin: beginning(isolated ? isolation : 'read committed', own), marked }, timeout)
    } finally {
      jobs--
      if (jobs === 0) idle?.()
    }
  }

  const run = async <T>(job: Job<T>, timeout: number): Promise<T> => {
    const before = arrivals
    const limit = createWorkTimeout({ timeout, runtime, error: (begun) => late(service, timeout, begun, arrivals - before) })
    let connection = await borrow()
    running.add(limit)
    try {
      limit.start()
      for (let begun = 1; ; begun++) {
        const done = await inTurn(connection, job, limit, begun > TOGETHER)
        if (done.again === undefined) return done.value
        if (done.again.why === 'crossed') crossed++
        limit.tries = begun
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

  const borrow = (): Promise<Connection> =>
    pool.borrow().catch((error: unknown) => {
      throw explain(error, `Beginning a transaction of service "${service}"`, address)
    })

  const inTurn = async <T>(connection: Connection, job: Job<T>, limit: WorkTimeout, alone: boolean): Promise<Done<T>> => {
    const entering = concurrency.enter(alone)
    const leave = await limit.race(entering).catch((error: unknown) => {
      void entering.then((left) => left(false))
      throw error
    })
    let done: Done<T> | undefined
    try {
      done = await tries.tryOnce(connection, job, limit)
      return done
    } finally {
      leave(done?.again?.why === 'crossed')
    }
  }

  return {
    transaction,
    counts: () => ({ crossed, lost: tries.lost, atOnce: Math.floor(concurrency.width()) }),
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

/** One try after another on a connection: begun, worked, committed or rolled back. */
function createTries(
  { service, address, witness, writers, names, runtime, log, limits }: TransactionOptions,
  { insideOf, live }: { readonly insideOf: AsyncLocalStorage<Member>; readonly live: Set<Member> },
): {
  readonly tryOnce: <T>(connection: Connection, job: Job<T>, limit: WorkTimeout) => Promise<Done<T>>
  readonly lost: TransactionCounts['lost']
} {
  const used = new WeakSet<Connection>()
  const fragile = new Set<string>()
  /** Milliseconds after which the server itself has ended what was under way before ROLLBACK. */
  const silence = Math.min(limits.timeout + GRACE, COMMITTING)
  const explainStatement = (error: unknown): unknown => explain(error, `A statement of service "${service}"`, address)
  const { outcomeTimeout } = limits
  const commits = createCommits({ service, address, witness, writers, runtime, log, outcomeTimeout, explain: explainStatement })

  const rollBack = async (connection: Connection, attempt: Attempt): Promise<void> => {
    if (!attempt.begun() || connection.broken() !== undefined) return
    const rolledBack = connection.heard(silence, () => connection.command('ROLLBACK'))
    await rolledBack.catch((error: unknown) => connection.destroy(error))
  }

  const tryOnce = async <T>(connection: Connection, { work, begin, marked }: Job<T>, limit: WorkTimeout): Promise<Done<T>> => {
    const known = { begin, marked, used: used.has(connection) }
    const attempt = createAttempt({ connection, names, fragile, ...known, explain: explainStatement })
    const { member } = attempt
    const present = witness.present()
    used.add(connection)
    live.add(member)
    let again: Again | undefined
    try {
      const value = await limit.race(insideOf.run(member, complete, work, attempt))
      // From here on it is the server's time, not the work's.
      limit.cancel()
      member.end('its work has returned')
      again = attempt.again()
      if (again === undefined) {
        if (attempt.begun()) await commits.commit(connection, attempt, present)
        else commits.notify(member.onCommit)
        return { again, value }
      }
    } catch (error) {
      if (limit.expired()) {
        member.end(`it was rolled back after ${limit.timeout} ms`)
        // The server must not go on with what nobody waits for, holding its locks.
        witness.terminate(connection.pid)
        connection.destroy(error)
        throw error
      }
      member.end('its work has failed')
      again = attempt.again() ?? (isInstance(error, Crossed) ? { why: 'crossed', error: error.cause } : undefined)
      if (again === undefined) {
        await rollBack(connection, attempt)
        throw error
      }
    } finally {
      live.delete(member)
    }
    await rollBack(connection, attempt)
    limit.resume()
    return { again }
  }
  return { tryOnce, lost: commits.lost }
}

async function complete<T>(work: Work<T>, attempt: Attempt): Promise<T> {
  const { member } = attempt
  const value = await work(member.tx)
  await attempt.close()
  for (const task of member.beforeCommit) {
    if (attempt.again() !== undefined) break
    await task()
  }
  // What is answered only now is the end of the transaction anyway.
  const spoiled = member.spoiled()
  if (spoiled !== undefined) throw spoiled.error
  return value
}

function late(service: string, timeout: number, tries: number, others: number): CallError {
  const error = tooLong(service, timeout, tries === 0 ? others : 0)
  if (tries === 0) return error
  return new CallError(error.code, `${error.message}. It was begun ${tries + 1} times, because other transactions crossed it`, {
    inside: true,
  })
}

function beginning(isolation: Isolation, timeout: number | undefined): string {
  const begin = `BEGIN ISOLATION LEVEL ${isolation.toUpperCase()}, READ WRITE`
  if (timeout === undefined) return begin
  const ms = Number.isFinite(timeout) ? Math.min(2 ** 31 - 1, Math.ceil(timeout) + GRACE) : 0
  return `${begin}; SET LOCAL statement_timeout = ${ms}; SET LOCAL idle_in_transaction_session_timeout = ${ms}`
}

/** The server's own limits are for when this process cannot end a transaction any more. */
export const GRACE = 1_000
