import type { TraceLine } from '../kernel/kernel.ts'
import { hang, padTo, textWidth } from '../text.ts'
import type { Outcome } from './outcome.ts'

/** What goes on all the time and says nothing about a failure. */
const NOISE = /dure-broker\.(beat|deliveries|settle|lag|open)|\.dure\.|dure\.process/
const QUIET: ReadonlySet<string> = new Set([
  'select',
  'more sent',
  'more came',
  'store opens',
  'broker opens',
  'declare',
  'declare done',
  'commit',
  'subscribe',
  'subscribe done',
])

/**
 * What became of a run, in words. What a message says beyond its first line stands below it, indented.
 *
 * @example
 * ```ts
 * import { describeOutcome, simulate } from '@dure/simulation'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: () => new Date(0) } })
 * const outcome = await simulate({
 *   seed: 1,
 *   simulation: {
 *     system: system('time', { services: [clock] }),
 *     load: { duration: 1_000, step: async ({ client }) => void (await client(Clock).now()) },
 *     placements: ['together'],
 *     invariants: {
 *       'time goes on': async ({ client }) => {
 *         if (Number(await client(Clock).now()) === 0) throw new Error('it stands still')
 *       },
 *     },
 *   },
 * })
 * console.log(describeOutcome(outcome)) // → seed 1, together: "time goes on" does not hold: it stands still
 * ```
 */
export function describeOutcome(outcome: Outcome): string {
  const head = `seed ${outcome.seed}, ${outcome.placed}: `
  switch (outcome.kind) {
    case 'held':
      return `${head}held`
    case 'violated':
      return `${head}"${outcome.invariant}" does not hold: ${indented(outcome.message)}`
    case 'stuck':
      return `${head}stuck: ${indented(outcome.message)}`
    case 'failed':
      return `${head}failed: ${indented(outcome.message)}`
    case 'nondeterministic':
      return `${head}not deterministic: ${indented(outcome.message)}`
    case 'escaped':
      return `${head}it began work of the real world, which a simulation cannot end: ${indented(outcome.message)}`
  }
}

function indented(message: string): string {
  return message
    .trim()
    .split('\n')
    .filter((line) => line.trim() !== '')
    .join('\n  ')
}

export type TimelineOptions = {
  /** Lines, the first of them; default 400. */
  readonly most?: number
  /** Where lines are folded; default: nowhere. */
  readonly columns?: number
  /** What becomes of a line that tells of a fault, such as colour. */
  readonly fault?: (line: string) => string
}

/** Milliseconds of quiet that set off what comes after them. */
const QUIET_TIME = 50

/**
 * The recorded lines of a run as a person reads them: one a step, with faults set off and a gap where time passes; what goes
 * on all the time is left out.
 *
 * @example
 * ```ts
 * import { simulate, timeline } from '@dure/simulation'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: () => new Date(0) } })
 * const outcome = await simulate({
 *   seed: 1,
 *   record: true,
 *   simulation: {
 *     system: system('time', { services: [clock] }),
 *     load: { duration: 2_000, step: async ({ client }) => void (await client(Clock).now()) },
 *     invariants: { 'somebody can be asked': async ({ client }) => void (await client(Clock).now()) },
 *   },
 * })
 * console.log(timeline(outcome, { columns: 80 }).includes('user 0 step 0')) // → true
 * ```
 */
