/** What a new version of a contract breaks, and for whom, in words. */
import { compareRefinements, type Change, type Report } from './compat-refinements.ts'
import type { ContractDescription, ErrorDescription, EventDescription, OperationDescription } from './describe.ts'
import { unfits, type Unfit } from './fit.ts'
import { opened } from './json-schema.ts'
import { mayBeUndefined } from './keywords.ts'
import { routeOf } from './route.ts'
import type { JsonSchema } from './schema.ts'

export type { Change } from './compat-refinements.ts'

/**
 * Compares two descriptions of a contract, the older first. Equal descriptions have no changes.
 *
 * @example
 * ```ts
 * import { compareContracts, contract, describeContract, query } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const now = query({ output: z.date() })
 * const before = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now, zone: query({ output: z.string() }) } })
 * const after = contract('clock', { version: '2.0.0', owner: 'team-time', operations: { now } })
 * for (const { level, where, message } of compareContracts(describeContract(before), describeContract(after)))
 *   console.log(level, where, message) // → breaking clock.zone is gone: calls to it fail with UNIMPLEMENTED
 * ```
 */
export function compareContracts(before: ContractDescription, after: ContractDescription): Change[] {
  const changes: Change[] = []
  const report: Report = (level, where, message, breaks = level === 'breaking' ? 'callers' : 'nobody') =>
    void changes.push({ level, where, message, breaks })
  const { name } = after
  if (before.name !== name) report('breaking', name, `was called "${before.name}": nobody finds it under its old name`)
  if (before.owner !== after.owner) report('notice', name, `is owned by ${after.owner} (was ${before.owner})`)
  for (const [key, operation] of Object.entries(before.operations)) {
    const now = own(after.operations, key)
    if (now === undefined) report('breaking', `${name}.${key}`, 'is gone: calls to it fail with UNIMPLEMENTED')
    else compareOperations(`${name}.${key}`, operation, now, report)
  }
  for (const key of Object.keys(after.operations))
    if (!Object.hasOwn(before.operations, key)) report('compatible', `${name}.${key}`, 'is new')
  for (const [key, event] of Object.entries(before.events)) {
    const now = own(after.events, key)
    if (now === undefined) report('breaking', `${name} event "${key}"`, 'is gone: its subscribers wait in vain', 'subscribers')
    else compareEvents(`${name} event "${key}"`, event, now, report)
  }
  for (const key of Object.keys(after.events))
    if (!Object.hasOwn(before.events, key)) report('compatible', `${name} event "${key}"`, 'is new')
  return changes
}

/**
 * Whether the new version number says what the changes do: a breaking change needs a new major version (a new
 * minor one before 1.0.0), any other change a higher version. A sentence when it does not, undefined when it does.
 *
 * @example
 * ```ts
 * import { compareContracts, contract, describeContract, query, versionTrouble } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const clock = (version: string, operation: string) =>
 *   describeContract(contract('clock', { version, owner: 'team-time', operations: { [operation]: query({ output: z.date() }) } }))
 * const [before, after] = [clock('1.0.0', 'now'), clock('1.1.0', 'today')]
 * const trouble = versionTrouble(before, after, compareContracts(before, after))
 * console.log(trouble) // → Version 1.1.0 breaks what 1.0.0 promised: give it version 2.0.0, or keep the promise
 * ```
 */
export function versionTrouble(
  before: ContractDescription,
  after: ContractDescription,
  changes: readonly Change[],
): string | undefined {
  const [old, now] = [numbers(before.version), numbers(after.version)]
  const order = old[0] - now[0] || old[1] - now[1] || old[2] - now[2]
  if (order > 0) return `Version ${after.version} is lower than ${before.version}: give it a higher one`
  if (!changes.some((each) => each.level === 'breaking')) {
    return order === 0 && changes.length > 0 && before.version === after.version
      ? `The contract changed, but its version is still ${after.version}: give it a higher one`
      : undefined
  }
  const enough = old[0] === 0 ? now[0] > 0 || now[1] > old[1] : now[0] > old[0]
  const next = old[0] === 0 ? `0.${old[1] + 1}.0` : `${old[0] + 1}.0.0`
  return enough
    ? undefined
    : `Version ${after.version} breaks what ${before.version} promised: give it version ${next}, or keep the promise`
}

function numbers(version: string): [number, number, number] {
  const [, major, minor, patch] = /^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [undefined, '0', '0', '0']
  return [Number(major), Number(minor), Number(patch)]
}

