import { keepAlive } from './alive.ts'
import type { Clock } from './clock.ts'
import { LONGEST_WAIT } from './numbers.ts'

/** Timers as a port. */
export type Timers = {
  /**
   * Runs `task` once after `ms` milliseconds unless cancelled first. It does not keep a process alive, unless it is `waited`
   * for: then somebody's promise ends with it at the latest, which must not be lost for want of other work.
   */
  readonly after: (ms: number, task: () => void, how?: 'waited') => Timer
  /** Resolves after `ms` milliseconds, or at once (without an error) when the signal aborts. It is waited for. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
  /**
   * Runs `task` when the current turn's I/O is done: the place to flush what a turn has gathered. What such a task leads
   * to may ask for the same and is still of this turn, a few times over: so news passes through several hands in one turn.
   */
  readonly soon: (task: () => void) => void
  /** Keeps the process alive until cancelled; a world that is no process of its own has none. */
  readonly hold?: () => Timer
}

export type Timer = {
  readonly cancel: () => void
}

export function realTimers(): Timers {
  const after: Timers['after'] = (ms, task, how) => {
    // The platform's timer fires at once when it is asked to wait for longer than it can, or for NaN.
    if (!(ms <= LONGEST_WAIT)) return afterLong(after, ms, task, how)
    // A moment that has passed already, as for a process that stood still, is now; the platform would warn of it.
    const handle = setTimeout(task, Math.max(0, ms))
    if (how !== 'waited') handle.unref()
    return { cancel: () => clearTimeout(handle) }
  }
  return { after, sleep: sleepWith(after), soon: createSoon(), hold: () => ({ cancel: keepAlive().stop }) }
}

/**
 * A wait in steps, each of which a timer can take.
 * @throws {TypeError} when it is NaN
 */
function afterLong(after: Timers['after'], ms: number, task: () => void, how: 'waited' | undefined): Timer {
  if (Number.isNaN(ms)) throw new TypeError('Cannot set a timer for NaN milliseconds')
  const next = (): void => {
    step = after(ms - LONGEST_WAIT, task, how)
  }
  let step = after(LONGEST_WAIT, next, how)
  return { cancel: () => step.cancel() }
}

/** Times that a turn is gone on with before I/O is looked at again. */
const ROUNDS = 4

function createSoon(): Timers['soon'] {
  let tasks: (() => void)[] = []
  let scheduled = false
  let rounds = 0

  const round = (): void => {
    const now = tasks
    tasks = []
    rounds++
    // Promises that these tasks settle run dry first; a tick asked for in a microtask comes after all of them.
    queueMicrotask(() => process.nextTick(goOn))
    for (const task of now) queueMicrotask(task)
  }

  const goOn = (): void => {
    if (tasks.length > 0 && rounds < ROUNDS) return round()
    rounds = 0
    scheduled = tasks.length > 0
    if (scheduled) setImmediate(round)
  }

  return (task) => {
    tasks.push(task)
    if (scheduled) return
    scheduled = true
    setImmediate(round)
  }
}

/** `sleep` in terms of `after`: shared by the real world and the virtual one. */
export function sleepWith(after: Timers['after']): Timers['sleep'] {
  return (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const wake = (): void => {
        timer.cancel()
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const timer = after(ms, wake, 'waited')
      signal?.addEventListener('abort', wake, { once: true })
    })
}

/** Keeps the process alive until `work` has settled: for what users wait for. */
export async function aliveFor<T>({ hold }: Timers, work: () => Promise<T>): Promise<T> {
  const held = hold?.()
  try {
    return await work()
  } finally {
    held?.cancel()
  }
}

/**
 * What `work` comes to, or what `late` gives when that has not happened after `ms` milliseconds.
 *
 * @example
 * ```ts
 * import { inTime } from 'dure/messaging/adapter'
 * import { realRuntime } from 'dure/runtime'
 *
 * console.log(await inTime(realRuntime().timers, 10_000, Promise.resolve('done'), () => 'late')) // → done
 * ```
 */
export function inTime<T, L>(timers: Timers, ms: number, work: Promise<T>, late: () => L): Promise<T | L> {
  const over = Promise.withResolvers<void>()
  const timer = timers.after(ms, over.resolve, 'waited')
  return Promise.race([work, over.promise.then(late)]).finally(() => timer.cancel())
}

/** Milliseconds that are left of a time which several steps share; never less than 0. */
export function timeLeft(clock: Clock, ms: number): () => number {
  const until = clock.monotonic() + ms
  return () => Math.max(0, until - clock.monotonic())
}
