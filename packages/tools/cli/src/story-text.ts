import { hang, padTo, shorten, textWidth } from '@dure/simulation/text/internal'
import type { Story, StoryAnswer, StoryMessage, StoryReaction, StorySaga, StorySpan } from 'dure/story'
import { counted, durationText, timeText, visible } from './format.ts'
import { paint, type Layout } from './shell.ts'

type Style = 'red' | 'yellow' | 'green' | 'dim'

/** One line of the tree: what stands left, and right of it when that was. */
type Line = {
  readonly branch: string
  readonly mark: string
  readonly style: Style
  readonly text: string
  readonly time: number | undefined
}

/** What is left out is said. */
const MOST_LINES = 300
const MARKS: Readonly<Record<StoryReaction['state'], readonly [string, Style]>> = {
  done: ['✓', 'green'],
  discarded: ['−', 'yellow'],
  dead: ['✗', 'red'],
  retrying: ['↻', 'yellow'],
  held: ['…', 'yellow'],
  unread: ['…', 'yellow'],
  unsent: ['…', 'yellow'],
  missing: ['?', 'red'],
  unknown: ['?', 'yellow'],
}

/** A story for a terminal: what followed from what, when, and what is not done. */
export function storyText(story: Story, layout: Layout): string {
  const began = story.began ?? 0
  const lines = treeOf(story)
  const shown = lines.slice(0, MOST_LINES)
  const times = shown.map(({ time }) => (time === undefined ? '' : `+${durationText(Math.max(0, time - began))}`))
  const right = Math.max(0, ...times.map((text) => text.length))
  const tree = shown.map(({ branch, mark, style, text }, at) => {
    const head = `${branch}${mark} `
    const room = layout.columns === Infinity ? Infinity : layout.columns - textWidth(head) - right - 2
    const told = room === Infinity ? text : shorten(text, room)
    const left = `${paint(layout, 'dim', branch)}${paint(layout, style, mark)} ${style === 'dim' ? paint(layout, 'dim', told) : told}`
    const width = layout.columns === Infinity ? 0 : layout.columns - right - 2
    const gap = width === 0 ? '  ' : ' '.repeat(Math.max(2, width - textWidth(head) - textWidth(told) + 2))
    return times[at] === '' ? left : `${left}${gap}${paint(layout, 'dim', times[at]!.padStart(right))}`
  })
  return [
    ...headOf(story, layout),
    '',
    ...tree.map((line) => line.trimEnd()),
    ...(lines.length > shown.length ? [`… and ${lines.length - shown.length} more lines; --json has them all`] : []),
    ...sagasText(story, layout),
    ...pathsText(story, layout),
    ...spansText(story, layout),
    ...reasonsText(story, layout),
  ].join('\n')
}

const STATES = { failed: 'red', missing: 'red', waiting: 'yellow', done: 'green' } as const

function headOf(story: Story, layout: Layout): readonly string[] {
  const { about, state, messages, sagas, began, ended } = story
  const services = new Set(messages.flatMap(({ source, reactions }) => [source, ...reactions.map(({ service }) => service)]))
  const facts = [
    counted(messages.length, 'message'),
    ...(sagas.length > 0 ? [counted(sagas.length, 'saga')] : []),
    counted(services.size, 'service'),
    ...(began === undefined ? [] : [durationText((ended ?? began) - began)]),
  ]
  const title = `${paint(layout, 'bold', 'Story')} of ${visible(about)}: ${paint(layout, STATES[state], state)}`
  return [title, `${began === undefined ? '' : `${timeText(began)}  `}${facts.join(', ')}`]
}

