import { AsyncLocalStorage } from 'node:async_hooks'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import type { StoreTransaction } from './database.ts'
import { cutOff, tooLong } from './errors.ts'
import type { Member } from './member.ts'

/** The work of one transaction, and who waits for it. */
export type Job<Tx> = {
  /** Runs a function in the caller's asynchronous context: what user code keeps there must be there in its work as well. */
  readonly context: ReturnType<typeof AsyncLocalStorage.snapshot>
  readonly work: (tx: Tx) => Promise<unknown>
  readonly timeout: number
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

export type Outcome<Tx extends StoreTransaction> = {
  readonly job: Job<Tx>
  readonly ok: boolean
  readonly value: unknown
  readonly member: Member<Tx>
}

/** Runs the works of transactions, one at a time, each to its end or to its timeout, whichever is first. */
export type Execution<Tx extends StoreTransaction> = {
  readonly run: (job: Job<Tx>, member: Member<Tx>) => Promise<Outcome<Tx>>
  /** Whether one runs, … */
  readonly busy: () => boolean
  /** … and who asks is inside it. */
  readonly inside: () => boolean
  /** Ends the one that runs. */
  readonly cutOff: () => void
  /** There is nothing to run for now: no timer stays. */
  readonly rest: () => void
}

export function createExecution<Tx extends StoreTransaction>(options: {
  readonly service: string
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  /** Transactions that have come until now: who ran too long is told how many it kept waiting. */
  readonly arrivals: () => number
}): Execution<Tx> {
  const { service, arrivals } = options
  const { clock, timers } = options.runtime
  const insideOf = new AsyncLocalStorage<Member<Tx>>()
  /** The member whose work runs, when it must end, and how to end it then. */
  let current: { readonly member: Member<Tx>; readonly at: number; readonly expire: (error?: Error) => void } | undefined
  let watch: Timer | undefined
  let watchAt = 0

  const complete = async (job: Job<Tx>, member: Member<Tx>): Promise<unknown> => {
    const value = await job.work(member.tx)
    for (const task of member.beforeCommit) await task()
    await member.answered()
    return value
  }

  /** One timer for all: it is armed when a group starts and asks, when it fires, who is running then. */
  const watchOver = (): void => {
    if (current === undefined || current.at === Number.POSITIVE_INFINITY) return
    if (watch !== undefined) {
      if (watchAt <= current.at) return
      watch.cancel()
    }
    watchAt = current.at
    watch = timers.after(
      Math.max(0, current.at - clock.monotonic()),
      () => {
        watch = undefined
        if (current === undefined) return
        if (clock.monotonic() >= current.at) current.expire()
        else watchOver()
      },
      'waited',
    )
  }

  return {
    run: (job, member) =>
      new Promise((resolve) => {
        const before = arrivals()
        const began = clock.monotonic()
        const finish = (ok: boolean, value: unknown): void => {
          if (current?.member !== member) return
          current = undefined
          resolve({ job, ok, value, member })
        }
        current = {
          member,
          at: began + job.timeout,
          expire: (error = tooLong(service, job.timeout, arrivals() - before)) => {
            member.end(`it was rolled back after ${Math.round(clock.monotonic() - began)} ms`)
            finish(false, error)
          },
        }
        watchOver()
        job
          .context(() => insideOf.run(member, complete, job, member))
          .then(
            (value) => finish(true, value),
            (error: unknown) => finish(false, error),
          )
      }),
    busy: () => current !== undefined,
    inside: () => current !== undefined && insideOf.getStore() === current.member,
    cutOff: () => current?.expire(cutOff(service)),
    rest: () => {
      watch?.cancel()
      watch = undefined
    },
  }
}
