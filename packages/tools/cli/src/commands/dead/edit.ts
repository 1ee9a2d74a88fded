import type { Command } from '@stricli/core'
import type { DeadLetterDetail } from 'dure/messaging'
import { CliError, EXIT, paint, print, readInput, say, type Shell } from '../../shell.ts'
import { defineCommand, byFlag, common, reasonFlag, whoIs, type Common } from '../parameters.ts'
import { ask } from './parameters.ts'

type Flags = Common & { readonly reason: string; readonly by?: string }

export const editCommand: Command<Shell> = defineCommand({
  brief: 'Replace the data of a dead letter',
  help: `
        Replaces the data of one dead letter: JSON, or - to read it from standard input; without either, at a terminal, the
        data are opened in your editor ($VISUAL, $EDITOR). They must be what its consumer can read, and of the same key;
        otherwise nothing is changed. The message keeps its id and stays dead until it is retried. The original stays in the
        audit.`,
  examples: [
    `dure dead edit x7k2m9 '{"orderId":"a","quantity":1}' --reason "quantity was missing"`,
    'dure dead edit x7k2m9 --reason "wrong currency"',
    'jq .message.data letter.json | dure dead edit x7k2m9 - --reason "wrong currency"',
  ],
  flags: {
    ...common,
    reason: reasonFlag,
    by: byFlag,
  },
  positional: {
    kind: 'tuple',
    parameters: [
      { parse: String, placeholder: 'ID', brief: 'Which one' },
      { parse: String, optional: true, placeholder: 'data', brief: 'JSON, or - for standard input' },
    ],
  },
  async func(this: Shell, flags: Flags, id: string, given?: string): Promise<void> {
    const { reason } = flags
    const apply = async (text: string): Promise<void> => {
      const data = compact(text)
      const { id: letter } = await ask<{ readonly id: string }>(
        this,
        flags,
        'edit',
        { id, data },
        { reason, by: whoIs(flags.by) },
      )
      if (flags.json === true) return print(this, JSON.stringify({ edited: letter }))
      print(this, `Edited ${letter}; it stays dead until "dure dead retry ${letter}"`)
    }
    if (given === undefined) await editHere(this, flags, id, apply)
    else await apply(given === '-' ? await readInput(this) : given)
  },
})

/** In the user's editor, as often as it takes: what was typed is not lost because it will not do yet. */
async function editHere(shell: Shell, flags: Common, id: string, apply: (text: string) => Promise<void>): Promise<void> {
  if (!shell.interactive) {
    throw new CliError(
      `Cannot edit "${id}" here: there is no terminal for an editor; give the new data as JSON, or - and pipe it in`,
      { exitCode: EXIT.misuse },
    )
  }
  const { message } = await ask<DeadLetterDetail>(shell, flags, 'show', { id })
  const { editText } = await import('./editor.ts')
  const { confirm } = await import('../confirm.ts')
  const before = readable(message.data)
  for (let text = before; ;) {
    text = await editText({ name: `${message.type}.json`, text, env: shell.process.env })
    if (text.trim() === before.trim()) throw new CliError('Nothing was changed')
    try {
      return await apply(text)
    } catch (error) {
      if (!(error instanceof CliError) || error.exitCode !== EXIT.misuse) throw error
      say(shell, paint(shell, 'red', error.message))
      if (!(await confirm('Edit it again?'))) throw error
    }
  }
}

/** What cannot be read as JSON is what has to be mended. */
function readable(data: string): string {
  try {
    return `${JSON.stringify(JSON.parse(data), undefined, 2)}\n`
  } catch {
    return data
  }
}

/** As messages have it. What is no JSON is the system's to refuse. */
function compact(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    return text.trim()
  }
}
