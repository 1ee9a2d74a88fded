import type { Command, RouteMap } from '@stricli/core'
import { realRuntime } from 'dure/runtime'
import type { ConsumerLag, Lag } from 'dure/service'
import { askLag } from '../control/control.ts'
import { layoutOf, paint, say, type Layout, type Shell } from '../shell.ts'
import { ageText, visible } from '../format.ts'
import { table } from '@dure/simulation/text/internal'
import { forgetCommand } from './forget.ts'
import { defineCommand, defineRoutes, common, directoryOf, printResult, type Common } from './parameters.ts'

const showCommand: Command<Shell> = defineCommand({
  brief: 'Show how far every consumer is behind',
  help: `
        Shows for every reaction of every service, and so for every copy and read model that is kept by events: messages it
        has not read (UNREAD) and since when the first of them is there (BEHIND), those that failed and wait for another try
        (WAITING), dead letters (DEAD) and what waits behind them (HELD); where there are such, messages that retention threw
        away before they were read (LOST). Then events that have not left their service, what services keep for a time beside their
        data (answers of commands, marks, dead letters, decisions) with its bounds, and groups that nobody reads as.`,
  examples: ['dure lag', 'dure lag --json', 'watch dure lag', 'dure lag forget desk/order.placed --reason "renamed"'],
  flags: common,
  async func(this: Shell, flags: Common): Promise<void> {
    const lag = await askLag(directoryOf(this, flags))
    for (const copy of lag.silent) say(this, paint(this, 'yellow', `"${copy}" did not answer; this is without it.`))
    printResult(this, flags, lag, () => lagText(lag, layoutOf(this), realRuntime().clock.now()))
  },
})

export const lagCommands: RouteMap<Shell> = defineRoutes({
  routes: { show: showCommand, forget: forgetCommand },
  defaultCommand: 'show',
  brief: 'Show how far every consumer is behind; retire groups that are gone',
  help: `
        How far every consumer of the system on a data directory is behind ("dure lag" is "dure lag show"), and the end of
        groups that no service has any more.`,
  examples: ['dure lag', 'dure lag --json', 'dure lag forget desk/order.placed --reason "renamed to desk/orders"'],
})

function lagText({ consumers, outboxes, retained }: Lag, layout: Layout, now: number): string {
  if (consumers.length === 0) return ['No service reacts to events', ...retainedText(retained, layout)].join('\n')
  const losing = consumers.some(({ lost }) => lost > 0)
  const head = ['CONSUMER', 'UNREAD', 'BEHIND', 'WAITING', 'DEAD', 'HELD', ...(losing ? ['LOST'] : [])]
  const rows = consumers.map((one) => [visible(one.consumer), ...numbersOf(one, now), ...(losing ? [String(one.lost)] : [])])
  const gone = consumers.filter(({ abandoned }) => abandoned)
  const [first = '', ...rest] = table([head, ...rows], { columns: layout.columns, shorten: [0], right: [1, 2, 3, 4, 5, 6] })
  const full = outboxes.filter(({ depth }) => depth > 0)
  return [
    paint(layout, 'dim', first),
    ...rest.map((line, i) => (consumers[i]!.deadLetters > 0 ? paint(layout, 'red', line) : line)),
    ...(full.length === 0 ? [] : ['', 'Not sent yet:']),
    ...full.map(({ service, depth, size, age }) => `  ${service}  ${depth} (${sizeText(size)}), the oldest ${ageText(age)} old`),
    ...retainedText(retained, layout),
    ...(gone.length === 0 ? [] : ['', 'Nobody reads as these any more, and no service has them:']),
    ...gone.map(
      ({ consumer, topic }) => `  ${visible(consumer)} on ${visible(topic)}  dure lag forget ${visible(consumer)} --reason TEXT`,
    ),
    ...(consumers.some(({ deadLetters }) => deadLetters > 0) && !layout.piped
      ? ['', `${paint(layout, 'dim', 'What is dead')}  dure dead groups`]
      : []),
  ].join('\n')
}

function retainedText(retained: Lag['retained'], layout: Layout): readonly string[] {
  const some = retained.filter(({ rows }) => rows > 0)
  if (some.length === 0) return []
  const rows = some.map(({ service, part, rows, bytes, age, bounds }) => [
    ...[visible(service), part, countText(rows)],
    // Without end is no number in JSON.
    Number.isFinite(bounds.rows) ? countText(bounds.rows) : '-',
    ...[sizeText(bytes), Number.isFinite(bounds.bytes) ? sizeText(bounds.bytes) : '-', age === undefined ? '-' : ageText(age)],
    Number.isFinite(bounds.atMost) ? ageText(bounds.atMost) : '-',
  ])
  const head = ['KEPT BY', 'WHAT', 'ROWS', 'AT MOST', 'SIZE', 'AT MOST', 'OLDEST', 'FOR']
  const [first = '', ...rest] = table([head, ...rows], { columns: layout.columns, shorten: [0], right: [2, 3, 4, 5, 6, 7] })
  return ['', paint(layout, 'dim', first), ...rest]
}

function numbersOf({ unread, since, waiting, deadLetters, held }: ConsumerLag, now: number): readonly string[] {
  const behind = since === undefined ? (unread === undefined ? '?' : unread === 0 ? '-' : '?') : ageText(now - since)
  return [unread === undefined ? '?' : countText(unread), behind, countText(waiting), countText(deadLetters), countText(held)]
}

const countText = (count: number): string => count.toLocaleString('en')

function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB']
  const place = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  return `${Math.round(bytes / 1024 ** place)} ${units[place]}`
}
