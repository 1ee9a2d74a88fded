/**
 * Work at times of the clock: once in the whole system, however many copies of a service there are. A service lists schedules among
 * its `extensions`; their rows are in its own database.
 */
import type { DatabaseDefinition } from '../data/data.ts'
import { checkNumbers, WAIT } from '../runtime/internal.ts'
import type { Extension, HandlerContext, Needs } from '../service/service.ts'
import { ticksOf, type Ticks } from './cron.ts'
import { scheduleKind } from './work.ts'

/** The time that a run is for. */
export type Tick = {
  /** When it was due; of a run by hand, when that was asked for. */
  readonly at: Date
  /** Ticks before it that had no run of their own, because nobody could begin one in time; at most 1,000 are counted. */
  readonly missed: number
  /** 1; more where the process that began the run before has died, or stood still for longer than its lease. */
  readonly attempt: number
  /** Who wanted it, of a run by hand. */
  readonly by: string | undefined
}

export type ScheduleOptions<N extends Needs, Tables> = {
  /** Five fields (minute, hour, day, month, weekday), or six that begin with seconds. */
  readonly cron: string
  /** An IANA time zone: `Europe/Berlin`. */
  readonly zone: string
  /**
   * Of ticks whose run cannot begin within 30 seconds, or that come while the last run is at work: they are left out (`skip`), or
   * made up for by one run, which is told how many it stands for (`run`).
   */
  readonly late: 'skip' | 'run'
  /** Milliseconds a run may take. Default: an hour. */
  readonly timeout?: number
  /** Contracts of the services that it calls. */
  readonly needs?: N
  /** The service's own, for the types of its tables. */
  readonly database?: DatabaseDefinition<Tables>
  /** Does the work. Its first transaction to commit marks the tick as done: a tick of which something is committed is not begun again. */
  readonly run: (run: { readonly tick: Tick }, context: HandlerContext<N, Tables>) => Promise<unknown> | unknown
}

/** A schedule that a service lists among its `extensions`. Made by `schedule`. */
export type Schedule = Extension & {
  readonly cron: string
  readonly zone: string
  readonly late: 'skip' | 'run'
  readonly timeout: number
  readonly ticks: Ticks
  // Its types were checked where it was defined.
  readonly run: (run: { readonly tick: Tick }, context: never) => unknown
}

/** The kind of all schedules; a run whose owner says nothing for so many milliseconds is taken over. */
const kind = scheduleKind({ lease: 15_000 })

/**
 * Defines work at times of the clock.
 * @throws {TypeError} when its cron expression, zone or timeout cannot be used, saying why
 *
 * @example
 * ```ts
 * import { schedule } from 'dure/schedule'
 *
 * const nightly = schedule('nightly', {
 *   cron: '0 3 * * *',
 *   zone: 'Europe/Berlin',
 *   late: 'run',
 *   run: async ({ tick }, { log }) => log.info('Closing the day', { at: tick.at, missed: tick.missed }),
 * })
 * console.log(nightly.name, nightly.cron) // → nightly 0 3 * * *
 * ```
 */
export function schedule<N extends Needs = {}, Tables = unknown>(name: string, options: ScheduleOptions<N, Tables>): Schedule {
  const what = `define schedule "${name}"`
  const { cron, zone, late, needs, run, timeout = 3_600_000 } = options
  const wrong = (why: string): TypeError => new TypeError(`Cannot ${what}: ${why}`)
  if (typeof name !== 'string' || !/^[\w.-]{1,100}$/.test(name))
    throw wrong('its name has other characters than letters, digits, ".", "_" and "-", or not 1 to 100 of them')
  if (late !== 'skip' && late !== 'run') throw wrong(`"late" is "${String(late)}"; give "skip" or "run"`)
  if (typeof run !== 'function') throw wrong(`"run" is of type ${typeof run}; give the function that does the work`)
  checkNumbers(what, { timeout }, { timeout: WAIT })
  try {
    return Object.freeze({ kind, name, needs, cron, zone, late, timeout, ticks: ticksOf(cron, zone), run })
  } catch (error) {
    throw wrong((error as Error).message)
  }
}
