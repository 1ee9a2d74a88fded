import type { Command } from '@stricli/core'
import { CliError, EXIT, print, type Shell } from '../../shell.ts'
import { counted } from '../../format.ts'
import { defineCommand, byFlag, common, confirmed, reasonFlag, switchFlag, whoIs, yesFlag, type Common } from '../parameters.ts'
import { ask, filter, filterOf, type Filter } from './parameters.ts'

type Flags = Common & Filter & { readonly all?: boolean; readonly yes?: boolean; readonly by?: string }

const flags = {
  ...common,
  ...filter,
  all: switchFlag('All there are'),
  yes: yesFlag,
  by: byFlag,
} as const

const ids = { kind: 'array', parameter: { parse: String, placeholder: 'ID', brief: 'Which: ids, or how they begin' } } as const

export const retryCommand: Command<Shell> = defineCommand({
  brief: 'Give dead letters a fresh set of tries',
  usage: ['[--data DIR] [--json] [--by NAME] ID…', '[--yes] (--all | filters)'],
  help: `
        Has dead letters tried again: those named, those a filter lets through, or all. The messages that wait behind one
        follow when it succeeds; when it fails again, it is dead again under the same id. The command does not wait for that.`,
  examples: ['dure dead retry x7k2m9 b3c4d5', 'dure dead retry --group q4w8ntya', 'dure dead retry --all --yes'],
  flags,
  positional: ids,
  async func(this: Shell, given: Flags, ...names: readonly string[]): Promise<void> {
    const selection = await chosen(this, given, names, 'Retry')
    const named = names.length > 0
    if (selection === undefined) return report(this, given, 'retried', 0, named)
    const { count } = await ask<Counted>(this, given, 'retry', selection, { by: whoIs(given.by) })
    report(this, given, 'retried', count, named)
  },
})

export const discardCommand: Command<Shell> = defineCommand({
  brief: 'Take dead letters out for good',
  usage: ['--reason TEXT [--data DIR] [--json] [--by NAME] ID…', '--reason TEXT [--yes] (--all | filters)'],
  help: `
        Discards dead letters: those named, those a filter lets through, or all. The messages that wait behind one go on. What
        was discarded stays in the audit, with the reason, and does not come again.`,
  examples: [
    'dure dead discard x7k2m9 --reason "ordered twice"',
    'dure dead discard --group q4w8ntya --reason "test data" --yes',
  ],
  flags: { ...flags, reason: reasonFlag },
  positional: ids,
  async func(this: Shell, given: Flags & { readonly reason: string }, ...names: readonly string[]): Promise<void> {
    const selection = await chosen(this, given, names, 'Discard')
    const named = names.length > 0
    if (selection === undefined) return report(this, given, 'discarded', 0, named)
    const { reason, by } = given
    const { count } = await ask<Counted>(this, given, 'discard', selection, { reason, by: whoIs(by) })
    report(this, given, 'discarded', count, named)
  },
})

type Counted = { readonly count: number }
type Selection = ReturnType<typeof filterOf> & { readonly ids?: readonly string[] }

/** What is meant, if that is clear and, where it may be many, certain; undefined when there are none. */
async function chosen(shell: Shell, given: Flags, names: readonly string[], verb: string): Promise<Selection | undefined> {
  const wanted = filterOf(given)
  const filtered = Object.values(wanted).some((value) => value !== undefined)
  const ways = [names.length > 0, filtered, given.all === true].filter(Boolean).length
  if (ways !== 1) {
    const found = ways === 0 ? 'nothing says which' : 'there are several ways of saying which'
    throw new CliError(`Cannot ${verb.toLowerCase()} dead letters: ${found}; give ids, or filters such as --group, or --all`, {
      exitCode: EXIT.misuse,
    })
  }
  if (names.length > 0) return { ids: names }
  if (given.yes === true) return wanted
  const { count } = await ask<Counted>(shell, given, 'count', wanted)
  if (count === 0) return undefined
  const what = lettersText(count)
  await confirmed(shell, { question: `${verb} ${what}?`, cannot: `Cannot ${verb.toLowerCase()} ${what}` })
  return wanted
}

function report(shell: Shell, given: Flags, done: 'retried' | 'discarded', count: number, named: boolean): void {
  // Who named some and met none has been told already; a filter that lets nothing through may be a slip.
  if (count === 0 && given.all !== true) shell.process.exitCode = EXIT.failed
  if (given.json === true) return print(shell, JSON.stringify({ [done]: count }))
  if (count === 0) {
    // It was there when it was looked for.
    if (named) return print(shell, 'Dead no longer: somebody else was faster; see "dure dead audit"')
    return print(shell, given.all === true ? 'No dead letters' : 'No dead letter is like that')
  }
  print(shell, done === 'retried' ? `${lettersText(count)} will be tried again` : `Discarded ${lettersText(count)}`)
}

const lettersText = (count: number): string => counted(count, 'dead letter')