function compareOperations(where: string, before: OperationDescription, after: OperationDescription, report: Report): void {
  if (before.kind !== after.kind) {
    const harmless = before.kind === 'command' && after.kind === 'query'
    report(harmless ? 'compatible' : 'breaking', where, `is a ${after.kind} (was a ${before.kind})`)
  }
  if (before.idempotent && !after.idempotent)
    report('breaking', where, 'is no longer idempotent: callers that retry it may do it twice')
  if (!before.idempotent && after.idempotent) report('compatible', where, 'is idempotent now')
  if (after.deadline < before.deadline)
    report('breaking', where, `has ${after.deadline} ms (had ${before.deadline} ms): slower calls fail with DEADLINE_EXCEEDED`)
  if (after.deadline > before.deadline) report('compatible', where, `has ${after.deadline} ms (had ${before.deadline} ms)`)
  if (before.scope !== after.scope) {
    if (after.scope === undefined) report('compatible', where, `needs no scope (needed "${before.scope}")`)
    else
      report(
        'breaking',
        where,
        `needs the scope "${after.scope}" (needed ${before.scope === undefined ? 'none' : `"${before.scope}"`}): others get PERMISSION_DENIED`,
      )
  }
  if (!before.deprecated && after.deprecated) report('notice', where, 'is deprecated now')
  compareRoutes(`${where} http`, before.http, after.http, report)
  compareInput(`${where} input`, before.input, after.input, report)
  compareInput(`${where} incoming`, before.incoming, after.incoming, report)
  compareOutput(`${where} output`, before.output, after.output, 'callers', report)
  for (const [code, error] of Object.entries(before.errors)) {
    const now = own(after.errors, code)
    if (now === undefined) report('compatible', `${where} error ${code}`, 'is gone')
    else compareErrors(`${where} error ${code}`, error, now, report)
  }
  for (const [code, { status }] of Object.entries(after.errors))
    if (!Object.hasOwn(before.errors, code))
      report('notice', `${where} error ${code}`, `is new: callers that do not know it see ${status}`)
}

function compareRoutes(
  where: string,
  before: OperationDescription['http'],
  after: OperationDescription['http'],
  report: Report,
): void {
  const identity = (text: string): string => {
    const route = routeOf(text)
    return 'problem' in route ? text : route.identity
  }
  const [old, now] = [before?.routes ?? [], after?.routes ?? []]
  const [known, served] = [new Set(old.map(identity)), new Set(now.map(identity))]
  for (const text of old) if (!served.has(identity(text))) report('breaking', where, `"${text}" is gone: requests to it get 404`)
  for (const text of now) if (!known.has(identity(text))) report('compatible', where, `"${text}" is new`)
  if (before !== undefined && after !== undefined && before.status !== after.status)
    report('breaking', where, `answers with ${after.status} (was ${before.status})`)
}

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
function compareInput(where: string, before: JsonSchema | undefined, after: JsonSchema | undefined, report: Report): void {
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
function compareOutput(
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

function compareErrors(where: string, before: ErrorDescription, after: ErrorDescription, report: Report): void {
  if (before.status !== after.status) report('breaking', where, `has the status ${after.status} (had ${before.status})`)
  if (before.http !== after.http) report('breaking', where, `has the HTTP status ${after.http} (had ${before.http})`)
  compareOutput(`${where} data`, before.data, after.data, 'callers', report)
}

function compareEvents(where: string, before: EventDescription, after: EventDescription, report: Report): void {
  compareOutput(where, before.schema, after.schema, 'subscribers', report)
  if (before.topic !== after.topic)
    report(
      'breaking',
      where,
      `travels on the topic "${after.topic}" (was "${before.topic}"): who reads the old one waits in vain, and what is stored there is not read by who comes later`,
      'subscribers',
    )
  if (before.partitions !== after.partitions) {
    const asked = (count: number | undefined): string => (count === undefined ? "the broker's own number of" : String(count))
    const kept = 'a topic that is there keeps those it has'
    report('notice', where, `asks for ${asked(after.partitions)} partitions (was ${asked(before.partitions)}): ${kept}`)
  }
  if (before.key !== after.key && before.key !== undefined && after.key !== undefined)
    report('breaking', where, `keeps its order by ${after.key} (was ${before.key})`, 'subscribers')
  compareHistory(where, before, after, report)
}

/** Events stored under the old schema are read again: by late subscribers, after a restart, in a replay. */
function compareHistory(where: string, before: EventDescription, after: EventDescription, report: Report): void {
  if (after.version < before.version)
    return report(
      'breaking',
      where,
      `goes back to version ${after.version} (was ${before.version}): newer events are stored`,
      'history',
    )
  const upcasts = new Set(after.upcasts)
  for (const version of before.upcasts)
    if (!upcasts.has(version))
      report(
        'breaking',
        where,
        `has no upcast from version ${version} any more: events stored under it cannot be read`,
        'history',
      )
  const misfit = unfits(before.schema, opened(after.schema)).find((each) => each.kind !== 'extra' && each.kind !== 'default')
  if (after.version === before.version) {
    if (misfit !== undefined)
      report(
        'breaking',
        place(where, misfit),
        `does not fit stored events of version ${before.version}: make it version ${before.version + 1} with an upcast from ${before.version}`,
        'history',
      )
    return
  }
  for (let version = before.version; version < after.version; version++) {
    if (upcasts.has(version)) continue
    if (misfit === undefined)
      report(
        'notice',
        where,
        `has no upcast from version ${version}; events stored under version ${before.version} fit as they are`,
      )
    else report('breaking', where, `has no upcast from version ${version}: events stored under it cannot be read`, 'history')
  }
  report('notice', where, `has version ${after.version} (had ${before.version})`)
}

const place = (where: string, { path }: Unfit): string => (path === '' ? where : `${where} at ${path}`)

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}