export function timeline(outcome: Outcome, options: TimelineOptions = {}): string {
  const { most = 400, columns = Infinity, fault = (line) => line } = options
  const lines = joined(withoutArrived(withOrder(outcome.lines).filter(isTelling)))
  const from = lines.findIndex(({ who, what }) => what === 'step' || who === 'fault')
  const shown = lines.slice(Math.max(0, from), lines.length).slice(0, most)
  if (shown.length === 0) return 'Nothing happened'
  const width = Math.min(24, Math.max(8, ...shown.map(({ who }) => textWidth(who))))
  const text: string[] = [`${'seconds'.padStart(10)}  ${'who'.padEnd(width)}  what`]
  shown.forEach(({ time, who, what, detail = '' }, at) => {
    const before = shown[at - 1]
    if (before === undefined || time - before.time >= QUIET_TIME) text.push('')
    const moment = (time / 1_000).toFixed(4).padStart(10)
    const whole = who === 'fault' ? `${what}: ${detail}` : `${what}${detail === '' ? '' : ` ${shortIds(detail)}`}`
    const name = who === 'fault' ? '!'.repeat(width) : padTo(who, width)
    const folded = hang(`${moment}  ${name}  `, whole, columns).split('\n')
    text.push(...(who === 'fault' ? folded.map(fault) : folded))
  })
  const left = lines.length - Math.max(0, from) - shown.length
  if (left > 0) text.push('', `… and ${left} lines more`)
  return text.join('\n')
}

/** A transaction that is committed with nothing in between is one line, and so is a publication that is answered. */
function joined(lines: readonly TraceLine[]): readonly TraceLine[] {
  const published = new Set<string>()
  const told: TraceLine[] = []
  for (const line of lines) {
    const { who, what, detail = '' } = line
    const before = told.at(-1)
    if (what === 'publish') published.add(`${who} ${detail}`)
    if (what === 'publish done' && published.delete(`${who} ${detail}`)) continue
    if (what === 'committed' && before?.what === 'transaction' && before.who === who && before.detail === line.detail)
      told[told.length - 1] = { ...before, detail: `${detail}, committed` }
    else told.push(line)
  }
  return told
}

/** An event as the simulated broker names it: type, id and key. */
const EVENT = /([^\s,]+) ([0-9a-f]{8}-[0-9a-f-]{27}) ("(?:[^"\\]|\\.)*")/g

/** Effects are told with their event's key, and where one comes after that of an event published later, that is said. */
function withOrder(lines: readonly TraceLine[]): readonly TraceLine[] {
  const published = new Map<string, { readonly place: number; readonly about: string }>()
  const last = new Map<string, { readonly place: number; readonly id: string }>()
  return lines.map((line) => {
    const { what, detail = '' } = line
    if (what === 'publish' || what === 'send')
      for (const [, type, id, key] of detail.matchAll(EVENT))
        if (!published.has(id!)) published.set(id!, { place: published.size, about: `${type} ${key}` })
    if (what !== 'took effect') return line
    const at = detail.lastIndexOf(' ')
    const [consumer, id] = [detail.slice(0, at), detail.slice(at + 1)]
    const event = published.get(id)
    if (event === undefined) return line
    const ofKey = `${consumer} ${event.about}`
    const before = last.get(ofKey)
    if (before === undefined || before.place < event.place) last.set(ofKey, { place: event.place, id })
    const turned = before !== undefined && before.place > event.place
    const told = `${consumer}: ${event.about} ${id}`
    return { ...line, detail: turned ? `${told} — turns the order round: ${before.id} of this key was published later` : told }
  })
}

/** What was sent and came is told once, when it came; what never came is told as sent. */
function withoutArrived(lines: readonly TraceLine[]): readonly TraceLine[] {
  const sent = new Map<string, number[]>()
  const arrived = new Set<number>()
  lines.forEach(({ what, detail = '' }, at) => {
    if (what.endsWith(' sent')) {
      const key = `${what.slice(0, -5)} ${detail}`
      sent.set(key, [...(sent.get(key) ?? []), at])
    } else if (what.endsWith(' came')) {
      const first = sent.get(`${what.slice(0, -5)} ${detail}`)?.shift()
      if (first !== undefined) arrived.add(first)
    }
  })
  return lines.filter((_, at) => !arrived.has(at))
}

function isTelling({ who, what, detail }: TraceLine): boolean {
  if (who === 'fault') return true
  return !QUIET.has(what) && (detail === undefined || !NOISE.test(detail))
}

/** The last digits of an id are enough to tell messages apart. */
function shortIds(text: string): string {
  return text.replaceAll(
    /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-([0-9a-f]{12})/g,
    (_, end: string) => `…${end.slice(-6)}`,
  )
}
