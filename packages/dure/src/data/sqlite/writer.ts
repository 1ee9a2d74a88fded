import { AsyncLocalStorage } from 'node:async_hooks'
import type { DatabaseSync } from 'node:sqlite'
import type { Runtime } from '../../runtime/runtime.ts'
import type { Flush } from '../../runtime/internal.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import type { SqlTransaction } from '../database.ts'
import { closed, ended, full, nested, unusableTimeout } from '../errors.ts'
import { createMember } from '../member.ts'
import { explain } from './errors.ts'
import { createExecution, type Job as JobOf, type Outcome as OutcomeOf } from '../execution.ts'
import { kyselyConnection, sqliteKysely } from './kysely.ts'
import { createPatience, isLocked, LOCK_TIMEOUT, patiently, type Patience } from './lock.ts'
import { createStatements, type SchemaVersion } from './statements.ts'

/**
 * The single writer with group commit. Transactions run one after another. Those that wait share one BEGIN and
 * one COMMIT (one write to the disk), each inside a savepoint: one that fails is rolled back alone. Nobody is
 * answered, not even a failure, before the commit is on the disk: what a member saw of the members before it is true
 * only then. The disk is flushed beside the event loop, so the next group runs meanwhile and shares the next flush.
 *
 * A member that waits for the world outside makes the finished ones before it wait as well. So a group is small
 * (in number and in time), and a transaction that asks for more than the usual timeout runs alone.
 */
export type Writer = {
  readonly transaction: <T>(work: (tx: SqlTransaction) => Promise<T>, options?: { readonly timeout?: number }) => Promise<T>
  /** Transactions waiting or running. */
  readonly depth: () => number
  /** Turns group commit off, for schemas in which a member can fail as late as the commit. */
  readonly commitEachAlone: () => void
  /**
   * Takes nothing new, finishes what is queued, calls `before` (readers close first), closes the connection. What has not
   * ended after `timeout` milliseconds is rolled back.
   */
  readonly stop: (before: () => void, timeout?: number) => Promise<void>
}

export type WriterLimits = {
  /** Transactions that share a commit, at most. */
  readonly group: number
  /** Milliseconds after which a group takes no further member. */
  readonly groupTime: number
  /** Transactions that may wait. */
  readonly waiting: number
  /** Milliseconds a transaction may take when it does not say. */
  readonly timeout: number
  /** Milliseconds that another process's lock is waited for. */
  readonly lockTimeout?: number
}

type Job = JobOf<SqlTransaction>
type Outcome = OutcomeOf<SqlTransaction>

/** Transactions that are worth a group of their own while another is being flushed. */
const WORTH = 16

