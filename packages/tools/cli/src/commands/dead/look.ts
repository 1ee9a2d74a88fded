import type { Command } from '@stricli/core'
import type { DeadLetter, DeadLetterChange, DeadLetterDetail, DeadLetterGroup } from 'dure/messaging'
import { layoutOf, type Shell } from '../../shell.ts'
import { defineCommand, common, printResult, textFlag, type Common } from '../parameters.ts'
import { ask, filter, filterOf, limitFlag, timeFlag, type Filter } from './parameters.ts'
import { auditText, groupsText, letterText, listText } from './text.ts'

/** The commands that change nothing. */
export const groupsCommand: Command<Shell> = defineCommand({
  brief: 'Show dead letters that failed alike, most first',
  usage: ['[--data DIR] [--json] [filters]'],
  help: `
        Groups dead letters by consumer, topic and error; numbers, ids and quoted values in an error do not count. The id of a
        group stays the same as long as those do.`,
  examples: ['dure dead groups', 'dure dead groups --since 1h --json'],
  flags: { ...common, ...filter },
  async func(this: Shell, flags: Common & Filter): Promise<void> {
    const { groups } = await ask<{ readonly groups: readonly DeadLetterGroup[] }>(this, flags, 'groups', filterOf(flags))
    printResult(this, flags, groups, () => groupsText(groups, layoutOf(this)))
  },
})

export const listCommand: Command<Shell> = defineCommand({
  brief: 'List dead letters, those that failed first at the top',
  usage: ['[--data DIR] [--json] [filters] [--limit N] [--after ID]'],
  help: `
        Lists dead letters in the order of their last failure, a page at a time.`,
  examples: [
    'dure dead list',
    'dure dead list --consumer desk/order.placed --error "out of stock"',
    'dure dead list --limit 20 --after x7k2m9qabc',
  ],
  flags: {
    ...common,
    ...filter,
    limit: limitFlag,
    after: textFlag('ID', 'Those after this one: the next page'),
  },
  async func(this: Shell, flags: Common & Filter & { readonly limit?: number; readonly after?: string }): Promise<void> {
    const { limit = 50, after } = flags
    // One more tells whether there is another page.
    const asked = { ...filterOf(flags), limit: limit + 1, after }
    const { letters: found } = await ask<{ readonly letters: readonly DeadLetter[] }>(this, flags, 'list', asked)
    const letters = found.slice(0, limit)
    printResult(this, flags, letters, () => listText(letters, { ...layoutOf(this), more: found.length > limit }))
  },
})

export const showCommand: Command<Shell> = defineCommand({
  brief: 'Show all of one: message, error, who waits behind it',
  help: `
        Shows one dead letter with its data, the whole error, its tries, the messages that wait behind it, and what was done
        to it. The beginning of its id is enough; the id of its message, as logs have it, will do as well.`,
  examples: ['dure dead show x7k2m9', 'dure dead show x7k2m9 --json'],
  flags: common,
  positional: { kind: 'tuple', parameters: [{ parse: String, placeholder: 'ID', brief: 'Which one' }] },
  async func(this: Shell, flags: Common, id: string): Promise<void> {
    const letter = await ask<DeadLetterDetail>(this, flags, 'show', { id })
    printResult(this, flags, letter, () => letterText(letter, layoutOf(this)))
  },
})

export const auditCommand: Command<Shell> = defineCommand({
  brief: 'Show who retried, edited or discarded what, and why',
  usage: ['[--data DIR] [--json] [filters] [--limit N] [ID]'],
  help: `
        Shows what was done to dead letters, latest first; of one of them, when an id is given. An edit shows the data before
        and after. Entries are kept for 400 days.`,
  examples: ['dure dead audit', 'dure dead audit x7k2m9qabc', 'dure dead audit --action discard --since 30d --json'],
  flags: {
    ...common,
    consumer: filter.consumer,
    action: { kind: 'enum', values: ['retry', 'edit', 'discard'], optional: true, brief: 'Only this' },
    since: timeFlag('Since then: 2h, 7d, or a date'),
    until: timeFlag('Before then'),
    limit: limitFlag,
  },
  positional: { kind: 'tuple', parameters: [{ parse: String, optional: true, placeholder: 'ID', brief: 'Only of this one' }] },
  async func(this: Shell, flags: Common & AuditFlags, id?: string): Promise<void> {
    const { consumer, action, since, until, limit = 50 } = flags
    // One more tells whether there are others.
    const asked = { id, consumer, action, since, until, limit: limit + 1 }
    const { changes: found } = await ask<{ readonly changes: readonly DeadLetterChange[] }>(this, flags, 'audit', asked)
    const changes = found.slice(0, limit)
    const filtered = [id, consumer, action, since, until].some((one) => one !== undefined)
    const more = found.length > limit
    printResult(this, flags, changes, () => auditText(changes, { ...layoutOf(this), filtered, more }))
  },
})

type AuditFlags = {
  readonly consumer?: string
  readonly action?: DeadLetterChange['action']
  readonly since?: number
  readonly until?: number
  readonly limit?: number
}
