/** What a new version of a schema breaks for those who write its values, and for those who read them. */
import { compareRefinements, type Change, type Report } from './compat-refinements.ts'
import { unfits, type Unfit } from './fit.ts'
import { opened } from './json-schema.ts'
import { mayBeUndefined } from './keywords.ts'
import type { JsonSchema } from './schema.ts'

const nothing: JsonSchema = { 'x-dure-type': 'undefined' }

/** What each kind of misfit means, and in which words; what is not in it means nothing here. */
type Meanings = Readonly<Partial<Record<Unfit['kind'], readonly [Change['level'], (misfit: Unfit) => string]>>>

/** Reports what misfits mean, and answers their places; places that were told before are left out. */
function tell(
  where: string,
  misfits: readonly Unfit[],
  meanings: Meanings,
  report: Report,
  told: ReadonlySet<string>,
): Set<string> {
  for (const misfit of misfits) {
    const meaning = meanings[misfit.kind]
    if (meaning !== undefined && !told.has(misfit.path)) report(meaning[0], place(where, misfit), meaning[1](misfit))
  }
  return new Set(misfits.map(({ path }) => path))
}

/** Of an old input that the new one does not take. */
const takenNoMore: Meanings = {
  missing: ['breaking', ({ from }) => (from === 'gone' ? 'is new and required: callers do not send it' : 'is required now')],
  extra: ['notice', () => 'is ignored now'],
  closed: [
    'breaking',
    ({ from }) => (from === 'dropped' ? 'refuses keys that it does not know (it ignored them)' : 'is refused now'),
  ],
  literal: ['breaking', ({ from }) => `no longer takes ${from}`],
  bound: ['breaking', ({ from, to }) => `is narrower: ${to} (was ${from})`],
  default: ['notice', ({ from, to }) => `stands for ${to} when missing (was ${from})`],
  type: ['breaking', ({ from, to }) => `no longer takes ${from} (takes ${to})`],
}

/** Of a new input that the old one did not take. */
const takenNow: Meanings = {
  missing: ['compatible', () => 'is optional now'],
  extra: ['compatible', () => 'may be given now'],
  closed: [
    'compatible',
    ({ from }) => (from === 'dropped' ? 'ignores keys that it does not know (it refused them)' : 'may be given now'),
  ],
  literal: ['compatible', ({ from }) => `takes ${from} as well`],
  bound: ['compatible', ({ from, to }) => `is wider: ${from} (was ${to})`],
  type: ['compatible', ({ from }) => `takes ${from} as well`],
}

/** Of a new output that readers of the old one do not understand. */
const givenNow = (readers: 'callers' | 'subscribers'): Meanings => ({
  missing: ['breaking', ({ from }) => (from === 'gone' ? 'is gone' : 'may be missing now')],
  extra: ['compatible', () => 'is new'],
  closed: ['breaking', () => 'may be there now'],
  literal: ['breaking', ({ from }) => `may be ${from}, which ${readers} do not know`],
  bound: ['breaking', ({ from, to }) => `is wider: ${from} (was ${to})`],
  type: ['breaking', ({ from, to }) => `may be ${from} (was ${to})`],
})

/** Of an old output that does not come any more. */
const givenNoMore: Meanings = {
  missing: ['compatible', () => 'is always there now'],
  extra: ['notice', () => 'is never there any more (it was optional)'],
  literal: ['compatible', ({ from }) => `is never ${from} any more`],
  bound: ['compatible', ({ from, to }) => `is narrower: ${to} (was ${from})`],
  type: ['compatible', ({ from }) => `is never ${from} any more`],
}

/** Callers write it: what they wrote must still be taken. */
export function compareInput(where: string, before: JsonSchema | undefined, after: JsonSchema | undefined, report: Report): void {
  if (before === undefined && after === undefined) return
  if (before !== undefined && after === undefined) return report('notice', where, 'is ignored now')
  if (before === undefined)
    return mayBeUndefined(after) ? report('compatible', where, 'may be given now') : report('breaking', where, 'is needed now')
  if (mayBeUndefined(before) && before['x-dure-type'] !== 'unknown' && !mayBeUndefined(after))
    report('breaking', where, 'is needed now')
  const told = tell(where, unfits(before, after ?? nothing), takenNoMore, report, none)
  tell(where, unfits(after ?? nothing, before), takenNow, report, told)
  if (after !== undefined) compareRefinements(where, 'input', before, after, 'callers', report)
}

/** The service writes it: those who read it must still understand everything that may come. */
export function compareOutput(
  where: string,
  before: JsonSchema | undefined,
  after: JsonSchema | undefined,
  readers: 'callers' | 'subscribers',
  report: Report,
): void {
  if (before === undefined && after === undefined) return
  if (before === undefined) return report('compatible', where, 'is new')
  if (after === undefined) return report('breaking', where, 'is gone', readers)
  if (mayBeUndefined(after) && after['x-dure-type'] !== 'unknown' && !mayBeUndefined(before))
    report('breaking', where, 'may be missing now', readers)
  const toReaders: Report = (level, at, message) => report(level, at, message, level === 'breaking' ? readers : 'nobody')
  const told = tell(where, unfits(after, opened(before)), givenNow(readers), toReaders, none)
  tell(where, unfits(before, opened(after)), givenNoMore, report, told)
  compareRefinements(where, 'output', before, after, readers, report)
}

const none: ReadonlySet<string> = new Set()

export const place = (where: string, { path }: Unfit): string => (path === '' ? where : `${where} at ${path}`)
