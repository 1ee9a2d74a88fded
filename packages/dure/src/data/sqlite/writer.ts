import { AsyncLocalStorage } from 'node:async_hooks'
import type { DatabaseSync } from 'node:sqlite'
import type { Runtime } from '../../runtime/runtime.ts'
import type { Flush } from '../../runtime/internal.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import type { SqlTransaction } from '../database.ts'
import { closed, full, nested, unusableTimeout } from '../errors.ts'
import { createPatience, explain, isLocked, LOCK_TIMEOUT, type Patience } from '../sqlite-file/sqlite-file.ts'
import { createExecution } from '../execution.ts'
import { createGroup, type Job, type Outcome } from './group.ts'
import type { SchemaVersion } from './statements.ts'

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
  const { db, schema, service, file, runtime, limits, flush } = options
  const { clock, timers } = runtime
  const patience = createPatience(runtime, limits.lockTimeout ?? LOCK_TIMEOUT)
  let cut = false
  // Once the time of the stop is over, no lock of another process is waited for.
  const locked =
    (wait = patience()): Patience =>
    async () =>
      !cut && wait()
  const queue = createQueue()
  let arrivals = 0
  const execution = createExecution<SqlTransaction>({ service, runtime, arrivals: () => arrivals })
  const group = createGroup({ db, schema, service, file, execution, locked })
  let size = limits.group
  let running: Promise<void> | undefined
  let stopped = false
  /** The end of the last group's way to the disk. */
  let flushing: Promise<void> | undefined
  /** Set when the disk has failed: what it holds is unknown, so nothing more is promised. */
  let broken: { readonly error: unknown } | undefined

  const transaction: Writer['transaction'] = <T>(
    work: (tx: SqlTransaction) => Promise<T>,
    { timeout = limits.timeout }: { readonly timeout?: number } = {},
  ): Promise<T> => {
    const unusable = unusableTimeout(service, timeout)
    if (unusable !== undefined) return Promise.reject(unusable)
    if (stopped) return Promise.reject(closed(service))
    if (broken !== undefined) return Promise.reject(broken.error)
    if (execution.inside()) return Promise.reject(nested(service))
    if (queue.length() >= limits.waiting) return Promise.reject(full(service, limits.waiting))
    arrivals++
    return new Promise<T>((resolve, reject) => {
      queue.push({ context: AsyncLocalStorage.snapshot(), work, timeout, resolve: resolve as Job['resolve'], reject })
      running ??= run()
    })
  }

  /** One group a turn of the event loop: callers that were just answered can join the next, and input and output get their turn. */
  const run = async (): Promise<void> => {
    while (queue.length() > 0) {
      await turn()
      // While a group is on its way to the disk a few wait for company: fewer and larger groups cost less.
      if (flushing !== undefined && queue.length() < WORTH) {
        await flushing
        await turn()
      }
      if (queue.length() > 0) await runGroup()
    }
    running = undefined
    execution.rest()
  }

  const turn = (): Promise<void> => new Promise((resolve) => timers.soon(resolve))

  const runGroup = async (): Promise<void> => {
    const version = schema.value
    const started = clock.monotonic()
    const outcomes: Outcome[] = []
    if (!(await begin())) return
    do outcomes.push(await group.run(queue.take()!, outcomes.length > 0))
    while (!group.lost() && mayJoin(outcomes, started))
    const failure = group.commit()
    // Tables may have changed, for good or not at all.
    if (schema.value !== version) schema.value++
    if (failure !== undefined || flush === undefined) return settle(outcomes, failure, options)
    // The next group may run while this one is on its way to the disk; answers keep the order of the commits.
    const mine = flush.flush().then(
      () => settle(outcomes, undefined, options),
      (error: unknown) => {
        broken = { error: explain(error, `The transaction of service "${service}": flushing`, file) }
        settle(outcomes, broken, options)
      },
    )
    flushing = mine
    void mine.then(() => {
      if (flushing === mine) flushing = undefined
    })
  }

  /** Begins a group. While another process has the file locked, those who wait now do so together. */
  const begin = async (): Promise<boolean> => {
    const waiters = queue.length()
    try {
      await group.begin()
    } catch (error) {
      for (let i = isLocked(error) ? waiters : 1; i > 0; i--) queue.take()?.reject(error)
      return false
    }
    if (queue.length() > 0) return true
    group.abandon()
    return false
  }

  const mayJoin = (outcomes: readonly Outcome[], started: number): boolean => {
    const next = queue.next()
    if (next === undefined || outcomes.length >= size) return false
    if (next.timeout > limits.timeout || outcomes[0]!.job.timeout > limits.timeout) return false
    return clock.monotonic() - started < limits.groupTime
  }

  const cutAllOff = (): void => {
    cut = true
    for (let job = queue.take(); job !== undefined; job = queue.take()) job.reject(closed(service))
    execution.cutOff()
  }

  const stop: Writer['stop'] = async (before, timeout) => {
    stopped = true
    const late = timeout === undefined ? undefined : timers.after(timeout, cutAllOff, 'waited')
    await running
    late?.cancel()
    await flushing
    await flush?.stop()
    if (!db.isOpen) return
    before()
    close(db, options)
  }

  return {
    transaction,
    depth: () => queue.length() + (execution.busy() ? 1 : 0),
    commitEachAlone: () => void (size = 1),
    stop,
  }
}

function close(
  db: DatabaseSync,
  { service, file, log }: { readonly service: string; readonly file: string; readonly log: Logger },
): void {
  try {
    db.exec('PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)')
  } catch (error) {
    // Nothing is lost by it: the next start reads the log.
    log.warn('Tidying the store at its closing failed', { service, file, error })
  }
  db.close()
}

/** Answers those of a group: what they came to, or why nothing of it is kept. */
function settle(
  outcomes: readonly Outcome[],
  failure: { readonly error: unknown } | undefined,
  { service, file, log }: { readonly service: string; readonly file: string; readonly log: Logger },
): void {
  for (const { job, ok, value, member } of outcomes) {
    if (failure !== undefined) job.reject(failure.error)
    else if (!ok) job.reject(value)
    else {
      for (const listener of member.onCommit) {
        try {
          listener()
        } catch (error) {
          log.error('A listener to a commit failed', { service, error })
        }
      }
      job.resolve(value)
    }
  }
  if (failure === undefined) return
  const { error } = failure
  log.error('A group of transactions was not committed', { service, file, transactions: outcomes.length, error })
}

/** Those who wait, first come first. */
function createQueue() {
  let waiting: Job[] = []
  let head = 0
  return {
    push: (job: Job): void => void waiting.push(job),
    length: (): number => waiting.length - head,
    next: (): Job | undefined => waiting[head],
    take: (): Job | undefined => {
      const job = waiting[head]
      if (job === undefined) return undefined
      waiting[head++] = undefined as unknown as Job
      if (head === waiting.length || (head > 1024 && head * 2 > waiting.length)) {
        waiting = waiting.slice(head)
        head = 0
      }
      return job
    },
  }
}