export function createWriter(options: {
  readonly db: DatabaseSync
  readonly schema: SchemaVersion
  readonly service: string
  readonly file: string
  readonly runtime: Runtime
  readonly log: Logger
  readonly limits: WriterLimits
  /** Puts commits on the disk; without it they survive the process only. */
  readonly flush?: Flush | undefined
}): Writer {
  const { db, schema, service, file, runtime, log, limits, flush } = options
  const { clock, timers } = runtime
  const patience = createPatience(runtime, limits.lockTimeout ?? LOCK_TIMEOUT)
  let cut = false
  // Once the time of the stop is over, no lock of another process is waited for.
  const locked =
    (wait = patience()): Patience =>
    async () =>
      !cut && wait()
  const statements = createStatements({ db, schema })
  const control = {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    mark: db.prepare('SAVEPOINT dure_member'),
    keep: db.prepare('RELEASE dure_member'),
    undo: db.prepare('ROLLBACK TO dure_member'),
  }
  const action = `The transaction of service "${service}"`
  let waiting: Job[] = []
  let head = 0
  let group = limits.group
  let running: Promise<void> | undefined
  let stopped = false
  let arrivals = 0
  const execution = createExecution<SqlTransaction>({ service, runtime, arrivals: () => arrivals })
  /** The end of the last group's way to the disk. */
  let flushing: Promise<void> | undefined
  /** Set when the disk has failed: what it holds is unknown, so nothing more is promised. */
  let broken: { readonly error: unknown } | undefined
  /** Set when the engine gave up the whole group, as it does when the disk is full. */
  let lost: { readonly error: unknown } | undefined

  const explainStatement = (error: unknown): unknown => {
    const explained = explain(error, `${action}: writing`, file)
    if (!db.isTransaction && lost === undefined) lost = { error: explained }
    return explained
  }

  const attempt = <T>(run: () => T): T => {
    try {
      return run()
    } catch (error) {
      throw explainStatement(error)
    }
  }

  const memberParts: Parameters<typeof createMember>[0] = {
    all: async (sql, parameters) => attempt(() => statements.all(sql, parameters)),
    run: async (sql, parameters) => attempt(() => Number(statements.run(sql, parameters).changes)),
    kysely: (guard) => sqliteKysely.transaction(kyselyConnection({ statements, guard, explain: explainStatement, whole: true })),
  }

  const transaction: Writer['transaction'] = <T>(
    work: (tx: SqlTransaction) => Promise<T>,
    { timeout = limits.timeout }: { readonly timeout?: number } = {},
  ): Promise<T> => {
    const unusable = unusableTimeout(service, timeout)
    if (unusable !== undefined) return Promise.reject(unusable)
    if (stopped) return Promise.reject(closed(service))
    if (broken !== undefined) return Promise.reject(broken.error)
    if (execution.inside()) return Promise.reject(nested(service))
    if (waiting.length - head >= limits.waiting) return Promise.reject(full(service, limits.waiting))
    arrivals++
    return new Promise<T>((resolve, reject) => {
      waiting.push({ context: AsyncLocalStorage.snapshot(), work, timeout, resolve: resolve as Job['resolve'], reject })
      running ??= run()
    })
  }

  /** One group a turn of the event loop: callers that were just answered can join the next, and input and output get their turn. */
  const run = async (): Promise<void> => {
    while (head < waiting.length) {
      await turn()
      // While a group is on its way to the disk a few wait for company: fewer and larger groups cost less.
      if (flushing !== undefined && waiting.length - head < WORTH) {
        await flushing
        await turn()
      }
      if (head < waiting.length) await runGroup()
    }
    waiting = []
    head = 0
    running = undefined
    execution.rest()
  }

  const turn = (): Promise<void> => new Promise((resolve) => timers.soon(resolve))

  const take = (): Job => {
    const job = waiting[head]!
    waiting[head++] = undefined as unknown as Job
    if (head > 1024 && head * 2 > waiting.length) {
      waiting = waiting.slice(head)
      head = 0
    }
    return job
  }

  const runGroup = async (): Promise<void> => {
    const version = schema.value
    const started = clock.monotonic()
    const outcomes: Outcome[] = []
    lost = undefined
    if (!(await begin())) return
    do {
      const job = take()
      outcomes.push(await runMember(job, outcomes.length > 0))
    } while (lost === undefined && mayJoin(outcomes, started))
    const failure = commit()
    // Tables may have changed, for good or not at all.
    if (schema.value !== version) schema.value++
    if (failure !== undefined || flush === undefined) return settle(outcomes, failure)
    // The next group may run while this one is on its way to the disk; answers keep the order of the commits.
    const mine = flush.flush().then(
      () => settle(outcomes, undefined),
      (error: unknown) => {
        broken = { error: explain(error, `${action}: flushing`, file) }
        settle(outcomes, broken)
      },
    )
    flushing = mine
    void mine.then(() => {
      if (flushing === mine) flushing = undefined
    })
  }

  /** Begins a group. While another process has the file locked, those who wait now do so together. */
  const begin = async (): Promise<boolean> => {
    const waiters = waiting.length - head
    try {
      await patiently(locked, () => control.begin.run())
    } catch (error) {
      const explained = explain(error, `${action}: beginning`, file)
      for (let i = isLocked(error) ? waiters : 1; i > 0 && head < waiting.length; i--) take().reject(explained)
      return false
    }
    if (head < waiting.length) return true
    control.rollback.run()
    return false
  }

  const mayJoin = (outcomes: readonly Outcome[], started: number): boolean => {
    const next = waiting[head]
    if (next === undefined || outcomes.length >= group) return false
    if (next.timeout > limits.timeout || outcomes[0]!.job.timeout > limits.timeout) return false
    return clock.monotonic() - started < limits.groupTime
  }

  const runMember = async (job: Job, others: boolean): Promise<Outcome> => {
    const member = createMember(memberParts)
    // The first of a group needs no savepoint to be undone: it is all there is.
    if (others) control.mark.run()
    const outcome = await execution.run(job, member)
    member.end(outcome.ok ? 'its work has returned' : 'its work has failed')
    if (lost === undefined && !db.isTransaction) lost = { error: outcome.ok ? ended(service) : outcome.value }
    if (lost !== undefined) return outcome
    try {
      if (outcome.ok) {
        if (others) control.keep.run()
      } else if (others) {
        control.undo.run()
        control.keep.run()
      } else {
        control.rollback.run()
        control.begin.run()
      }
    } catch (error) {
      lost = { error: explain(error, `${action}: finishing`, file) }
    }
    return outcome
  }

  const commit = (): { readonly error: unknown } | undefined => {
    if (lost !== undefined) {
      if (db.isTransaction) control.rollback.run()
      return lost
    }
    try {
      control.commit.run()
      return undefined
    } catch (error) {
      if (db.isTransaction) control.rollback.run()
      return { error: explain(error, `${action}: committing`, file) }
    }
  }

  const settle = (outcomes: readonly Outcome[], failure: { readonly error: unknown } | undefined): void => {
    for (const { job, ok, value, member } of outcomes) {
      if (failure !== undefined) job.reject(failure.error)
      else if (ok) {
        for (const listener of member.onCommit) notify(listener)
        job.resolve(value)
      } else job.reject(value)
    }
    if (failure !== undefined)
      log.error('A group of transactions was not committed', {
        service,
        file,
        transactions: outcomes.length,
        error: failure.error,
      })
  }

  const cutAllOff = (): void => {
    cut = true
    const left = waiting.slice(head)
    waiting = []
    head = 0
    for (const job of left) job.reject(closed(service))
    execution.cutOff()
  }

  const notify = (listener: () => void): void => {
    try {
      listener()
    } catch (error) {
      log.error('A listener to a commit failed', { service, error })
    }
  }

  return {
    transaction,
    depth: () => waiting.length - head + (execution.busy() ? 1 : 0),
    commitEachAlone: () => void (group = 1),
    stop: async (before, timeout) => {
      stopped = true
      const late = timeout === undefined ? undefined : timers.after(timeout, cutAllOff, 'waited')
      await running
      late?.cancel()
      await flushing
      await flush?.stop()
      if (!db.isOpen) return
      before()
      try {
        db.exec('PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)')
      } catch (error) {
        // Nothing is lost by it: the next start reads the log.
        log.warn('Tidying the store at its closing failed', { service, file, error })
      }
      db.close()
    },
  }
}
