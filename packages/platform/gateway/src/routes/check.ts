import { SystemError } from 'dure/contract/internal'
import { completeEjection, completeBudget } from 'dure/resilience/internal'
import { COUNT, WAIT, wrongNumber } from 'dure/runtime/internal'
import { checkField } from '../proxy/proxy.ts'
import { addressOf, secureTo, type UpstreamOptions } from '../upstreams/upstreams.ts'
import { METHODS } from '../wire/wire.ts'
import { templateOf } from './path.ts'
import type { GatewayConfiguration, RouteOptions } from './options.ts'
import { isNetwork, placesOf } from './matcher.ts'

/** More than anybody has, and than a process should hold. */
const MOST_ROUTES = 100_000
/** Problems that are named; the others are counted. */
const MOST_PROBLEMS = 20
const HOST = /^(?:\*\*?\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/
const NAME = /^[\w.:@/-]{1,128}$/

/** What is wrong, and where: by the keys that lead there. */
export type Problem = {
  readonly at: readonly string[]
  /** `Route "orders"`. */
  readonly about?: string
  readonly why: string
}

/** Who has which place, by what a route asks for: two with the same could not both be found. */
export type Taken = Map<string, string>

/** @throws {SystemError} naming all that is wrong with it, and where */
export function checkConfiguration(configuration: GatewayConfiguration): Taken {
  const { problems, taken } = checkOf(configuration)
  refuse(problems)
  return taken
}

const PARTS: ReadonlySet<string> = new Set(['version', 'routes', 'upstreams', 'filters', 'tls'])

/** All that is wrong with it. What comes from a file may be anything. */
export function checkOf(configuration: GatewayConfiguration): { readonly problems: readonly Problem[]; readonly taken: Taken } {
  const problems: Problem[] = []
  const taken: Taken = new Map()
  for (const part of ['routes', 'upstreams'] as const)
    if (!isObject(configuration?.[part] ?? (part === 'upstreams' ? {} : undefined)))
      problems.push({ at: [part], why: `"${part}" is no object` })
  if (problems.length > 0) return { problems, taken }
  for (const part of Object.keys(configuration))
    if (!PARTS.has(part)) problems.push({ at: [part], why: `There is "${part}", which is none of ${[...PARTS].join(', ')}` })
  const { version, routes, upstreams = {} } = configuration
  if (version !== undefined && !/^[\w.:+/-]{1,128}$/.test(String(version)))
    problems.push({
      at: ['version'],
      why: 'Its version is none; give up to 128 letters, digits and ".", "-", "_", ":", "+", "/"',
    })
  const names = Object.keys(routes)
  if (names.length > MOST_ROUTES)
    return { problems: [{ at: ['routes'], why: `There are ${names.length} routes; give ${MOST_ROUTES} at most` }], taken }
  for (const [name, upstream] of Object.entries(upstreams))
    for (const why of upstreamProblems(upstream)) problems.push({ at: ['upstreams', name], about: `Upstream "${name}"`, why })
  for (const name of names) problems.push(...takeRoute(name, routes[name]!, taken))
  return { problems, taken }
}

/** Checks one route that comes, changes or goes; answers what takes the check back. @throws {SystemError} */
export function checkRoute(options: {
  readonly name: string
  readonly before: RouteOptions | undefined
  readonly route: RouteOptions | undefined
  readonly taken: Taken
  readonly upstreams: Readonly<Record<string, UpstreamOptions>>
}): () => void {
  const { name, before, route, taken } = options
  const old = before === undefined ? [] : placesOf(name, before)
  for (const place of old) taken.delete(place)
  const undo = (): void => {
    if (route !== undefined) for (const place of placesOf(name, route)) if (taken.get(place) === name) taken.delete(place)
    for (const place of old) taken.set(place, name)
  }
  try {
    if (route !== undefined) refuse(takeRoute(name, route, taken))
  } catch (error) {
    undo()
    throw error
  }
  return undo
}

function refuse(problems: readonly Problem[]): void {
  if (problems.length === 0) return
  throw new SystemError(
    'Cannot use the routes',
    firstOf(problems.map(({ about, why }) => (about === undefined ? why : `${about}: ${why}`))),
  )
}

/** Those that are named, and how many there are besides. */
export function firstOf(problems: readonly string[]): readonly string[] {
  const named = problems.slice(0, MOST_PROBLEMS)
  return problems.length > named.length ? [...named, `and ${problems.length - named.length} more`] : named
}

function takeRoute(name: string, route: RouteOptions, taken: Taken): Problem[] {
  const problems = routeProblems(name, route)
  if (problems.length === 0)
    for (const place of placesOf(name, route)) {
      const other = taken.get(place)
      if (other !== undefined && other !== name) {
        problems.push({ at: [], why: `it asks for the same as route "${other}", so that one of them would never be found` })
        break
      }
      taken.set(place, name)
    }
  return problems.map(({ at, why }) => ({ at: ['routes', name, ...at], about: `Route "${name}"`, why }))
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)

type Shape = 'string' | 'boolean' | 'object' | 'list'
const SHAPES: Readonly<Partial<Record<keyof RouteOptions, Shape>>> = {
  ...{ host: 'string', path: 'string', prefix: 'string', sticky: 'string', idempotent: 'boolean' },
  ...{
    methods: 'list',
    filters: 'list',
    addresses: 'list',
    headers: 'object',
    query: 'object',
    cookies: 'object',
    guard: 'object',
  },
}
const FIELDS: ReadonlySet<string> = new Set([...Object.keys(SHAPES), 'to', 'timeout', 'attemptTimeout', 'attempts'])

const NUMBERS = [
  ...[['timeout', WAIT] as const, ['attemptTimeout', WAIT] as const],
  ['attempts', { ...COUNT, most: 10 }] as const,
]

/** What no compiler has looked at. */
function shapeProblems(route: RouteOptions): Problem[] {
  if (!isObject(route)) return [{ at: [], why: 'it is no object' }]
  const problems = Object.keys(route).flatMap((field): Problem[] =>
    FIELDS.has(field) ? [] : [{ at: [field], why: `it has "${field}", which routes have not` }],
  )
  for (const [field, shape] of Object.entries(SHAPES)) {
    const value: unknown = route[field as keyof RouteOptions]
    const is = shape === 'list' ? Array.isArray(value) : shape === 'object' ? isObject(value) : typeof value === shape
    if (value !== undefined && !is) problems.push({ at: [field], why: `its "${field}" is no ${shape}` })
  }
  const { to } = route as { readonly to: unknown }
  const isTarget = (each: unknown): boolean => isObject(each) && typeof (each as { upstream?: unknown }).upstream === 'string'
  if (typeof to !== 'string' && !(Array.isArray(to) && to.every(isTarget)))
    problems.push({ at: ['to'], why: 'it goes nowhere; give "to", the name of an upstream or a list of { upstream, weight }' })
  return problems
}

function routeProblems(name: string, route: RouteOptions): Problem[] {
  const problems: Problem[] = shapeProblems(route)
  if (problems.length > 0) return problems
  const no = (field: keyof RouteOptions | undefined, why: string): void =>
    void problems.push({ at: field === undefined ? [] : [field], why })
  const { host, path, prefix, methods, to, sticky, guard, filters = [] } = route
  if (!NAME.test(name)) no(undefined, 'its name is none; give up to 128 letters, digits and ".", "-", "_", ":", "@", "/"')
  if (host !== undefined && !HOST.test(host)) no('host', `its host "${host}" is none; give one in lower case, without a port`)
  if (path !== undefined && prefix !== undefined) no('prefix', 'it has both a path and a prefix; give one of them')
  const template = templateOf(path ?? prefix ?? '/')
  const which = path === undefined ? 'prefix' : 'path'
  if (typeof template === 'string') no(which, `its ${which} ${template}`)
  if (methods?.length === 0) no('methods', 'it has no method; leave "methods" out for all')
  for (const method of methods ?? [])
    if (!METHODS.has(method)) no('methods', `its method "${method}" is not one that is passed on`)
  problems.push(...conditionProblems(route))
  const targets = targetsOf(to)
  if (targets.length === 0) no('to', 'it goes nowhere; give "to"')
  for (const { weight } of targets)
    if (!Number.isSafeInteger(weight) || weight < 0)
      no('to', `its weight ${String(weight)} is none; give a whole number, from 0 up`)
  if (targets.length > 0 && targets.every(({ weight }) => weight === 0)) no('to', 'all its weights are 0')
  if (sticky !== undefined && !/^[\w-]{1,64}$/.test(sticky)) no('sticky', `its cookie "${sticky}" is no name of one`)
  for (const [field, range] of NUMBERS) {
    const wrong = route[field] === undefined ? undefined : wrongNumber(route[field], range)
    if (wrong !== undefined) no(field, `"${field}" ${wrong}`)
  }
  for (const part of guard?.parts ?? [])
    if (!('admitter' in part))
      no(
        'guard',
        `its guard has ${part.kind}, which a gateway does not take; for time and repetitions give "timeout" and "attempts"`,
      )
  for (const each of filters) if (typeof each?.open !== 'function') no('filters', 'one of its filters is none')
  return problems
}

/** More of them on a route are looked at one after the other, for each request. */
const MOST_CONDITIONS = 64

function conditionProblems(route: RouteOptions): Problem[] {
  const problems: Problem[] = []
  for (const field of ['headers', 'query', 'cookies'] as const) {
    const asked = Object.entries(route[field] ?? {})
    if (asked.length > MOST_CONDITIONS)
      problems.push({ at: [field], why: `it has ${asked.length} ${field}; give ${MOST_CONDITIONS} at most` })
    for (const [name, value] of asked) {
      if (typeof value !== 'string' && (value as unknown) !== true)
        problems.push({ at: [field, name], why: `what it wants of "${name}" is neither a text nor true, which is any` })
      try {
        if (field === 'headers') checkField(name, '')
      } catch (error) {
        problems.push({ at: [field, name], why: (error as Error).message })
      }
    }
  }
  for (const each of route.addresses ?? [])
    if (!isNetwork(each))
      problems.push({
        at: ['addresses'],
        why: `its address ${JSON.stringify(each)} is none; give one, or a network, "10.0.0.0/8"`,
      })
  if (route.addresses?.length === 0) problems.push({ at: ['addresses'], why: 'it has no address; leave "addresses" out for all' })
  return problems
}

export const targetsOf = (to: RouteOptions['to']): readonly { readonly upstream: string; readonly weight: number }[] =>
  typeof to === 'string' ? [{ upstream: to, weight: 1 }] : to

const UPSTREAM_FIELDS: ReadonlySet<string> = new Set(['addresses', 'service', 'endpoint', 'tls', 'ejection', 'budget'])

function upstreamProblems(options: UpstreamOptions): readonly string[] {
  const problems: string[] = []
  if (!isObject(options)) return ['it is no object']
  for (const field of Object.keys(options))
    if (!UPSTREAM_FIELDS.has(field)) problems.push(`it has "${field}", which upstreams have not`)
  if (options.tls !== undefined && !isObject(options.tls)) problems.push('its "tls" is no object')
  if ('addresses' in options && !Array.isArray(options.addresses)) problems.push('its addresses are no list')
  else if ('addresses' in options) {
    for (const text of options.addresses)
      if (typeof text !== 'string' || addressOf(text) === undefined)
        problems.push(
          `its address ${JSON.stringify(text)} is none; give a host and a port, "127.0.0.1:8080" or "https://orders.internal:8443"`,
        )
  } else if (typeof options.service !== 'string' || options.service === '')
    problems.push('it has neither addresses nor a service')
  try {
    completeEjection(options.ejection ?? {})
    completeBudget(options.budget ?? {})
    secureTo(options)
  } catch (error) {
    problems.push((error as Error).message)
  }
  return problems
}
