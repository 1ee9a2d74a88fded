import { buildCommand } from '@stricli/core'
import type { Command } from '@stricli/core'
import { resolve } from 'node:path'
import { askForget, askLag } from '../control/control.ts'
import { dataDirectory } from '../data.ts'
import { CliError, EXIT, print } from '../shell.ts'
import type { Shell } from '../shell.ts'
import { byFlag, common, parseReason, whoIs, type Common } from './parameters.ts'

type Flags = Common & { readonly topic?: string; readonly reason: string; readonly yes?: boolean; readonly by?: string }

export const forgetCommand: Command<Shell> = buildCommand({
  docs: {
    brief: 'Retire a consumer group that no service has any more',
    fullDescription: [
      'Has the broker forget a group: its position, and with it what it has not read. For a reaction that was renamed or taken',
      'out, which would be behind for ever. A group that somebody reads as is left alone. Who did it and why is kept.',
      '',
      'Examples:',
      '  dure lag forget desk/order.placed --reason "renamed to desk/orders"',
      '  dure lag forget desk/copy --topic order.placed --reason "no longer copied" --yes',
    ].join('\n'),
  },
  parameters: {
    flags: {
      ...common,
      topic: { kind: 'parsed', parse: String, optional: true, placeholder: 'NAME', brief: 'Only on this topic (default: all)' },
      reason: { kind: 'parsed', parse: parseReason, placeholder: 'TEXT', brief: 'Why, for the audit' },
      yes: { kind: 'boolean', optional: true, withNegated: false, brief: 'Do not ask whether it is meant' },
      by: byFlag,
    },
    positional: {
      kind: 'tuple',
      parameters: [{ parse: String, placeholder: 'GROUP', brief: 'Which: as "dure lag" shows it' }],
    },
  },
  async func(this: Shell, given: Flags, group: string): Promise<void> {
    const { topic, reason, by } = given
    const directory = resolve(this.cwd, dataDirectory(given.data, this.process.env))
    if (given.yes !== true) await sure(this, directory, { group, topic })
    const forgotten = await askForget(directory, { group, topic, reason, by: whoIs(by) })
    if (given.json === true) return print(this, JSON.stringify({ forgotten }))
    print(this, forgotten.map((one) => `Forgot "${group}" on "${one.topic}": ${counted(one.unread)}`).join('\n'))
  },
})

/** @throws {CliError} when nobody says that it is meant */
async function sure(
  shell: Shell,
  directory: string,
  { group, topic }: { group: string; topic: string | undefined },
): Promise<void> {
  const { consumers } = await askLag(directory)
  const own = consumers.filter((one) => one.kind === 'topic' && one.consumer === group && (topic ?? one.topic) === one.topic)
  const what = `"${group}" with ${counted(own.reduce((sum, { unread = 0 }) => sum + unread, 0))}`
  if (!shell.interactive) {
    throw new CliError(`Cannot forget ${what}: nobody can be asked here whether that is meant; add --yes`, {
      exitCode: EXIT.misuse,
    })
  }
  // Prompts are loaded only where somebody can answer them.
  const { confirmed } = await import('./confirm.ts')
  const known = own.some(({ abandoned }) => !abandoned) ? ', which a service has and would read from the beginning again' : ''
  if (!(await confirmed(`Forget ${what}${known}?`))) throw new CliError('Nothing was done')
}

const counted = (count: number): string => `${count} unread message${count === 1 ? '' : 's'}`
