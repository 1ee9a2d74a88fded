import type { DeadLetter, DeadLetterChange, DeadLetterDetail, DeadLetterGroup, MessageHead } from 'dure/messaging'
import { agoText, harmless, timeText, visible } from '../../format.ts'
import { paint, type Layout } from '../../shell.ts'
import { hang, shorten, table, textWidth } from '@dure/simulation/text/internal'

/** Entries of two lines: what is told in columns, and below it the error, for which a column is too narrow. */
export function groupsText(groups: readonly DeadLetterGroup[], layout: Layout): string {
  if (groups.length === 0) return 'No dead letters'
  const head = ['GROUP', 'COUNT', 'HOLDS', 'CONSUMER', 'FIRST', 'LAST']
  const rows = groups.map(({ id, count, held, consumer, firstFailure, lastFailure }) => [
    id,
    String(count),
    String(held),
    visible(consumer),
    agoText(firstFailure),
    agoText(lastFailure),
  ])
  const notes = groups.map(({ error, count, example }) => ({ error, more: count > 1 ? `such as ${example}` : example }))
  const text = entries({ head, rows, notes, layout, shorten: [3] })
  const [{ id, example }] = groups as [DeadLetterGroup]
  return withHints(text, layout, [
    ['See one', `dure dead show ${example}`],
    ['Try again', `dure dead retry --group ${id}`],
  ])
}

export function listText(letters: readonly DeadLetter[], layout: Layout & { readonly more: boolean }): string {
  if (letters.length === 0) return 'No dead letters'
  const head = ['ID', 'CONSUMER', 'KEY', 'TRIES', 'HOLDS', 'FAILED']
  const rows = letters.map(({ id, consumer, message, attempts, held, lastFailure }) => [
    id,
    visible(consumer),
    visible(message.key) || '-',
    String(attempts),
    String(held),
    agoText(lastFailure),
  ])
  const notes = letters.map(({ error, edits }) => ({ error, more: edits === 0 ? '' : `edited ${times(edits)}` }))
  const text = entries({ head, rows, notes, layout, shorten: [1, 2] })
  return layout.more ? `${text}\n\nThere are more: dure dead list … --after ${letters.at(-1)!.id}` : text
}

type Note = { readonly error: string; readonly more: string }

function entries(options: {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly notes: readonly Note[]
  readonly layout: Layout
  /** The columns that give way when there is no room. */
  readonly shorten: readonly number[]
}): string {
  const { head, rows, notes, layout, shorten: flexible } = options
  const painted = rows.map(([id = '', ...cells]) => [paint(layout, 'cyan', id), ...cells])
  const right = head.flatMap((name, at) => (NUMBERS.has(name) ? [at] : []))
  const [first = '', ...lines] = table([head, ...painted], { columns: layout.columns, shorten: flexible, right })
  const indent = ' '.repeat(Math.max(...[head, ...rows].map(([id = '']) => id.length)) + 2)
  const texts = lines.map((line, at) => {
    const { error, more } = notes[at]!
    const end = more === '' ? '' : `  (${more})`
    const text = shorten(visible(error), Math.max(12, layout.columns - indent.length - textWidth(end)))
    return `${line}\n${indent}${paint(layout, 'red', text)}${paint(layout, 'dim', end)}`
  })
  return [paint(layout, 'dim', first), ...texts].join('\n')
}

/** Columns of numbers, which stand under one another at the right. */
const NUMBERS: ReadonlySet<string> = new Set(['COUNT', 'HOLDS', 'TRIES'])