/** Messages below what led to them, reactions below their message. */
function treeOf({ messages }: Story): readonly Line[] {
  const children = Map.groupBy(messages, ({ causedBy }) => causedBy ?? '')
  const lines: Line[] = []
  const told = new Set<string>()
  const tell = (message: StoryMessage, branch: string, below: string): void => {
    // Ids of others may go in a circle.
    if (told.has(message.id)) return
    told.add(message.id)
    lines.push(lineOf(message, branch))
    const own = children.get(message.id) ?? []
    const free = own.filter(({ by }) => by === undefined)
    const rows = [...message.reactions, ...free]
    rows.forEach((row, at) => {
      const last = at === rows.length - 1
      const [here, then] = [`${below}${last ? '└ ' : '├ '}`, `${below}${last ? '  ' : '│ '}`]
      if ('reactions' in row) return tell(row, here, then)
      lines.push(reactionLine(row, here), ...row.calls.map((call) => callLine(call, `${then}· `)))
      const led = own.filter(({ by }) => by === row.consumer)
      led.forEach((one, n) =>
        tell(one, `${then}${n === led.length - 1 ? '└ ' : '├ '}`, `${then}${n === led.length - 1 ? '  ' : '│ '}`),
      )
    })
  }
  for (const root of children.get('') ?? []) tell(root, '', '')
  // Whoever is led to only by themselves.
  for (const message of messages) tell(message, '', '')
  return lines
}

function lineOf({ type, source, key, time, state, at, error }: StoryMessage, branch: string): Line {
  const where = at === undefined ? '' : at.on === 'topic' ? ` ${at.partition}@${at.position}` : ' on its queue'
  const text = `${visible(type)} ${visible(JSON.stringify(key))} from ${visible(source)}`
  switch (state) {
    case 'sent':
      return { branch, mark: '●', style: 'green', text: `${text}${where}`, time }
    case 'waiting':
      return { branch, mark: '○', style: 'yellow', text: `${text}: still in its outbox`, time }
    case 'refused':
      return { branch, mark: '✗', style: 'red', text: `${text}: the broker does not take it: ${visible(firstLine(error))}`, time }
    case 'gone':
      return { branch, mark: '●', style: 'dim', text: `${text} (not in the broker any more)`, time }
  }
}

function reactionLine(reaction: StoryReaction, branch: string): Line {
  const { consumer, state, time } = reaction
  const [mark, style] = MARKS[state]
  return { branch, mark, style, text: `${visible(consumer)}${wordsOf(reaction)}`, time }
}

function wordsOf({ state, attempts = 0, error, letter, next, unread, crashes, decisions }: StoryReaction): string {
  const decided = decisions.map(
    ({ action, by }) =>
      `${action === 'edit' ? 'edited' : action === 'retry' ? 'retried' : 'discarded'}${by === '' ? '' : ` by ${by}`}`,
  )
  const after = decided.length === 0 ? '' : ` (${decided.join(', ')})`
  const tries = `${attempts === 1 ? '1 try' : `${attempts} tries`}${crashes === undefined ? '' : `, ${crashes} of them ended with their process`}`
  switch (state) {
    case 'done':
      return visible(after)
    case 'discarded':
      return `: discarded${visible(after)}`
    case 'dead':
      return visible(`: dead after ${tries}${letter === undefined ? '' : ` [${letter}]`}${after}: ${firstLine(error)}`)
    case 'retrying':
      return error === undefined
        ? `: begins ${soon(next)}`
        : visible(`: failed ${tries}, again ${soon(next)}${after}: ${firstLine(error)}`)
    case 'held':
      return ': held behind another message of its key'
    case 'unread':
      return `: not read yet${unread === undefined ? '' : `, ${counted(unread, 'message')} to read`}`
    case 'unsent':
      return ': has not been sent'
    case 'missing':
      return ': missing: it was read, and nothing says that it was handled'
    case 'unknown':
      return ': its service does not answer'
  }
}

const soon = (next: number | undefined): string => (next === undefined || next <= 0 ? 'now' : `in ${durationText(next)}`)

function callLine({ service, operation, outcome, answer, time }: StoryAnswer, branch: string): Line {
  const { code, message } = (answer ?? {}) as { readonly code?: string; readonly message?: string }
  const text = `called ${service}.${operation}`
  if (outcome === 'refused') return { branch, mark: '✗', style: 'red', text: visible(`${text}: ${code}: ${message}`), time }
  return outcome === 'answered'
    ? { branch, mark: '✓', style: 'dim', text: visible(text), time }
    : { branch, mark: '?', style: 'yellow', text: visible(`${text}: nobody knows how it ended`), time }
}

