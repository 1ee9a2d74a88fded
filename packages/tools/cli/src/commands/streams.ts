import type { Command } from '@stricli/core'
import type { TopologyState } from 'dure/stream/internal'
import { table } from '@dure/simulation/text/internal'
import { askOperator } from '../control/control.ts'
import { ageText, bytesText, visible } from '../format.ts'
import { layoutOf, paint, type Layout, type Shell } from '../shell.ts'
import { common, defineCommand, directoryOf, printResult, saySilent, textFlag, type Common, type Silent } from './parameters.ts'

/** A topology, as its service tells of it. */
type Stream = TopologyState & { readonly service: string }
type Flags = Common & { readonly service?: string }
type Answer = { readonly streams: readonly Stream[]; readonly silent: Silent }

const positional = {
  kind: 'tuple',
  parameters: [{ parse: String, placeholder: 'NAME', brief: 'The topology', optional: true }],
} as const

export const streamsCommand: Command<Shell> = defineCommand<Flags, readonly string[]>({
  brief: 'Look at streams: how far they have come, and what they are made of',
  help: `
        Shows the topologies of the system that runs on a data directory; of one, by its name, its operators as well. BEHIND is how far the watermark
        is behind the clock: nothing older than that is waited for. STATE are rows of state, MEMORY what of it is in memory, with a + where there is more
        in the store; of one stream also what its operators have told, and in a second. LATE was dropped because its window had closed, ASIDE
        because its time makes no sense, TWICE was delivered before, DEAD could not be taken; these count from when the process began.`,
  examples: ['dure streams', 'watch dure streams', 'dure streams sales'],
  flags: { ...common, service: textFlag('NAME', 'The service that has it, where several have one of that name') },
  ...({ positional } as object),
  async func(this: Shell, given: Flags, name?: string): Promise<void> {
    const input = { name, service: given.service }
    const { streams, silent } = await askOperator<Answer>(directoryOf(this, given), 'streams', 'list', input)
    saySilent(this, silent)
    printResult(this, given, streams, () => streamsText(streams, layoutOf(this), name !== undefined))
  },
})

function streamsText(streams: readonly Stream[], layout: Layout, withOperators: boolean): string {
  if (streams.length === 0) return 'No service has a stream'
  const rows = streams.map(({ service, name, behind, records, rows: state, bytes, spilled, late, aside, duplicates, dead }) => [
    ...[visible(service), visible(name), behind === undefined ? '-' : ageText(behind), String(records), String(state)],
    `${bytesText(bytes)}${spilled ? '+' : ''}`,
    ...[late, aside, duplicates, dead].map(String),
  ])
  const head = ['SERVICE', 'STREAM', 'BEHIND', 'EVENTS', 'STATE', 'MEMORY', 'LATE', 'ASIDE', 'TWICE', 'DEAD']
  const [first = '', ...rest] = table([head, ...rows], {
    columns: layout.columns,
    shorten: [0, 1],
    right: [2, 3, 4, 5, 6, 7, 8, 9],
  })
  const operators = withOperators
    ? streams.flatMap((one) => ['', ...one.operators.trimEnd().split('\n'), ...toldText(one, layout)])
    : []
  return [paint(layout, 'dim', first), ...rest, ...operators].join('\n')
}

function toldText({ told }: Stream, { columns }: Layout): readonly string[] {
  if (told.length === 0) return []
  const rows = told.map(({ operator, count, perSecond }) => [visible(operator), String(count), perSecond.toFixed(1)])
  return ['', ...table([['OPERATOR', 'TOLD', 'A SECOND'], ...rows], { columns, shorten: [0], right: [1, 2] })]
}
