/** Refusing contracts that could not be kept under every placement, before anything is started. */
import { accessProblems } from './access.ts'
import type { AnyContract } from './definition.ts'
import { STATUSES } from './errors.ts'
import type { AnyEvent } from './event.ts'
import { fieldsOf, type Field } from './fields.ts'
import { drawing, notASchema } from './json-schema.ts'
import { wrongNumbers } from './numbers.ts'
import type { AnyOperation } from './operation.ts'
import type { AnyRequest } from './request.ts'
import { routeOf, type Route } from './route.ts'
import type { AnySchema, Side } from './schema.ts'
import { typeOf } from './type-of.ts'

/** One thing that is wrong with a contract. */
export type ContractProblem = {
  /** `orders.place input at lines[].when` */
  readonly where: string
  readonly found: string
  /** What to do about it. */
  readonly fix: string
}

/**
 * A contract that cannot be kept. `problems` names every place, not the first one only.
 *
 * @example
 * ```ts
 * import { contract, ContractError, query } from 'dure/contract'
 * import { z } from 'zod'
 *
 * try {
 *   contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.function() }) } })
 * } catch (error) {
 *   if (error instanceof ContractError) console.log(error.problems[0]?.where) // → clock.now output
 * }
 * ```
 */
export class ContractError extends Error {
  override readonly name = 'ContractError'
  readonly problems: readonly ContractProblem[]

  constructor(contract: string, problems: readonly ContractProblem[]) {
    const lines = problems.map(({ where, found, fix }) => `\n  ${where}: found ${found}. ${fix}`)
    super(
      `Cannot define the contract "${contract}": ${problems.length === 1 ? 'one problem' : `${problems.length} problems`}${lines.join('')}`,
    )
    this.problems = problems
  }
}

type Report = (where: string, found: string, fix: string) => void

/** @throws {ContractError} */
export function checkContract(contract: AnyContract): void {
  const problems: ContractProblem[] = []
  const report: Report = (where, found, fix) => void problems.push({ where, found, fix })
  const name = typeof contract.name === 'string' ? contract.name : '(no name)'
  identity(contract, name, report)
  const routes = new Map<string, string>()
  for (const [key, operation] of Object.entries(contract.operations)) {
    const where = `${name}.${key}`
    operationName(where, key, report)
    if (!isOperation(operation))
      report(where, `${show(operation)} instead of an operation`, 'Use command(…), query(…), stream(…) or channel(…)')
    else checkOperation(where, operation, routes, report)
  }
  const names = new Set<string>()
  contract.events.forEach((event, at) => {
    if (!isEvent(event)) return report(`${name} events[${at}]`, `${show(event)} instead of an event`, 'Use event(…)')
    const where = `${name} event ${show(event.name)}`
    if (names.has(event.name)) report(where, 'the name twice', 'Give each event of a contract a name of its own')
    names.add(event.name)
    checkEvent(where, event, report)
  })
  for (const request of contract.requests ?? []) {
    if (!isEvent(request) || typeof (request as Partial<AnyRequest>).errors !== 'object') {
      report(`${name} requests`, `${show(request)} instead of a request`, 'Use request(…)')
      continue
    }
    const where = `${name} request ${show(request.name)}`
    if (names.has(request.name)) report(where, 'the name twice', 'Give each event and request of a contract a name of its own')
    names.add(request.name)
    checkEvent(where, request, report)
    checkSchema(`${where} output`, request.output, 'output', report)
    checkErrors(where, request, report)
  }
  if (contract.numbers !== undefined)
    for (const { where, found } of wrongNumbers(contract.numbers))
      report(`${name} numbers${where && ` of ${where}`}`, found, 'Give what "dure docs --format numbers" writes')
  if (problems.length > 0) throw new ContractError(name, problems)
}

const semver =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/

