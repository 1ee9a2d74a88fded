import type { TraceLine } from '../kernel/kernel.ts'
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

/** Why a run failed, in a few lines. */
export function describeOutcome(outcome: Outcome): string {
  const head = `seed ${outcome.seed}, ${outcome.placed}: `
  switch (outcome.kind) {
    case 'held':
      return `${head}held`
    case 'violated':
      return `${head}"${outcome.invariant}" does not hold: ${outcome.message}`
    case 'stuck':
      return `${head}stuck: ${outcome.message}`
    case 'failed':
      return `${head}failed: ${outcome.message}`
    case 'nondeterministic':
      return `${head}not deterministic: ${outcome.message}`
    case 'escaped':
      return `${head}it began work of the real world, which a simulation cannot end: ${outcome.message}`
  }
}

/**
 * The recorded lines of a run as a person reads them: one a step, with faults set off; what goes on all the time is left
 * out. @param most lines, the last of them; default 400
 */
export function timeline(outcome: Outcome, most = 400): string {
  const lines = withoutArrived(outcome.lines.filter(isTelling))
  const from = lines.findIndex(({ who, what }) => what === 'step' || who === 'fault')
  const shown = lines.slice(Math.max(0, from), lines.length).slice(0, most)
  const width = Math.min(24, Math.max(8, ...shown.map(({ who }) => who.length)))
  const text = shown.map(({ time, who, what, detail = '' }) => {
    const moment = (time / 1_000).toFixed(4).padStart(10)
    const line = `${moment}  ${who.padEnd(width)}  ${what}${detail === '' ? '' : ` ${shortIds(detail)}`}`
    return who === 'fault' ? `${moment}  ${'!'.repeat(width)}  ${what}: ${detail}` : line
  })
  const left = lines.length - Math.max(0, from) - shown.length
  if (left > 0) text.push(`… and ${left} lines more`)
  return text.join('\n')
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
