import type { Command, RouteMap } from '@stricli/core'
import { table } from '@dure/simulation/text/internal'
import type { CopyLevel } from 'dure/service'
import { askOperator } from '../control/control.ts'
import { timeText, visible } from '../format.ts'
import { CliError, EXIT, layoutOf, paint, type Shell } from '../shell.ts'
import {
  byFlag,
  common,
  defineCommand,
  defineRoutes,
  directoryOf,
  parsedFlag,
  printResult,
  textFlag,
  whoIs,
  type Common,
} from './parameters.ts'

type Flags = Common & { readonly for?: number; readonly by?: string; readonly reason?: string }
type Level = CopyLevel['level']

const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error']

const levelCommand: Command<Shell> = defineCommand({
  brief: 'Have a service log more, or less, for a while',
  help: `
        Has all copies of a service, or one of them (orders#2), log lines of this level and above, in whichever processes they run, without a restart;
        after the time (10m unless told) they log as before by themselves. Without a level it shows how each copy logs. Who did it is kept.`,
  examples: ['dure log level', 'dure log level orders debug --for 10m', 'dure log level orders#2 error --for 1h'],
  flags: {
    ...common,
    for: parsedFlag(parseTime, 'TIME', 'For how long: 30s, 10m, 2h (default 10m)'),
    reason: textFlag('TEXT', 'Why, for the audit'),
    by: byFlag,
  },
  positional: {
    kind: 'tuple',
    parameters: [
      { parse: String, optional: true, placeholder: 'SERVICE', brief: 'Which service, or which copy of it' },
      { parse: parseLevel, optional: true, placeholder: 'LEVEL', brief: LEVELS.join(', ') },
    ],
  },
  async func(this: Shell, flags: Flags, service?: string, level?: Level): Promise<void> {
    const directory = directoryOf(this, flags)
    if (service !== undefined && level === undefined)
      throw new CliError(`Cannot change how "${service}" logs: say from which level on (${LEVELS.join(', ')})`, {
        exitCode: EXIT.misuse,
      })
    const { reason, by } = flags
    const changed = { of: service, level, ...(flags.for !== undefined && { seconds: flags.for }) }
    const { levels } =
      service === undefined
        ? await askOperator<{ levels: readonly CopyLevel[] }>(directory, 'diagnostics', 'levels')
        : await askOperator<{ levels: readonly CopyLevel[] }>(directory, 'diagnostics', 'setLevel', changed, {
            reason,
            by: whoIs(by),
          })
    printResult(this, flags, { levels }, () => levelsText(this, levels))
  },
})

function levelsText(shell: Shell, levels: readonly CopyLevel[]): string {
  const layout = layoutOf(shell)
  const rows = levels.map(({ copy, level, usual, until }) => [
    visible(copy),
    level,
    until === undefined ? '' : `${usual} again at ${timeText(until)}`,
  ])
  const [head = '', ...lines] = table([['COPY', 'LEVEL', 'THEN'], ...rows], { columns: layout.columns, shorten: [0] })
  return [paint(layout, 'dim', head), ...lines].join('\n')
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 }

/** Seconds. */
function parseTime(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,6})([smh])$/.exec(text) ?? []
  const seconds = Number(digits) * (UNITS[unit] ?? 0)
  if (seconds > 0 && seconds <= 86_400) return seconds
  throw new Error(`"${text}" is not a time of up to a day: write 30s, 10m, 2h`)
}

function parseLevel(text: string): Level {
  const found = LEVELS.find((level) => level === text)
  if (found !== undefined) return found
  throw new Error(`"${text}" is not a level: ${LEVELS.join(', ')}`)
}

export const logCommands: RouteMap<Shell> = defineRoutes({
  routes: { level: levelCommand },
  brief: 'Change how much services log',
  help: `
        Levels of the services of the system that runs on a data directory.`,
  examples: ['dure log level orders debug --for 10m'],
})