function identity(contract: AnyContract, where: string, report: Report): void {
  const { name, version, owner } = contract
  // The name becomes a host name, a topic prefix and a file name.
  if (typeof name !== 'string' || name.length > 63 || !/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(name))
    report(
      where,
      `the name ${show(name)}`,
      'Use lower-case letters, digits and single hyphens, starting with a letter: "order-history"',
    )
  if (typeof version !== 'string' || !semver.test(version))
    report(where, `the version ${show(version)}`, 'Use a semantic version: "1.0.0"')
  if (typeof owner !== 'string' || owner.trim() === '')
    report(where, `the owner ${show(owner)}`, 'Name the team that answers for the service')
  description(where, contract.description, report)
}

// A client is an object of operations: `then` would make it a promise, and inherited names would shadow its own.
const reserved = new Set(['then', 'toJSON', ...Object.getOwnPropertyNames(Object.prototype)])

function operationName(where: string, key: string, report: Report): void {
  if (reserved.has(key))
    report(where, `the operation name "${key}", which JavaScript gives a meaning of its own`, 'Use another name')
  else if (!/^[a-z][A-Za-z0-9]*$/.test(key))
    report(where, `the operation name "${key}"`, 'Use camelCase letters and digits: "placeOrder"')
}

function checkOperation(where: string, operation: AnyOperation, routes: Map<string, string>, report: Report): void {
  description(where, operation.description, report)
  // What a timer can wait for; `runtime` says the same of every wait.
  if (!(typeof operation.deadline === 'number' && operation.deadline > 0 && operation.deadline <= 2_147_483_647))
    report(where, `the deadline ${show(operation.deadline)}`, 'Use milliseconds above 0, up to 2147483647')
  const { access, scope, roles, authorize } = operation
  for (const [found, fix] of accessProblems({ access, scope, roles, authorize }, show)) report(where, found, fix)
  checkPolicy(where, operation.policy ?? {}, report)
  checkKey(where, operation, report)
  checkSchema(`${where} input`, operation.input, 'input', report)
  checkSchema(`${where} output`, operation.output, 'output', report)
  if (operation.kind === 'channel' && operation.incoming === undefined)
    report(`${where} incoming`, 'no schema', 'Say what its caller sends: channel({ incoming: … }); or use stream(…)')
  checkSchema(`${where} incoming`, operation.incoming, 'input', report)
  checkErrors(where, operation, report)
  if (operation.bindings.http !== undefined) checkHttp(where, operation, routes, report)
}

function checkKey(where: string, { key, kind }: AnyOperation, report: Report): void {
  if (key === undefined) return
  const place = `${where} key`
  if (typeof key !== 'function') report(place, show(key), 'Use a function of the input: (input) => input.cartId')
  else if (kind !== 'command' && kind !== 'query')
    report(place, `a ${kind}`, 'Leave the key out, or use a command or a query: one that takes long would hold up its key')
}

/** Numbers of a policy: above 0, up to this. */
const POLICY: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  rateLimit: { rate: 2_147_483_647, per: 2_147_483_647, burst: 2_147_483_647 },
  bulkhead: { concurrency: 2_147_483_647, queue: 2_147_483_647 },
  breaker: { minimumCalls: 2_147_483_647, failureRate: 1, slowCall: 2_147_483_647, slowCallRate: 1 },
}
const NEEDED: Readonly<Record<string, string>> = { rateLimit: 'rate', bulkhead: 'concurrency' }

function checkPolicy(where: string, policy: unknown, report: Report): void {
  const place = `${where} policy`
  if (typeof policy !== 'object' || policy === null) return report(place, show(policy), 'Use { rateLimit: { rate: 100 } }')
  for (const [kind, said] of Object.entries(policy)) {
    if (kind === 'priority' && ['high', 'normal', 'low'].includes(said as string)) continue
    const numbers = POLICY[kind]
    if (numbers === undefined || typeof said !== 'object' || said === null) {
      report(
        `${place} ${kind}`,
        show(said),
        'Use rateLimit, bulkhead or breaker with their numbers, or a priority: "high", "normal", "low"',
      )
      continue
    }
    const given = said as Readonly<Record<string, unknown>>
    for (const name of new Set([...(NEEDED[kind] === undefined ? [] : [NEEDED[kind]]), ...Object.keys(given)])) {
      const value = given[name]
      const most = Object.hasOwn(numbers, name) ? numbers[name]! : 0
      const least = name === 'queue' ? -1 : 0
      if (typeof value !== 'number' || !(value > least && value <= most))
        report(
          `${place} ${kind}.${name}`,
          show(value),
          `Use ${Object.keys(numbers).join(', ')}: numbers above 0, up to ${most || 'their bounds'}`,
        )
    }
  }
}

