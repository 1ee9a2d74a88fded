import type { Command } from '@stricli/core'
import { CliError, EXIT, print, readInput, type Shell } from '../../shell.ts'
import { byFlag, common, defineCommand, reasonFlag, textFlag, whoIs } from '../parameters.ts'
import { ask, idParameter, sagaFlag, type Which } from './ask.ts'

type Flags = Which & { readonly reason: string; readonly by?: string }

const flags = { ...common, saga: sagaFlag, reason: reasonFlag, by: byFlag } as const

/** Has something decided, and says so. */
async function decide(shell: Shell, given: Flags, id: string, method: string, done: string, more: object = {}): Promise<void> {
  const who = { by: whoIs(given.by), reason: given.reason }
  const answer = await ask<unknown>(shell, given, method, { id, saga: given.saga, ...more }, who)
  print(shell, given.json === true ? JSON.stringify(answer) : `${done}; see "dure saga show ${id}"`)
}

export const resumeCommand: Command<Shell> = defineCommand({
  brief: 'Have a paused one go on',
  help: `
        Has a paused instance go on where it stands, with a fresh set of tries. When what it paused for is not mended, it pauses again.`,
  examples: ['dure saga resume order-17 --reason "the bank is open again"'],
  flags,
  positional: { kind: 'tuple', parameters: [idParameter] },
  async func(this: Shell, given: Flags, id: string): Promise<void> {
    await decide(this, given, id, 'resume', `"${id}" goes on`)
  },
})

export const skipCommand: Command<Shell> = defineCommand({
  brief: 'Have one go on without the step it stands at',
  help: `
        Takes the step at which an instance has paused, or what it waits for, as done by hand, with --result as what it came to; while it is
        being undone, takes the step as undone. A skipped step is not undone later.`,
  examples: [`dure saga skip order-17 --result '{"receipt":"by phone"}' --reason "paid by phone"`],
  flags: { ...flags, result: textFlag('JSON', 'What the step came to') },
  positional: { kind: 'tuple', parameters: [idParameter] },
  async func(this: Shell, given: Flags & { readonly result?: string }, id: string): Promise<void> {
    const more = given.result === undefined ? {} : { result: parsed(given.result) }
    await decide(this, given, id, 'skip', `"${id}" goes on without that step`, more)
  },
})

export const compensateCommand: Command<Shell> = defineCommand({
  brief: 'Have undone what one has done',
  help: `
        Has all that an instance did undone, the last first. Of a step that was under way it is not known whether it was done: it is undone as well.`,
  examples: ['dure saga compensate order-17 --reason "the customer called it off"'],
  flags,
  positional: { kind: 'tuple', parameters: [idParameter] },
  async func(this: Shell, given: Flags, id: string): Promise<void> {
    await decide(this, given, id, 'compensate', `What "${id}" did is being undone`)
  },
})

export const signalCommand: Command<Shell> = defineCommand({
  brief: 'Send one a signal that it waits for, or will',
  help: `
        Sends a signal by name, with data as JSON, or - to read them from standard input. They are checked against what the saga says.`,
  examples: [`dure saga signal order-17 approve '{"by":"ann"}' --reason "called the customer"`],
  flags,
  positional: {
    kind: 'tuple',
    parameters: [
      idParameter,
      { parse: String, placeholder: 'NAME', brief: 'Which signal' },
      { parse: String, optional: true, placeholder: 'data', brief: 'JSON, or - for standard input' },
    ],
  },
  async func(this: Shell, given: Flags, id: string, name: string, data?: string): Promise<void> {
    const text = data === '-' ? await readInput(this) : data
    await decide(this, given, id, 'signal', `Sent "${name}" to "${id}"`, {
      name,
      ...(text !== undefined && { data: parsed(text) }),
    })
  },
})

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CliError(`Cannot read ${JSON.stringify(text.slice(0, 60))} as JSON: ${(cause as Error).message}`, {
      exitCode: EXIT.misuse,
      cause,
    })
  }
}
