import { CallError } from '../contract/contract.ts'
import type { OpenExtension } from '../service/internal.ts'
import { FAMILIES, type Reading } from '../telemetry/telemetry.ts'
import type { Change, Row, ScheduleRecords } from './records.ts'
import type { Schedule } from './definition.ts'

/** A schedule as people see it. Times are milliseconds since the epoch. */
export type ScheduleReading = {
  readonly name: string
  readonly cron: string
  readonly zone: string
  /** `unknown`: to the code of the copy that was asked. */
  readonly state: 'waiting' | 'at work' | 'paused' | 'unknown'
  readonly next: number
  /** It waits for longer than its cron says, as the clock was set back: `resume` computes its next tick anew. */
  readonly behind: boolean
  readonly wanted: number | undefined
  readonly last: LastRun | undefined
}

type LastRun = Pick<Row, 'missed' | 'tries' | 'by' | 'ended' | 'outcome' | 'error'> & {
  readonly tick: number
  readonly began: number
}

export type ScheduleDecision = {
  readonly schedule: string
  readonly action: Change['action']
  readonly at: number
  readonly by: string
  readonly reason: string
}

/** What people may ask of schedules. */
export function createControl(options: {
  readonly records: ScheduleRecords
  readonly schedules: ReadonlyMap<string, Schedule>
  readonly changed: () => void
}): NonNullable<OpenExtension['control']> {
  const { records, schedules, changed } = options
  const find = async (name: string): Promise<[Schedule, Row]> => {
    const one = schedules.get(name)
    const row = (await records.all()).find((each) => each.name === name)
    if (one !== undefined && row !== undefined) return [one, row]
    throw new CallError('NOT_FOUND', `There is no schedule "${name}" here; there are: ${[...schedules.keys()].join(', ')}`)
  }
  type Decided = Pick<Change, 'name' | 'by' | 'reason'>
  const decide = async (action: Change['action'], { name, by, reason }: Decided): Promise<ScheduleReading> => {
    const [one, { now }] = await find(name)
    await records.decide({ name, action, by, reason }, one.ticks.after(now))
    changed()
    return readingOf(one, (await find(name))[1])
  }
  return {
    list: async (): Promise<readonly ScheduleReading[]> =>
      (await records.all()).map((row) => readingOf(schedules.get(row.name), row)),
    run: (decided: Decided): Promise<ScheduleReading> => decide('run', decided),
    pause: (decided: Decided): Promise<ScheduleReading> => decide('pause', decided),
    resume: (decided: Decided): Promise<ScheduleReading> => decide('resume', decided),
    audit: async ({ name }: { readonly name?: string }): Promise<readonly ScheduleDecision[]> =>
      (await records.audit(name ?? null)).map((row) => ({
        ...{ schedule: String(row['schedule']), action: row['action'] as Change['action'], at: Number(row['at']) },
        ...{ by: String(row['made_by']), reason: String(row['reason']) },
      })),
  }
}

/** What is collected of each schedule that this code works on. One that is paused is not late. */
export function metricsOf(rows: readonly Row[], schedules: ReadonlyMap<string, Schedule>): readonly Reading[] {
  return rows
    .filter(({ name }) => schedules.has(name))
    .flatMap(({ name, next, now, paused, owner, began, outcome }) => {
      const attributes = { 'dure.schedule.name': name }
      const late = paused || owner !== undefined ? 0 : Math.max(0, now - next) / 1_000
      return [
        { family: FAMILIES.scheduleLate, attributes, value: late },
        ...(began === undefined ? [] : [{ family: FAMILIES.scheduleAge, attributes, value: Math.max(0, now - began) / 1_000 }]),
        ...(outcome === undefined ? [] : [{ family: FAMILIES.scheduleFailed, attributes, value: outcome === 'done' ? 0 : 1 }]),
      ]
    })
}

function readingOf(one: Schedule | undefined, row: Row): ScheduleReading {
  const { name, cron, zone, next, wanted, missed, tries, by, ended, outcome, error, tick, began } = row
  const known = one?.cron === cron && one.zone === zone
  const state = !known ? 'unknown' : row.owner !== undefined ? 'at work' : row.paused ? 'paused' : 'waiting'
  const last = tick === undefined ? undefined : { tick, began: began!, missed, tries, by, ended, outcome, error }
  return { name, cron, zone, state, next, behind: known && !row.paused && next > one.ticks.after(row.now), wanted, last }
}
