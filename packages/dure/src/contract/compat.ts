/** What a new version of a contract breaks, and for whom, in words. */
import { needsPrincipal } from './access.ts'
import type { Change, Report } from './compat-refinements.ts'
import { compareInput, compareOutput, place } from './compat-values.ts'
import type { ContractDescription, ErrorDescription, EventDescription, OperationDescription } from './describe.ts'
import { unfits, type Unfit } from './fit.ts'
import { opened } from './json-schema.ts'
import { compareNumbers } from './compat-numbers.ts'
import { plainSchema } from './plain-schema.ts'
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
  compareRequests(name, before.requests ?? {}, after.requests ?? {}, report)
  compareNumbers(name, before.numbers, after.numbers, report)
  return changes
}

/**
 * The same of one event's schema in two JSON Schema documents, such as a registry keeps: what its readers do not understand, and what
 * of the events that are stored does not fit.
 * @throws {TypeError} when one refers to what is not in it
 */
export function compareDocuments(where: string, before: JsonSchema, after: JsonSchema): readonly Change[] {
  const changes: Change[] = []
  const [old, now] = [plainSchema(before), plainSchema(after)]
  compareOutput(
    where,
    old,
    now,
    'subscribers',
    (level, at, message, breaks = 'nobody') => void changes.push({ level, where: at, message, breaks }),
  )
  const misfit = storedMisfit(old, now)
  if (misfit !== undefined)
    changes.push({ level: 'breaking', where: place(where, misfit), message: 'does not fit stored events', breaks: 'history' })
  return changes
}

/** Where, and why, values that were written by one JSON Schema document are not all read by another. Empty: they are. */
export function misreadings(writer: JsonSchema | boolean, reader: JsonSchema | boolean): readonly string[] {
  return unfits(plainSchema(writer), plainSchema(reader)).flatMap(({ kind, path, from, to }) => {
    const at = path === '' ? 'The value' : `"${path}"`
    if (kind === 'missing') return [`${at} is required, and ${from === 'gone' ? 'never written' : 'not always written'}`]
    if (kind === 'closed') return [`${at} is written, and refused`]
    return kind === 'extra' || kind === 'default' ? [] : [`${at} is written as ${from}, and read as ${to}`]
  })
}

type Requests = NonNullable<ContractDescription['requests']>

function compareRequests(name: string, before: Requests, after: Requests, report: Report): void {
  for (const [key, request] of Object.entries(before)) {
    const where = `${name} request "${key}"`
    const now = own(after, key)
    if (now === undefined) {
      report('breaking', where, 'is gone: nobody answers it any more')
      continue
    }
    // What is asked in an older version is made one of the newer.
    const read = now.version > request.version && now.upcasts.includes(request.version)
    compareOperations(where, read && now.input !== undefined ? { ...request, input: now.input } : request, now, report)
    if (now.version < request.version) report('breaking', where, `goes back to version ${now.version} (was ${request.version})`)
    if (request.key !== now.key && request.key !== undefined && now.key !== undefined)
      report('breaking', where, `keeps its order by ${now.key} (was ${request.key})`)
  }
  for (const key of Object.keys(after))
    if (!Object.hasOwn(before, key)) report('compatible', `${name} request "${key}"`, 'is new')
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
  // What its callers say themselves goes before it, so nothing breaks.
  if (JSON.stringify(before.policy) !== JSON.stringify(after.policy))
    report('notice', where, `asks for other policies of its callers: ${JSON.stringify(after.policy ?? {})}`)
  compareAccess(where, before, after, report)
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

function compareAccess(where: string, before: OperationDescription, after: OperationDescription, report: Report): void {
  if (before.scope !== after.scope) {
    if (after.scope === undefined) report('compatible', where, `needs no scope (needed "${before.scope}")`)
    else
      report(
        'breaking',
        where,
        `needs the scope "${after.scope}" (needed ${before.scope === undefined ? 'none' : `"${before.scope}"`}): others get PERMISSION_DENIED`,
      )
  }
  const [had, has] = [before.roles, after.roles]
  const listed = (roles: readonly string[] | undefined): string =>
    roles === undefined ? 'no role' : `one of the roles ${roles.map((role) => `"${role}"`).join(', ')}`
  if (JSON.stringify(had) !== JSON.stringify(has)) {
    const enough = has === undefined || (had?.every((role) => has.includes(role)) ?? false)
    if (enough) report('compatible', where, `needs ${listed(has)} (needed ${listed(had)})`)
    else report('breaking', where, `needs ${listed(has)} (needed ${listed(had)}): others get PERMISSION_DENIED`)
  }
  if (before.authorize !== after.authorize) {
    if (after.authorize) report('breaking', where, 'looks at who calls with which input: some get PERMISSION_DENIED')
    else report('compatible', where, 'no longer looks at who calls with which input')
  }
  const [was, is] = [before, after].map((each) => each.access === 'authenticated')
  if (is && !needsPrincipal(before)) report('breaking', where, 'is for callers that say who they are: others get UNAUTHENTICATED')
  if (was && !needsPrincipal(after)) report('compatible', where, 'is for anybody now')
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
    const why = 'a topic that is there keeps those it has'
    report('notice', where, `asks for ${asked(after.partitions)} partitions (was ${asked(before.partitions)}): ${why}`)
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
  const misfit = storedMisfit(before.schema, after.schema)
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

const storedMisfit = (before: JsonSchema, after: JsonSchema): Unfit | undefined =>
  unfits(before, opened(after)).find(({ kind }) => kind !== 'extra' && kind !== 'default')

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}
