import type { Command } from '@stricli/core'
import { writeFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import type { Stall } from 'dure/runtime'
import { askOperator } from '../control/control.ts'
import { timeText, visible } from '../format.ts'
import { CliError, EXIT, paint, type Shell } from '../shell.ts'
import {
  byFlag,
  common,
  defineCommand,
  directoryOf,
  parsedFlag,
  printResult,
  switchFlag,
  textFlag,
  whoIs,
  wholeNumber,
  type Common,
} from './parameters.ts'

type Flags = Common & {
  readonly seconds?: number
  readonly heap?: boolean
  readonly stalls?: boolean
  readonly threshold?: number
  readonly out?: string
  readonly reason?: string
  readonly by?: string
}

export const profileCommand: Command<Shell> = defineCommand({
  brief: 'Look into the process of a service while it runs',
  help: `
        Writes down what the process that runs a service does for some seconds, into a file that Chrome's developer tools open (Performance); with
        --heap which code takes memory that is still held (Memory). With --stalls it tells what kept the event loop from all else, each with the code
        that was at work. Nothing is restarted, and nothing costs anything before and after. One looks into a process at a time. Who did it is kept.`,
  examples: [
    'dure profile orders',
    'dure profile orders#2 --seconds 30 --out slow.cpuprofile',
    'dure profile orders --heap',
    'dure profile orders --stalls --threshold 50',
  ],
  flags: {
    ...common,
    seconds: parsedFlag(wholeNumber(1, 60), 'N', 'For how long (default 10)'),
    heap: switchFlag('Memory in place of the processor'),
    stalls: switchFlag('Turns of the event loop that took too long'),
    threshold: parsedFlag(wholeNumber(20, 60_000), 'MS', 'With --stalls: from how many milliseconds on (default 100)'),
    out: textFlag('FILE', 'Where to write it (default SERVICE.cpuprofile or SERVICE.heapprofile)'),
    reason: textFlag('TEXT', 'Why, for the audit'),
    by: byFlag,
  },
  positional: {
    kind: 'tuple',
    parameters: [{ parse: String, placeholder: 'SERVICE', brief: 'Which service, or which copy of it' }],
  },
  async func(this: Shell, flags: Flags, service: string): Promise<void> {
    const { heap = false, stalls = false, seconds, threshold, reason } = flags
    if (heap && stalls)
      throw new CliError('Cannot look at memory and at stalls at once: leave out --heap or --stalls', { exitCode: EXIT.misuse })
    const asked = { of: service, ...(seconds !== undefined && { seconds }) }
    const ask = <T>(operation: string, more: object): Promise<T> =>
      askOperator<T>(directoryOf(this, flags), 'diagnostics', operation, { ...asked, ...more }, { reason, by: whoIs(flags.by) })
    if (stalls) {
      const found = await ask<{ copy: string; stalls: readonly Stall[] }>('stalls', threshold === undefined ? {} : { threshold })
      return printResult(this, flags, found, () => stallsText(this, found.copy, found.stalls))
    }
    const kind = heap ? 'heap' : 'cpu'
    const { copy, profile } = await ask<{ copy: string; profile: string }>('profile', { kind })
    const file = resolve(this.cwd, flags.out ?? `${copy.replace('#', '-')}.${kind}profile`)
    writeFileSync(file, profile)
    const where = heap ? 'Memory' : 'Performance'
    printResult(
      this,
      flags,
      { copy, file },
      () =>
        `Wrote ${relative(this.cwd, file) || file}, of ${visible(copy)}: open it in Chrome's developer tools (${where}, Load profile)`,
    )
  },
})

function stallsText(shell: Shell, copy: string, stalls: readonly Stall[]): string {
  if (stalls.length === 0) return `Nothing kept the event loop of ${visible(copy)} for that long`
  return stalls
    .map(({ at, ms, stack }) => {
      const head = `${timeText(at)}  ${Math.round(ms)} ms`
      const frames = stack.map(
        ({ name, file, line }) => `    at ${visible(name === '' ? '(anonymous)' : name)} (${visible(file)}:${line})`,
      )
      return [paint(shell, 'bold', head), ...(frames.length === 0 ? ['    where could not be seen'] : frames)].join('\n')
    })
    .join('\n')
}
