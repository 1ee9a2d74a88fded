import type { Command, RouteMap } from '@stricli/core'
import type { Shell } from '../../shell.ts'
import { defineRoutes } from '../parameters.ts'
import { discardCommand, retryCommand } from './change.ts'
import { editCommand } from './edit.ts'
import { auditCommand, groupsCommand, listCommand, showCommand } from './look.ts'

/** With a usage that fits a line, where all of them are listed. */
function shortly(command: Command<Shell>, usage: string): Command<Shell> {
  return { ...command, formatUsageLine: ({ prefix }) => [...prefix, usage].join(' ') }
}

export const deadCommands: RouteMap<Shell> = defineRoutes({
  routes: {
    groups: shortly(groupsCommand, '[filters]'),
    list: shortly(listCommand, '[filters] [--limit N] [--after ID]'),
    show: shortly(showCommand, 'ID'),
    retry: shortly(retryCommand, '(ID… | filters | --all)'),
    edit: shortly(editCommand, 'ID [data] --reason TEXT'),
    discard: shortly(discardCommand, '(ID… | filters | --all) --reason TEXT'),
    audit: shortly(auditCommand, '[filters] [ID]'),
  },
  brief: 'Look at dead letters, retry, edit or discard them',
  help: `
        Dead letters of the system that runs on a data directory: events and work that failed as often as allowed. A dead
        event holds the later ones of its key until it is retried with success, or discarded; other keys go on.`,
  examples: [
    'dure dead groups',
    'dure dead list --consumer desk --since 2h',
    'dure dead show x7k2m9',
    'dure dead retry --group q4w8ntya',
    `dure dead edit x7k2m9 '{"orderId":"a","quantity":1}' --reason "quantity was missing"`,
    'dure dead discard x7k2m9 --reason "ordered twice"',
  ],
})
