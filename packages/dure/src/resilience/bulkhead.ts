import { CallError } from '../contract/contract.ts'
import { type Clock, type DeadlineEntry, type Deadlines } from '../runtime/runtime.ts'
import { checkNumbers, COUNT, COUNT_OR_NONE } from '../runtime/internal.ts'

export type BulkheadOptions = {
  /** What is protected, for messages: `peer 127.0.0.1:7001`. */
  readonly name: string
  /** Work under way at once, at most. */
  readonly limit: number
  /** Work that may wait for a place, at most. */
  readonly queue: number
  readonly clock: Clock
  /** Wakes those whose deadline passes while they wait; may be shared. */
  readonly deadlines: Deadlines
}

/**
 * How waiting for a place ended. `full` and `late` are told at once: the queue is full, or at the pace places become free
 * the turn would come after the deadline. `moved` says: look for a place elsewhere.
 */
export type Admission = 'entered' | 'full' | 'late' | 'deadline' | 'ended' | 'moved'

/**
 * A compartment (M. Nygard, "Release It!"): so much work at once and no more, a few may wait, and whoever could not be
 * served in time is told so at once instead of when it is too late. What sinks here does not sink the ship.
 */
export type Bulkhead = {
  /** Takes a place if one is free. Whoever entered must leave. */
  readonly enter: () => boolean
  /** Gives the place back, to the one who waits longest if anybody does. */
  readonly leave: () => void
  /** Waits for a place until `deadline` (monotonic milliseconds) or until `signal` aborts. */
  readonly wait: (deadline: number, signal?: AbortSignal) => Promise<Admission>
  /**
   * Does the work in a place of its own.
   * @throws {CallError} RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED or CANCELLED when there was no place for it
   */
  readonly run: <T>(work: () => Promise<T>, options: { deadline: number; signal?: AbortSignal }) => Promise<T>
  /** Tells all who wait to look elsewhere. */
  readonly move: () => void
  /** Why there was no place. */
  readonly refusal: (admission: Exclude<Admission, 'entered'>) => CallError
  readonly inside: () => number
  readonly waiting: () => number
}

/** What is protected may have an address. */
const INSIDE = { inside: true } as const

/** How much the newest interval between two free places weighs in the pace. */
const WEIGHT = 0.1

/**
 * A compartment for `limit` pieces of work at once, before which `queue` more may wait.
 * @throws {TypeError} when one of them is no such number
 *
 * @example
 * ```ts
 * import { createBulkhead } from 'dure/resilience'
 * import { createDeadlines, virtualRuntime } from 'dure/runtime'
 *
 * const { clock, timers } = virtualRuntime()
 * const deadlines = createDeadlines({ clock, timers })
 * const printer = createBulkhead({ name: 'the printer', limit: 1, queue: 0, clock, deadlines })
 * console.log(printer.enter(), printer.enter()) // → true false
 * printer.leave()
 * console.log(printer.enter()) // → true
 * ```
 */
export function createBulkhead(options: BulkheadOptions): Bulkhead {
  const { name, limit, queue, clock, deadlines } = options
  checkNumbers(`protect ${name} by a bulkhead`, { limit, queue }, { limit: COUNT, queue: COUNT_OR_NONE })
  const line = new Set<Waiter>()
  let inside = 0
  /** Milliseconds between two places becoming free, measured only while somebody waits: nobody else needs to know. */
  let pace = 0
  let lastFree = 0

  const leave = (): void => {
    if (line.size === 0) {
      inside--
      return
    }
    const now = clock.monotonic()
    const interval = now - lastFree
    pace = pace === 0 ? interval : pace + (interval - pace) * WEIGHT
    lastFree = now
    for (const waiter of line) {
      if (waiter.deadline <= now) waiter.end('deadline')
      else return waiter.end('entered')
    }
    inside--
  }

  /** When nothing has become free for longer than usual, that is the pace: a frozen peer is found out by it. */
  const isLate = (deadline: number): boolean => {
    const now = clock.monotonic()
    if (deadline <= now) return true
    if (line.size === 0) return false
    return (line.size + 1) * Math.max(pace, now - lastFree) > deadline - now
  }

  const wait = (deadline: number, signal?: AbortSignal): Promise<Admission> => {
    if (signal?.aborted === true) return Promise.resolve('ended')
    if (enter()) return Promise.resolve('entered')
    if (line.size >= queue) return Promise.resolve('full')
    if (isLate(deadline)) return Promise.resolve('late')
    if (line.size === 0) lastFree = clock.monotonic()
    return new Promise((resolve) => {
      const abort = (): void => waiter.end('ended')
      const waiter = createWaiter(deadline, (admission) => {
        line.delete(waiter)
        deadlines.remove(waiter)
        signal?.removeEventListener('abort', abort)
        resolve(admission)
      })
      // First what may throw, on a deadline that is no time.
      deadlines.add(waiter, deadline)
      line.add(waiter)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  const enter = (): boolean => {
    if (inside >= limit) return false
    inside++
    return true
  }

  const refusal = (admission: Exclude<Admission, 'entered'>): CallError => {
    const state = `${inside} of ${limit} places are taken and ${line.size} of ${queue} callers wait`
    switch (admission) {
      case 'full':
        return new CallError('RESOURCE_EXHAUSTED', `No place at ${name}: ${state}; try again later, or send less`, INSIDE)
      case 'late':
        return new CallError(
          'RESOURCE_EXHAUSTED',
          `No place at ${name} before the deadline: ${state}; try again later, or send less`,
          INSIDE,
        )
      case 'deadline':
        return new CallError('DEADLINE_EXCEEDED', `The deadline passed while waiting for a place at ${name}: ${state}`, INSIDE)
      case 'ended':
        return new CallError('CANCELLED', `The caller gave up while waiting for a place at ${name}`, INSIDE)
      case 'moved':
        return new CallError('UNAVAILABLE', `No place at ${name}: it takes no more work; try another`, INSIDE)
    }
  }

  return {
    enter,
    leave,
    wait,
    run: async (work, { deadline, signal }) => {
      const admission = enter() ? 'entered' : await wait(deadline, signal)
      if (admission !== 'entered') throw refusal(admission)
      try {
        return await work()
      } finally {
        leave()
      }
    },
    move: () => {
      for (const waiter of line) waiter.end('moved')
    },
    refusal,
    inside: () => inside,
    waiting: () => line.size,
  }
}

type Waiter = DeadlineEntry & { readonly deadline: number; readonly end: (admission: Admission) => void }

function createWaiter(deadline: number, end: (admission: Admission) => void): Waiter {
  return { deadline, end, expire: () => end('deadline'), at: 0, previous: undefined, following: undefined }
}
