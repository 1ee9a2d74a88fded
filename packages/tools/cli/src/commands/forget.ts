import type { Command } from '@stricli/core'
import { askForget, askLag } from '../control/control.ts'
import { counted } from '../format.ts'
import { print, type Shell } from '../shell.ts'
import {
  defineCommand,
  byFlag,
  common,
  confirmed,
  directoryOf,
  reasonFlag,
  textFlag,
  whoIs,
  yesFlag,
  type Common,
} from './parameters.ts'

type Flags = Common & { readonly topic?: string; readonly reason: string; readonly yes?: boolean; readonly by?: string }

export const forgetCommand: Command<Shell> = defineCommand({
  brief: 'Retire a consumer group that no service has any more',
  help: `
        Has the broker forget a group: its position, and with it what it has not read. For a reaction that was renamed or
        taken out, which would be behind for ever. A group that somebody reads as is left alone. Who did it and why is kept.`,
  examples: [
    'dure lag forget desk/order.placed --reason "renamed to desk/orders"',
    'dure lag forget desk/copy --topic order.placed --reason "no longer copied" --yes',
  ],
  flags: {
    ...common,
    topic: textFlag('NAME', 'Only on this topic (default: all)'),
    reason: reasonFlag,
    yes: yesFlag,
    by: byFlag,
  },
  positional: {
    kind: 'tuple',
    parameters: [{ parse: String, placeholder: 'GROUP', brief: 'Which: as "dure lag" shows it' }],
  },
  async func(this: Shell, given: Flags, group: string): Promise<void> {
    const { topic, reason, by } = given
    const directory = directoryOf(this, given)
    if (given.yes !== true) await sure(this, directory, { group, topic })
    const forgotten = await askForget(directory, { group, topic, reason, by: whoIs(by) })
    if (given.json === true) return print(this, JSON.stringify({ forgotten }))
    print(this, forgotten.map((one) => `Forgot "${group}" on "${one.topic}": ${unreadText(one.unread)}`).join('\n'))
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
  const what = `"${group}" with ${unreadText(own.reduce((sum, { unread = 0 }) => sum + unread, 0))}`
  const known = own.some(({ abandoned }) => !abandoned) ? ', which a service has and would read from the beginning again' : ''
  await confirmed(shell, { question: `Forget ${what}${known}?`, cannot: `Cannot forget ${what}` })
}

const unreadText = (count: number): string => counted(count, 'unread message')
