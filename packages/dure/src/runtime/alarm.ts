import { backoff, type BackoffPolicy } from './backoff.ts'
import type { Timer } from './timers.ts'
import type { Runtime } from './world.ts'

/** One alarm for all that waits in a store until its time: sleeps until the earliest is due, and works then. */
export type Alarm = {
  /** Something is due in `ms` milliseconds (default 0: look now), as a transaction that has just committed knows. */
  readonly ring: (ms?: number) => void
  /** Begins nothing more; resolves when the work under way has ended, however it ended. */
  readonly stop: () => Promise<void>
}

export type AlarmOptions = {
  readonly runtime: Pick<Runtime, 'clock' | 'timers' | 'random'>
  /** Does what is due by the clock of the store, or begins it; also called when nothing is. */
  readonly work: () => Promise<void>
  /** Milliseconds, by the same clock, until the earliest is due that nobody works on; undefined when there is none. 0: work again. */
  readonly next: () => Promise<number | undefined>
  /** It looks at least this often (milliseconds): others write into the store too. */
  readonly longest: number
  /** Told of the first failure of `work` or `next` in a row; both are tried again with backoff. */
  readonly failed: (error: unknown) => void
}

const RETRY: BackoffPolicy = { first: 50, max: 5_000 }

/** Makes an alarm and has it look at once. Its timers do not keep the process alive. */
export function createAlarm({ runtime, work, next, longest, failed }: AlarmOptions): Alarm {
  const { clock, timers, random } = runtime
  let stopped = false
  let failures = 0
  /** Monotonic milliseconds: when it looks next, as far as is known. */
  let at = 0
  let timer: Timer | undefined
  let looking: Promise<void> | undefined

  const look = async (): Promise<void> => {
    try {
      await work()
      const wait = stopped ? undefined : await next()
      // A failed look has to be looked at again, but what the store calls due at once is not asked for without a pause.
      wake(clock.monotonic() + Math.max(1, Math.min(longest, wait ?? longest)))
      failures = 0
    } catch (error) {
      if (failures++ === 0 && !stopped) failed(error)
      wake(clock.monotonic() + Math.min(longest, backoff(RETRY, failures, random)))
    }
  }

  /** Looks at that time, or before. */
  const wake = (time: number): void => {
    at = Math.min(at, time)
  }

  const set = (): void => {
    timer?.cancel()
    timer = undefined
    if (stopped || looking !== undefined) return
    timer = timers.after(Math.max(0, Math.ceil(at - clock.monotonic())), begin)
  }

  const begin = (): void => {
    timer = undefined
    if (stopped || looking !== undefined) return
    // What rings from here on is looked at afterwards.
    at = Number.POSITIVE_INFINITY
    looking = look().finally(() => {
      looking = undefined
      set()
    })
  }

  set()
  return {
    ring: (ms = 0) => {
      const before = at
      wake(clock.monotonic() + Math.max(0, ms))
      if (at !== before) set()
    },
    stop: async () => {
      stopped = true
      set()
      await looking
    },
  }
}