const STEPS: Readonly<Record<string, readonly [string, Style]>> = {
  done: ['✓', 'green'],
  undone: ['↺', 'yellow'],
  skipped: ['−', 'yellow'],
  failed: ['✗', 'red'],
}

function sagasText({ sagas }: Story, layout: Layout): readonly string[] {
  return sagas.flatMap((saga) => ['', ...sagaText(saga, layout)])
}

function sagaText(
  { service, saga, id, state, began, reason, failure, steps, todo }: StorySaga,
  layout: Layout,
): readonly string[] {
  const style = state === 'paused' ? 'red' : state === 'completed' ? 'green' : 'yellow'
  const why = reason ?? (failure === null ? undefined : `${failure.code}: ${failure.message}`)
  return [
    `Saga ${paint(layout, 'bold', visible(saga))} ${visible(JSON.stringify(id))} of ${service}: ${paint(layout, style, state)}`,
    ...steps.map(({ kind, name, state: came, tries, began: from, error }) => {
      const [mark, own] = STEPS[came] ?? [error === null ? '…' : '↻', 'yellow' as const]
      const said = error === null ? '' : `: ${firstLine(error)}`
      const text = `${kind} ${name}${STEPS[came] === undefined || tries > 1 ? `, ${came}${tries > 1 ? ` after ${tries} tries` : ''}` : ''}${said}`
      return `  ${paint(layout, own, mark)} ${padTo(`+${durationText(Math.max(0, from - began))}`, 9)} ${shortened(visible(text), layout, 14)}`
    }),
    ...(why === undefined ? [] : [hang('  Why: ', visible(firstLine(why)), layout.columns)]),
    ...(state === 'completed' || state === 'compensated' ? [] : [hang('  To do: ', visible(todo), layout.columns)]),
  ]
}

function pathsText({ choreographies }: Story, layout: Layout): readonly string[] {
  return choreographies.flatMap(({ choreography, key, path, missing, ended }) => [
    '',
    `Choreography ${paint(layout, 'bold', visible(choreography))} ${visible(JSON.stringify(key))}${ended ? ': ended' : ''}`,
    ...path.map(({ event }) => `  ${paint(layout, 'green', '✓')} ${visible(event)}`),
    ...missing.map(
      ({ event, late }) =>
        `  ${paint(layout, late ? 'red' : 'yellow', late ? '?' : '…')} ${visible(event)}${late ? ': late' : ': to come'}`,
    ),
  ])
}

/** The picture of a trace is `dure trace`; here is what failed. */
function spansText({ spans }: Story, layout: Layout): readonly string[] {
  if (spans.length === 0) return []
  const traces = [...new Set(spans.map(({ traceId }) => traceId))]
  const failed = spans.filter((span): span is StorySpan & { readonly error: string } => span.error !== undefined)
  return [
    '',
    `${counted(spans.length, 'span')} of ${counted(traces.length, 'trace')}: ${traces
      .slice(0, 3)
      .map((id) => `dure trace ${id.slice(0, 8)}`)
      .join(', ')}`,
    ...failed
      .slice(0, 10)
      .map(({ name, service, error }) =>
        hang(`  ${paint(layout, 'red', '✗')} `, visible(`${name} (${service}): ${firstLine(error)}`), layout.columns),
      ),
  ]
}

function reasonsText({ reasons, cutOff, unseen }: Story, layout: Layout): readonly string[] {
  const shown = reasons.slice(0, 10).map((why) => hang('- ', visible(why), layout.columns))
  const more = reasons.length > 10 ? [`- and ${reasons.length - 10} more; --json has them all`] : []
  const limits = [...cutOff, ...unseen].map((why) => paint(layout, 'dim', hang('Not seen: ', visible(why), layout.columns)))
  return [...(shown.length > 0 ? ['', 'Not done:', ...shown, ...more] : []), ...(limits.length > 0 ? ['', ...limits] : [])]
}

function shortened(text: string, { columns }: Layout, before: number): string {
  return columns === Infinity ? text : shorten(text, columns - before)
}

function firstLine(error: string | undefined): string {
  return (error ?? '').split('\n', 1)[0]!.trim()
}