function checkErrors(where: string, operation: Pick<AnyOperation, 'errors'>, report: Report): void {
  const codes = new Map<string, string>()
  for (const [key, declared] of Object.entries(operation.errors as Record<string, unknown>)) {
    const place = `${where} error ${key}`
    if (!isErrorType(declared)) {
      report(place, `${show(declared)} instead of a declared error`, "Use error('CODE', …)")
      continue
    }
    const { code, status, http } = declared
    if (Object.hasOwn(STATUSES, code))
      report(
        place,
        `the code "${code}", which is a canonical status`,
        'Name what went wrong in the words of the domain: "OUT_OF_STOCK"',
      )
    else if (!/^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*$/.test(code))
      report(place, `the code ${show(code)}`, 'Use UPPER_SNAKE_CASE: "OUT_OF_STOCK"')
    const other = codes.get(code)
    if (other !== undefined)
      report(place, `the code "${code}", which ${other} has as well`, 'Give each error of an operation a code of its own')
    codes.set(code, key)
    if (!Object.hasOwn(STATUSES, status))
      report(place, `the status ${show(status)}`, `Use one of ${Object.keys(STATUSES).join(', ')}`)
    if (!Number.isInteger(http) || http < 400 || http > 599)
      report(place, `the HTTP status ${show(http)}`, 'Use one from 400 to 599')
    description(place, declared.description, report)
    checkSchema(`${place} data`, declared.data, 'output', report)
  }
}

function checkHttp(where: string, operation: AnyOperation, routes: Map<string, string>, report: Report): void {
  const place = `${where} http`
  const { status, routes: texts } = operation.bindings.http!
  if (!Number.isInteger(status) || status < 200 || status > 299)
    report(place, `the status ${show(status)}`, 'Use one from 200 to 299 for a success; errors say their own')
  if (status === 204 && operation.output !== undefined)
    report(place, 'the status 204 for an operation with an output', 'Use 200: an answer of status 204 has no body')
  if (texts.length === 0) report(place, 'no route', "Name at least one: 'POST /orders'")
  checkHttpCache(place, operation, report)
  const { log } = operation.bindings.http!
  if (log !== undefined && log !== 'bodies') report(place, `the log ${show(log)}`, "Give 'bodies', or leave it out")
  for (const text of texts) {
    const route = routeOf(text)
    if ('problem' in route) {
      report(place, route.problem, "Use a method, one space and a path: 'GET /orders/{id}'")
      continue
    }
    const other = routes.get(route.identity)
    if (other !== undefined)
      report(
        place,
        `"${text}", which ${other === where ? 'is there already' : `is a route of ${other}`}`,
        'Give each operation a route of its own',
      )
    routes.set(route.identity, where)
    if (route.method === 'GET' && operation.kind === 'command')
      report(place, `"${text}" for a command`, 'Use POST, PUT, PATCH or DELETE: GET promises to change nothing')
    checkParameters(place, text, route, operation, report)
  }
}

function checkHttpCache(place: string, { kind, bindings }: AnyOperation, report: Report): void {
  const { cache, routes } = bindings.http!
  if (cache === undefined) return
  if (kind !== 'query' || !routes.some((text) => text.startsWith('GET ')))
    report(place, 'a cache for what is no query by GET', 'Leave `cache` out: nobody between would keep the answer')
  for (const name of ['fresh', 'stale'] as const) {
    const value = cache[name]
    if (value === undefined && name === 'stale') continue
    if (!Number.isSafeInteger(value) || value! < 0 || value! % 1_000 !== 0)
      report(place, `the cache ${name} of ${show(value)}`, 'Give milliseconds that are whole seconds: HTTP says no others')
  }
}

