import type { Command } from '@stricli/core'
import type { Why } from 'dure/stream/internal'
import { table } from '@dure/simulation/text/internal'
import { askOperator } from '../control/control.ts'
import { visible } from '../format.ts'
import { layoutOf, paint, type Layout, type Shell } from '../shell.ts'
import { common, defineCommand, directoryOf, printResult, saySilent, textFlag, type Common, type Silent } from './parameters.ts'

type Way = Why & { readonly service: string }
type Flags = Common & { readonly service?: string }
type Answer = { readonly ways: readonly Way[]; readonly silent: Silent }

export const whyCommand: Command<Shell> = defineCommand({
  brief: 'Show how a key of a stream came to what it has',
  help: `
        Shows what an operator took for a key, which of it came too late, and what it told, with the place of each record and the
        watermark, as milliseconds from the time of the event. It is a sample in the memory of the process that has the partition, since that began: of a quiet stream all, of a busy one some
        records of each batch; which part is said. From when a key is asked for, all of it is noted. Values are hidden where an event of the
        stream has fields marked as secret or personal.`,
  examples: ['dure why seller-totals seller-7', 'dure why sales seller-7 --json'],
  flags: { ...common, service: textFlag('NAME', 'The service that has it, where several have one of that name') },
  positional: {
    kind: 'tuple',
    parameters: [
      { parse: String, placeholder: 'NAME', brief: 'A topology, or one of its operators that has a name' },
      { parse: String, placeholder: 'KEY', brief: 'The key; of windows without when they began' },
    ],
  },
  async func(this: Shell, given: Flags, name: string, key: string): Promise<void> {
    const { ways, silent } = await askOperator<Answer>(directoryOf(this, given), 'streams', 'why', {
      name,
      key,
      service: given.service,
    })
    saySilent(this, silent)
    printResult(this, given, ways, () => ways.map((way) => wayText(way, key, layoutOf(this))).join('\n\n'))
  },
})

function wayText({ service, topology, records, noted, steps }: Way, key: string, layout: Layout): string {
  const sample = `Of ${records} records ${noted === records ? 'all' : String(noted)} were noted; of "${visible(key)}" all are from now on`
  const title = `${visible(topology)} of ${visible(service)}. ${sample}`
  if (steps.length === 0) return `${title}\nNothing is known of "${visible(key)}" yet`
  const rows = steps.map(({ operator, key: own, did, time, watermark, record, value }) => [
    ...[visible(operator), visible(own), did, timeText(time), watermark === undefined ? '-' : `${watermark - time} ms`],
    record === undefined ? 'time' : visible(`${record.topic}/${record.partition} ${record.position ?? record.message}`),
    visible(value ?? ''),
  ])
  const head = ['OPERATOR', 'KEY', 'DID', 'EVENT TIME', 'WATERMARK', 'RECORD', 'VALUE']
  const [first = '', ...rest] = table([head, ...rows], { columns: layout.columns, shorten: [6, 5], right: [] })
  return [title, paint(layout, 'dim', first), ...rest].join('\n')
}

const timeText = (time: number): string => (Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : String(time))
