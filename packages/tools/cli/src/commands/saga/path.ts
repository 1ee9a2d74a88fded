import { table } from '@dure/simulation/text/internal'
import type { Command } from '@stricli/core'
import type { ObservedPath } from 'dure/choreography'
import { agoText, timeText, visible } from '../../format.ts'
import { CliError, layoutOf, paint, type Layout, type Shell } from '../../shell.ts'
import { common, defineCommand, printResult, type Common } from '../parameters.ts'
import { ask } from './ask.ts'

export const pathCommand: Command<Shell> = defineCommand({
  brief: 'Show the path that a choreography has taken, and what is missing',
  help: `
        Shows which events of a choreography have come for one key, and which have not though it is their turn, since when, and whether
        they are late. Without a key: the 50 that changed last. Told by the services that observe it, from the events themselves.`,
  examples: ['dure saga path', 'dure saga path order-17', 'dure saga path order-17 --json'],
  flags: common,
  positional: {
    kind: 'tuple',
    parameters: [{ parse: String, optional: true, placeholder: 'KEY', brief: 'Which instance' }],
  },
  async func(this: Shell, flags: Common, key?: string): Promise<void> {
    type Paths = { readonly observed: boolean; readonly paths: readonly ObservedPath[] }
    const { observed, paths: found } = await ask<Paths>(this, flags, 'paths', { key })
    if (found.length === 0 && key !== undefined) {
      const why = !observed ? 'no service observes one' : 'it has not begun, or was forgotten a time after its last event'
      throw new CliError(`Nothing is known of "${key}" in a choreography: ${why}`)
    }
    printResult(this, flags, found, () =>
      key === undefined ? listText(found, layoutOf(this), observed) : pathText(found, layoutOf(this)),
    )
  },
})

function listText(all: readonly ObservedPath[], layout: Layout, observed: boolean): string {
  if (!observed) return 'No service observes a choreography'
  if (all.length === 0) return 'Nothing of a choreography has been seen yet'
  const rows = all.map(({ choreography, key, path, missing, ended }) => [
    ...[
      choreography,
      visible(key),
      path.at(-1)?.event ?? '-',
      ended ? 'ended' : missing.some(({ late }) => late) ? 'late' : 'open',
    ],
    missing.map(({ event }) => event).join(', ') || '-',
  ])
  const head = ['CHOREOGRAPHY', 'KEY', 'LAST SEEN', 'STATE', 'MISSING']
  const [first = '', ...rest] = table([head, ...rows], { columns: layout.columns })
  return [paint(layout, 'dim', first), ...rest].join('\n')
}

function pathText(found: readonly ObservedPath[], layout: Layout): string {
  return found
    .map(({ choreography, key, path, missing, ended }) =>
      [
        `${choreography} ${visible(key)}${ended ? ', ended' : ''}`,
        ...path.map(({ event, time }) => `  ${timeText(time)}  ${event}`),
        ...missing.map(({ event, since, late }) => {
          const text = `  missing since ${agoText(since)}  ${event}${late ? ', late' : ''}`
          return late ? paint(layout, 'red', text) : text
        }),
      ].join('\n'),
    )
    .join('\n\n')
}
