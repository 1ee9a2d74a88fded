import { Cron } from 'croner'

/** The ticks of a schedule, in milliseconds since the epoch. */
export type Ticks = {
  /** The first one after a time. */
  readonly after: (time: number) => number
  /** Of those from `first`, which is one, up to `now`: the last, and how many come before it (1,000 are counted at most). */
  readonly due: (first: number, now: number) => { readonly at: number; readonly before: number }
}

/** Ticks that are counted one by one. */
const COUNTED = 1_000

/**
 * Reads a cron expression (five fields, or six that begin with seconds) in an IANA time zone.
 * @throws {TypeError} saying what is wrong
 */
export function ticksOf(cron: string, zone: string): Ticks {
  if (typeof zone !== 'string' || !isZone(zone))
    throw new TypeError(`"zone" is "${String(zone)}"; give an IANA time zone: Europe/Berlin, America/New_York, UTC`)
  const parsed = parse(cron, zone)
  const after = (time: number): number => parsed.nextRun(new Date(time))!.getTime()
  if (parsed.nextRun(new Date(0)) === null)
    throw new TypeError(`"cron" is "${cron}", which never comes; give a day that there is`)
  return {
    after,
    due: (first, now) => {
      let [at, before] = [first, 0]
      for (let next = after(at); next <= now; next = after(at)) {
        if (++before > COUNTED) break
        at = next
      }
      if (before <= COUNTED) return { at, before }
      // Ticks are whole seconds.
      const [last] = parsed.previousRuns(1, new Date(Math.floor(now / 1_000) * 1_000 + 1_000))
      return { at: last!.getTime(), before: COUNTED }
    },
  }
}

function parse(cron: string, zone: string): Cron {
  try {
    // A moment is a time as well for the library, and "?" the time at which it is read.
    if (typeof cron !== 'string' || /^\s*\d+-\d+-\d+|\?/.test(cron)) throw new TypeError('it is not a cron expression')
    return new Cron(cron, { timezone: zone, mode: '5-or-6-parts', paused: true })
  } catch (error) {
    const why = (error as Error).message.replace(/^CronPattern: /, '')
    throw new TypeError(
      `"cron" is "${String(cron)}": ${why}. To do: give five fields (minute, hour, day, month, weekday), or six that begin with seconds`,
      { cause: error },
    )
  }
}

function isZone(zone: string): boolean {
  try {
    return zone !== '' && new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone.length > 0
  } catch {
    return false
  }
}
