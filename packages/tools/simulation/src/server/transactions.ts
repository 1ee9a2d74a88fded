import { AsyncLocalStorage } from 'node:async_hooks'
import { isInstance } from 'dure/contract/internal'
import type { SqlStore, SqlTransaction, StoreTransaction } from 'dure/data'
import {
  closed,
  createMember,
  cutOff,
  full,
  sqliteConnection,
  nested,
  sqliteKysely,
  tooLong,
  unusableTimeout,
  type Member,
} from 'dure/data/internal'
import type { Timer } from 'dure/runtime'
import type { Process } from '../kernel/kernel.ts'
import { Crossed, execute, type Attempt } from './attempt.ts'
import type { DatabaseServer } from './database-server.ts'

/** Transactions of one member at the server: what crossed another's is run again from its start, within its time. */
export type Transactions = {
  readonly transaction: SqlStore['transaction']
  readonly attemptOf: (tx: StoreTransaction) => Attempt
  readonly stop: (timeout: number | undefined) => Promise<void>
}

/** Transactions at once, and those that may wait. */
const [WRITERS, WAITING, TIMEOUT] = [8, 10_000, 5_000]
/** Tries side by side with others, before one alone. */
const TOGETHER = 3

export type TransactionsOptions = {
  readonly service: string
  readonly member: string
  readonly process: Process
  readonly server: DatabaseServer
  /** The way to the server and back. */
  readonly ask: <T>(work: () => T | Promise<T>) => Promise<T>
  readonly sometimes: (what: string) => void
}

export function createTransactions(options: TransactionsOptions): Transactions {
  const { service, member: own, process, server, ask, sometimes } = options
  const { timers } = process.runtime
  const attempts = new WeakMap<StoreTransaction, Attempt>()
  const insideOf = new AsyncLocalStorage<Attempt>()
  const running = new Set<(error: Error) => void>()
  const turns = createTurns()
  let jobs = 0
  let stopped = false
  let idle: (() => void) | undefined

  /** One try; undefined when it was crossed. */
  const tryOnce = async <T>(
    work: (tx: SqlTransaction) => Promise<T>,
    expiry: Promise<never>,
  ): Promise<{ readonly value: T; readonly member: Member } | undefined> => {
    const attempt = await Promise.race([ask(() => server.begin({ member: own, process })), expiry])
    const member = memberOf(attempt, options)
    attempts.set(member.tx, attempt)
    const complete = async (): Promise<T> => {
      const value = await work(member.tx)
      for (const task of member.beforeCommit) await task()
      await member.answered()
      return value
    }
    try {
      const value = await Promise.race([insideOf.run(attempt, complete), expiry])
      member.end('its work has returned')
      await ask(() => server.commit(attempt))
      return { value, member }
    } catch (error) {
      member.end('its work has failed')
      server.end(attempt, error as Error)
      if (!isInstance(error, Crossed) && !isInstance(attempt.reason, Crossed)) throw error
      sometimes('a transaction was begun again')
      return undefined
    }
  }

  const run = async <T>(work: (tx: SqlTransaction) => Promise<T>, timeout: number): Promise<T> => {
    const { promise: expiry, reject } = Promise.withResolvers<never>()
    expiry.catch(() => {})
    let timer: Timer | undefined
    running.add(reject)
    try {
      if (timeout !== Infinity) timer = timers.after(timeout, () => reject(tooLong(service, timeout, 0)))
      for (let tries = 0; ; tries++) {
        const entering = turns.enter(tries >= TOGETHER)
        const leave = await Promise.race([entering, expiry]).catch((error: unknown) => {
          void entering.then((left) => left())
          throw error
        })
        const done = await tryOnce(work, expiry).finally(leave)
        if (done === undefined) continue
        for (const listener of done.member.onCommit) listener()
        return done.value
      }
    } finally {
      timer?.cancel()
      running.delete(reject)
    }
  }

  const transaction: SqlStore['transaction'] = async (work, { timeout = TIMEOUT } = {}) => {
    const unusable = unusableTimeout(service, timeout)
    if (unusable !== undefined) throw unusable
    if (insideOf.getStore()?.state === 'open') throw nested(service)
    if (stopped) throw closed(service)
    if (jobs >= WAITING) throw full(service, WAITING)
    jobs++
    try {
      return await run(work, timeout)
    } finally {
      if (--jobs === 0) idle?.()
    }
  }

  return {
    transaction,
    attemptOf: (tx) => attempts.get(tx)!,
    stop: async (timeout) => {
      stopped = true
      const late =
        timeout === undefined ? undefined : timers.after(timeout, () => running.forEach((cut) => cut(cutOff(service))), 'waited')
      if (jobs > 0) await new Promise<void>((resolve) => (idle = resolve))
      late?.cancel()
    },
  }
}

/** Transactions that run at once, so many or one alone; first come, first served. */
function createTurns(): { readonly enter: (alone: boolean) => Promise<() => void> } {
  const queue: { readonly alone: boolean; readonly begin: (leave: () => void) => void }[] = []
  let inside = 0
  let alone = false
  const next = (): void => {
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      if (alone || inside >= (first.alone ? 1 : WRITERS)) return
      queue.shift()
      inside++
      alone = first.alone
      first.begin(() => {
        inside--
        alone = false
        next()
      })
    }
  }
  return {
    enter: (wanted) =>
      new Promise((begin) => {
        queue.push({ alone: wanted, begin })
        next()
      }),
  }
}

/** What the work of a transaction is given. */
function memberOf(attempt: Attempt, { service, process, server, ask }: TransactionsOptions): Member {
  // One statement after another, as on a connection.
  let tail: Promise<unknown> = Promise.resolve()
  const step = <T>(work: () => T): Promise<T> => {
    const mine = tail.then(() => {
      if (process.point('statement', service)) return new Promise<never>(() => {})
      return ask(() => server.run(attempt, work))
    })
    tail = mine.catch(() => {})
    return mine
  }
  const { statements } = attempt.snapshot
  const recorded = {
    ...statements,
    all: (sql: string, parameters: readonly unknown[]) => execute(attempt, 'all', sql, parameters),
    run: (sql: string, parameters: readonly unknown[]) => execute(attempt, 'run', sql, parameters),
  }
  return createMember({
    all: (sql, parameters) => step(() => recorded.all(sql, parameters)),
    run: async (sql, parameters) => Number((await step(() => recorded.run(sql, parameters))).changes),
    kysely: (guard) => {
      const inner = sqliteConnection({ statements: recorded, guard, explain: (error) => error, whole: true })
      return sqliteKysely.transaction({
        ...inner,
        executeQuery: async (query) => {
          guard()
          return stepAsync(step, () => inner.executeQuery(query))
        },
      })
    },
  })
}

/** Kysely's way to a statement is a promise, though the statement itself is not. */
async function stepAsync<T>(step: <R>(work: () => R) => Promise<R>, work: () => Promise<T>): Promise<T> {
  return await step(work)
}
