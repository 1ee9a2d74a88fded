import type { DatabaseDefinition } from '../data/data.ts'
import type { Extension, HandlerContext, Needs } from '../service/service.ts'
import type { Ticks } from './cron.ts'

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