function checkParameters(place: string, text: string, route: Route, operation: AnyOperation, report: Report): void {
  const input: AnySchema | undefined = operation.input
  const bodiless = route.method === 'GET' || route.method === 'DELETE'
  if (input !== undefined && notASchema(input) !== undefined) return
  const fields = input === undefined ? new Map<string, Field>() : fieldsOf(typeOf(drawing(input, 'input').annotated))
  if (fields === undefined) {
    if (bodiless || route.parameters.length > 0)
      report(
        place,
        `"${text}" for an input that is not an object`,
        bodiless ? 'Use POST, or an object whose fields become parameters' : 'Use an object with a field for each parameter',
      )
    return
  }
  if (bodiless)
    for (const [name, field] of fields)
      if (field.required && !field.single && !field.list)
        report(
          place,
          `"${text}", which cannot carry the field "${name}"`,
          'Use POST, or fields that are one value or a list of values',
        )
  for (const name of route.parameters) {
    const field = fields.get(name)
    if (field === undefined)
      report(
        place,
        `"${text}", whose {${name}} is no field of the input`,
        `Add "${name}" to the input, or use one of its fields: ${[...fields.keys()].join(', ') || '(none)'}`,
      )
    else if (!field.single)
      report(place, `"${text}", whose {${name}} is an object or a list`, 'Use a field that can be written as one piece of text')
  }
}

function checkEvent(where: string, event: AnyEvent, report: Report): void {
  // The name becomes a topic's, so it keeps to what every broker takes.
  if (event.name.length > 200 || !/^[a-z][A-Za-z0-9_-]*(?:\.[a-z][A-Za-z0-9_-]*)*$/.test(event.name))
    report(
      where,
      `the event name ${show(event.name)}`,
      'Use words of letters, digits, "-" and "_" joined by dots, each starting with a lower-case letter: "order.placed"',
    )
  description(where, event.description, report)
  if (!Number.isInteger(event.version) || event.version < 1)
    report(where, `the version ${show(event.version)}`, 'Use a whole number from 1 on')
  for (const [from, upcast] of Object.entries(event.upcast)) {
    const version = Number(from)
    if (!Number.isInteger(version) || version < 1 || version >= event.version)
      report(
        where,
        `an upcast from version ${from}`,
        `Use versions from 1 to ${event.version - 1}: each leads to the next, up to version ${event.version}`,
      )
    else if (typeof upcast !== 'function')
      report(where, `${show(upcast)} as upcast from version ${from}`, 'Use a function from the old data to the new')
  }
  if (event.schema === undefined)
    report(`${where} schema`, 'no schema', 'Say what the event carries: event(name, { schema: z.object({…}), key })')
  checkSchema(`${where} schema`, event.schema, 'output', report)
}

function checkSchema(where: string, schema: unknown, side: Side, report: Report): void {
  if (schema === undefined) return
  const trouble = notASchema(schema)
  if (trouble !== undefined) return report(where, trouble.found, trouble.fix)
  for (const problem of drawing(schema as AnySchema, side).problems)
    report(problem.where === '' ? where : `${where} at ${problem.where}`, problem.found, problem.fix)
}

function description(where: string, value: unknown, report: Report): void {
  if (value !== undefined && typeof value !== 'string') report(`${where} description`, show(value), 'Use a sentence')
}

function isOperation(value: unknown): value is AnyOperation {
  const operation = value as AnyOperation | null | undefined
  return (
    typeof operation === 'object' &&
    operation !== null &&
    ['command', 'query', 'stream', 'channel'].includes(operation.kind) &&
    typeof operation.errors === 'object'
  )
}

function isEvent(value: unknown): value is AnyEvent {
  const event = value as AnyEvent | null | undefined
  return (
    typeof event === 'object' &&
    event !== null &&
    typeof event.name === 'string' &&
    typeof event.key === 'function' &&
    typeof event.upcast === 'object'
  )
}

type DeclaredShape = { code: string; status: string; http: number; data: unknown; description: unknown }
function isErrorType(value: unknown): value is DeclaredShape {
  return typeof value === 'function' && typeof (value as unknown as DeclaredShape).code === 'string'
}

/** A value in a few words; what is cyclic or long is only named. */
function show(value: unknown): string {
  if (typeof value === 'string') return `"${value.length > 80 ? `${value.slice(0, 80)}…` : value}"`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