/** All of one. */
export function letterText(letter: DeadLetterDetail, layout: Layout): string {
  const { id, kind, consumer, group, message, detail, attempts, firstFailure, lastFailure, held, behind, changes } = letter
  const facts: readonly (readonly [name: string, value: string])[] = [
    [kind === 'queue' ? 'work' : 'event', `${visible(message.type)}, version ${message.schemaVersion}`],
    ['key', message.key === '' ? '(none)' : visible(message.key)],
    ['message', visible(message.id)],
    ['published', `${timeText(message.time)} (${agoText(message.time)}) by ${visible(message.source)}`],
    ['correlation', visible(message.correlationId)],
    ...(message.traceparent === undefined ? [] : [['trace', `dure trace ${traceId(message.traceparent)}`] as const]),
    ['tries', String(attempts)],
    ['failed', failedText(firstFailure, lastFailure)],
    ['group', group],
  ]
  const text = [
    `${paint(layout, 'cyan', id)}  dead letter of ${paint(layout, 'bold', visible(consumer))}`,
    ...facts.map(([name, value]) => `  ${paint(layout, 'dim', name.padEnd(11))}  ${value}`),
    '',
    paint(layout, 'bold', 'Error'),
    ...detail.split('\n').flatMap((line, i) =>
      errorLine(line, layout)
        .split('\n')
        .map((part) => `  ${paint(layout, i === 0 ? 'red' : 'dim', part)}`),
    ),
    '',
    paint(layout, 'bold', 'Data'),
    ...dataLines(message.data).map((line) => `  ${line}`),
    ...(held === 0
      ? []
      : [
          '',
          `${paint(layout, 'bold', 'Behind it')}  ${held} of its key wait${held === 1 ? 's' : ''}`,
          ...behindLines(behind, held),
        ]),
    ...(changes.length === 0
      ? []
      : ['', paint(layout, 'bold', 'What was done'), ...changes.map((change) => hang('  ', changeText(change), layout.columns))]),
  ].join('\n')
  return withHints(text, layout, [
    ['Try again', `dure dead retry ${id}`],
    ['Mend', `dure dead edit ${id} --reason "…"`],
    ['Let go', `dure dead discard ${id} --reason "…"`],
  ])
}

/** What can be done now, for people at a terminal. */
function withHints(text: string, layout: Layout, hints: readonly (readonly [what: string, command: string])[]): string {
  if (layout.piped) return text
  const width = Math.max(...hints.map(([what]) => what.length))
  return [text, '', ...hints.map(([what, command]) => `${paint(layout, 'dim', what.padEnd(width))}  ${command}`)].join('\n')
}

/** What was said is folded; where it happened stays whole, as terminals open it. */
function errorLine(line: string, layout: Layout): string {
  if (/^\s+at /.test(line)) return keepIndent(line)
  const [indent = ''] = /^ */.exec(line) ?? []
  return hang(indent, harmless(line.slice(indent.length)), layout.columns - 2)
}

function failedText(first: number, last: number): string {
  if (first === last) return `${timeText(last)} (${agoText(last)})`
  return `first ${timeText(first)}, last ${timeText(last)} (${agoText(last)})`
}

function behindLines(behind: readonly MessageHead[], held: number): readonly string[] {
  const lines = behind.map(({ id, type, time }) => `  ${visible(id)}  ${visible(type)}  ${timeText(time)}`)
  return held > behind.length && behind.length > 0 ? [...lines, `  … and ${held - behind.length} more`] : lines
}

/** What was done, latest first. An edit shows what was there and what came in its place. */
export function auditText(
  changes: readonly DeadLetterChange[],
  layout: Layout & { readonly filtered: boolean; readonly more: boolean },
): string {
  if (changes.length === 0) return layout.filtered ? 'Nothing in the audit is like that' : 'Nothing was done to dead letters'
  const text = changes
    .flatMap((change) => {
      const { letter, consumer, message, data, action } = change
      const indent = ' '.repeat(letter.length + 2)
      // In whole: what differs may be at the end.
      const told = (style: 'dim' | 'red' | 'green', line: string): string =>
        hang(indent, line, layout.columns)
          .split('\n')
          .map((part) => paint(layout, style, part))
          .join('\n')
      return [
        hang(`${paint(layout, 'cyan', letter)}  `, changeText(change), layout.columns),
        told('dim', `${visible(consumer)}, key ${visible(message.key) || '(none)'}`),
        ...(action === 'edit' ? [told('red', `- ${visible(message.data)}`), told('green', `+ ${visible(data ?? '')}`)] : []),
      ]
    })
    .join('\n')
  return layout.more ? `${text}\n\nThere are more: --limit N, or --until TIME` : text
}

const DONE = { retry: 'retried', edit: 'edited', discard: 'discarded' } as const

function changeText({ at, action, by, reason }: DeadLetterChange): string {
  const who = by === '' ? '' : ` by ${visible(by)}`
  return `${timeText(at)}  ${DONE[action]}${who}${reason === '' ? '' : `: ${visible(reason)}`}`
}

function dataLines(data: string): readonly string[] {
  try {
    return JSON.stringify(JSON.parse(data), undefined, 2).split('\n').map(keepIndent)
  } catch {
    return [`${visible(data)}  (not JSON)`]
  }
}

/** Without control characters, and with the spaces it begins with. */
function keepIndent(line: string): string {
  const [indent = ''] = /^ */.exec(line) ?? []
  return indent + harmless(line.slice(indent.length))
}

function traceId(traceparent: string): string {
  return traceparent.split('-')[1] ?? traceparent
}

const times = (n: number): string => (n === 1 ? 'once' : n === 2 ? 'twice' : `${n} times`)
