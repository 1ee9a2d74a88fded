/**
 * Work at times of the clock: once in the whole system, however many copies of a service there are. A service lists schedules among
 * its `extensions`; their rows are in its own database.
 */
import { checkNumbers, WAIT } from '../runtime/internal.ts'
import type { Needs } from '../service/service.ts'
import { ticksOf } from './cron.ts'
import type { Schedule, ScheduleOptions } from './definition.ts'
import { scheduleKind } from './work.ts'

export type { Schedule, ScheduleOptions, Tick } from './definition.ts'
export type { ScheduleDecision, ScheduleReading } from './control.ts'

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
