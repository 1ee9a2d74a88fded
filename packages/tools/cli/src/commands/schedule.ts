import type { Command, RouteMap } from '@stricli/core'
import { table } from '@dure/simulation/text/internal'
import type { ScheduleDecision, ScheduleReading } from 'dure/schedule'
import type { AskOptions } from '@dure/operator'
import { askOperator } from '../control/control.ts'
import { agoText, durationText, timeText, visible } from '../format.ts'
import { layoutOf, paint, type Layout, type Shell } from '../shell.ts'
import {
  byFlag,
  common,
  defineCommand,
  defineRoutes,
  directoryOf,
  printResult,
  reasonFlag,
  saySilent,
  textFlag,
  whoIs,
  type Common,
  type Silent,
} from './parameters.ts'

type Of = Common & { readonly service?: string }
type Deciding = Of & { readonly reason: string; readonly by?: string }
const of = { ...common, service: textFlag('NAME', 'Only of this service') }

async function ask<T>(shell: Shell, flags: Of, operation: string, more: object = {}, options?: AskOptions): Promise<T> {
  const input = { service: flags.service, ...more }
  const answer = await askOperator<T & { readonly silent?: Silent }>(
    directoryOf(shell, flags),
    'schedules',
    operation,
    input,
    options,
  )
  saySilent(shell, answer.silent)
  return answer
}

type Listed = ScheduleReading & { readonly service: string }

const listCommand: Command<Shell> = defineCommand({
  brief: 'Show schedules: what comes next, and how the last run went',
  help: `
        Shows every schedule of the system on a data directory: its state, its cron expression and zone, its next tick, and its
        last run. A run that was "cut off" or "lost" ended with its process: after a transaction of it had committed, or before.`,
  examples: ['dure schedule list', 'dure schedule list --json'],
  flags: of,
  async func(this: Shell, flags: Of): Promise<void> {
    const { schedules: all } = await ask<{ readonly schedules: readonly Listed[] }>(this, flags, 'list')
    printResult(this, flags, all, () => listText(all, layoutOf(this)))
  },
})

const auditCommand: Command<Shell> = defineCommand({
  brief: 'Show who ran, paused or resumed what, and why',
  help: `Shows what people did to schedules, latest first, 100 entries at most. They are kept for 400 days.`,
  examples: ['dure schedule audit', 'dure schedule audit nightly --json'],
  flags: of,
  positional: { kind: 'tuple', parameters: [{ parse: String, optional: true, placeholder: 'NAME', brief: 'Only of this one' }] },
  async func(this: Shell, flags: Of, name?: string): Promise<void> {
    const { decisions: found } = await ask<{ readonly decisions: readonly ScheduleDecision[] }>(this, flags, 'audit', { name })
    const lines = found.map((one) => [timeText(one.at), one.action, one.schedule, visible(one.by), visible(one.reason)])
    printResult(this, flags, found, () =>
      table([['WHEN', 'WHAT', 'SCHEDULE', 'BY', 'WHY'], ...lines], { columns: layoutOf(this).columns, shorten: [4] }).join('\n'),
    )
  },
})

/** A command by which a person decides something. */
function decision(
  method: ScheduleDecision['action'],
  brief: string,
  help: string,
  done: (one: ScheduleReading) => string,
): Command<Shell> {
  return defineCommand({
    ...{ brief, help, examples: [`dure schedule ${method} nightly --reason "the books were wrong"`] },
    flags: { ...of, reason: reasonFlag, by: byFlag },
    positional: { kind: 'tuple', parameters: [{ parse: String, placeholder: 'NAME', brief: 'Which' }] },
    async func(this: Shell, flags: Deciding, name: string): Promise<void> {
      const who = { by: whoIs(flags.by), reason: flags.reason }
      const answer = await ask<Listed>(this, flags, method, { name }, who)
      printResult(this, flags, answer, () => done(answer))
    },
  })
}

export const scheduleCommands: RouteMap<Shell> = defineRoutes({
  routes: {
    list: listCommand,
    run: decision(
      'run',
      'Run a schedule now',
      'Has a schedule run once, beside its ticks; after the run at work, if there is one. Also while it is paused.',
      ({ name, state }) => (state === 'at work' ? `"${name}" will run, or runs now` : `"${name}" will run at once`),
    ),
    pause: decision(
      'pause',
      'Have its ticks pass without a run',
      'Has no tick of a schedule run until it is resumed. A run at work goes on. Ticks that pass meanwhile are not made up for.',
      ({ name }) => `"${name}" is paused; "dure schedule resume ${name} --reason TEXT" has it go on`,
    ),
    resume: decision(
      'resume',
      'Have it go on with its next tick',
      'Has a schedule that was paused go on, and computes its next tick anew, as after a clock that was set back.',
      ({ name, next }) => `"${name}" runs next at ${timeText(next)}`,
    ),
    audit: auditCommand,
  },
  defaultCommand: 'list',
  brief: 'Look at schedules, run one now, pause or resume it',
  help: `
        Work at times of the clock, of the system that runs on a data directory, whichever process or copy it is in.`,
  examples: ['dure schedule', 'dure schedule run nightly --reason "the books were wrong"'],
})

function listText(all: readonly Listed[], layout: Layout): string {
  if (all.length === 0) return 'No service has schedules'
  const rows = all.map((one) => [
    ...[one.service, one.name, one.wanted === undefined ? one.state : `${one.state}, wanted`, visible(one.cron), one.zone],
    ...[one.state === 'paused' ? '-' : timeText(one.next), lastText(one.last)],
  ])
  const head = ['SERVICE', 'SCHEDULE', 'STATE', 'CRON', 'ZONE', 'NEXT', 'LAST RUN']
  const [first = '', ...rest] = table([head, ...rows], { columns: layout.columns })
  return [
    paint(layout, 'dim', first),
    ...rest,
    ...all
      .filter(({ behind }) => behind)
      .map(
        ({ name }) =>
          `"${name}" waits for longer than its cron says, as the clock was set back. To do: dure schedule resume ${name}`,
      ),
  ].join('\n')
}

function lastText(last: ScheduleReading['last']): string {
  if (last === undefined) return '-'
  const { outcome, began, ended, missed, by, error } = last
  const took = ended === undefined ? '' : ` in ${durationText(ended - began)}`
  const rest = [by && `by ${visible(by)}`, missed > 0 && `for ${missed + 1} ticks`, error && visible(error)].filter(Boolean)
  return [`${outcome ?? 'at work'}${took}, ${agoText(began)}`, ...rest].join(', ')
}
