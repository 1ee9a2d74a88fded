import type { Command } from '@stricli/core'
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { storyRecord, type Story } from 'dure/story'
import { askOperator } from '../control/control.ts'
import { CliError, layoutOf, say, type Shell } from '../shell.ts'
import { storyText } from '../story-text.ts'
import { common, defineCommand, directoryOf, parsedFlag, printResult, textFlag, wholeNumber, type Common } from './parameters.ts'

type Flags = Common & {
  readonly export?: string
  readonly since?: number
  readonly until?: number
  readonly limit?: number
  readonly timeout?: number
}

export const storyCommand: Command<Shell> = defineCommand({
  brief: 'Show what became of an order, a message or a request',
  help: `
        Shows what followed from what, over all services: each message, who was to react to it, and whether that is done, waits, is
        dead or is missing; calls, sagas and choreographies with it. It is told from the data themselves (the broker's log, each
        service's outbox, inbox, parked messages and decisions), so it needs no trace; spans are shown where they were kept.

        ORDER is a key, such as the id of an order, the id of a message, a correlation id, a trace id or the id of a saga; or what stands
        in the data of a message. Fields that a schema marks as secret or personal are hidden.

        With --export the story is written to a file, which "dure sim --story" plays against the code until the same thing goes wrong.`,
  examples: [
    'dure story order-17',
    'dure story order-17 --since "2 h"',
    'dure story 0199f3c2-5c1e-7c3a-9d2b-1f0e6a7b8c9d --json',
    'dure story order-17 --export order-17.story.json',
  ],
  flags: {
    ...common,
    export: textFlag('FILE', 'Write it to a file, for "dure sim --story"'),
    since: parsedFlag(parseTime, 'TIME', 'Only what was published since: "2 h", "3 d", or a date'),
    until: parsedFlag(parseTime, 'TIME', 'Only what was published before'),
    limit: parsedFlag(wholeNumber(1, 10_000), 'N', 'Messages that are told, at most (default 500)'),
    timeout: parsedFlag(wholeNumber(1, 20_000), 'MS', 'How long the broker is looked through, at most (default 5000)'),
  },
  positional: { kind: 'tuple', parameters: [{ parse: String, placeholder: 'ORDER', brief: 'What it is about' }] },
  async func(this: Shell, { export: file, since, until, limit, timeout, ...flags }: Flags, about: string): Promise<void> {
    const asked = { about, since, until, limit, timeout }
    const story = await askOperator<Story>(directoryOf(this, flags), 'story', 'tell', asked)
    if (story.messages.length + story.sagas.length + story.spans.length === 0) {
      const where = [...story.unseen, ...story.cutOff].map((why) => `\n${why}`).join('')
      throw new CliError(
        `Nothing is known of "${about}": no message, saga or span has to do with it, or what did is not kept any more${where}`,
      )
    }
    if (file !== undefined) {
      writeFileSync(resolve(this.cwd, file), `${JSON.stringify(storyRecord(story), undefined, 2)}\n`)
      say(this, `Written to ${file}. Play it: dure sim --story ${file}`)
      return
    }
    printResult(this, flags, story, () => storyText(story, layoutOf(this)))
  },
})

const UNITS: Readonly<Record<string, number>> = { s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 }

/** A time, or how long ago. */
function parseTime(text: string): number {
  const [, number, unit] = /^(\d+) ?(s|min|h|d)$/.exec(text) ?? []
  if (number !== undefined) return Date.now() - Number(number) * UNITS[unit!]!
  const time = Date.parse(text)
  if (Number.isFinite(time)) return time
  throw new Error(`"${text}" is no time: give "30 min", "2 h", "3 d", or a date such as 2026-11-30T12:00`)
}
