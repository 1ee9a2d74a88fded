import { SystemError } from 'dure/service'
import { completeEjection, completeBudget } from 'dure/resilience/internal'
import { COUNT, WAIT, wrongNumbers } from 'dure/runtime/internal'
import { checkField } from '../proxy/proxy.ts'
import { addressOf, secureTo, type UpstreamOptions } from '../upstreams/upstreams.ts'
import { METHODS } from '../wire/wire.ts'
import { templateOf } from './path.ts'
import type { GatewayConfiguration, RouteOptions } from './options.ts'
import type { Matcher } from './table.ts'

/** More than anybody has, and than a process should hold. */
const MOST_ROUTES = 100_000
/** Problems that are named; the others are counted. */
const MOST_PROBLEMS = 20
const HOST = /^(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/
const NAME = /^[\w.:@/-]{1,128}$/

/** Who has which place, by what a route asks for: two with the same could not both be found. */
export type Taken = Map<string, string>

/** @throws {SystemError} naming all that is wrong with it, and where */
export function checkConfiguration(configuration: GatewayConfiguration): Taken {
  const problems: string[] = []
  const taken: Taken = new Map()
  // What comes from a file may be anything.
  for (const part of ['routes', 'upstreams'] as const)
    if (!isObject(configuration?.[part] ?? (part === 'upstreams' ? {} : undefined))) problems.push(`"${part}" is no object`)
  refuse(problems)
  const { routes, upstreams = {} } = configuration
  const names = Object.keys(routes)
  if (names.length > MOST_ROUTES) problems.push(`There are ${names.length} routes; give ${MOST_ROUTES} at most`)
  else {
    for (const [name, upstream] of Object.entries(upstreams))
      problems.push(...upstreamProblems(upstream).map((why) => `Upstream "${name}": ${why}`))
    for (const name of names) problems.push(...takeRoute(name, routes[name]!, taken))
  }
  refuse(problems)
  return taken
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

function refuse(problems: readonly string[]): void {
  if (problems.length === 0) return
  const named = problems.slice(0, MOST_PROBLEMS)
  if (problems.length > named.length) named.push(`and ${problems.length - named.length} more`)
  throw new SystemError('Cannot use the routes', named)
}

function takeRoute(name: string, route: RouteOptions, taken: Taken): string[] {
  const problems = routeProblems(name, route)
  if (problems.length === 0)
    for (const place of placesOf(name, route)) {
      const other = taken.get(place)
      if (other !== undefined && other !== name) {
        problems.push(`it asks for the same as route "${other}", so that one of them would never be found`)
        break
      }
      taken.set(place, name)
    }
  return problems.map((why) => `Route "${name}": ${why}`)
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)

type Shape = 'string' | 'boolean' | 'object' | 'list'
const SHAPES: Readonly<Partial<Record<keyof RouteOptions, Shape>>> = {
  ...{ host: 'string', path: 'string', prefix: 'string', sticky: 'string', idempotent: 'boolean' },
  ...{ methods: 'list', filters: 'list', headers: 'object', guard: 'object' },
}
const FIELDS: ReadonlySet<string> = new Set([...Object.keys(SHAPES), 'to', 'timeout', 'attempts'])

/** What no compiler has looked at. */
function shapeProblems(route: RouteOptions): string[] {
  if (!isObject(route)) return ['it is no object']
  const problems = Object.keys(route).flatMap((field) => (FIELDS.has(field) ? [] : [`it has "${field}", which routes have not`]))
  for (const [field, shape] of Object.entries(SHAPES)) {
    const value: unknown = route[field as keyof RouteOptions]
    const is = shape === 'list' ? Array.isArray(value) : shape === 'object' ? isObject(value) : typeof value === shape
    if (value !== undefined && !is) problems.push(`its "${field}" is no ${shape}`)
  }
  const { to } = route as { readonly to: unknown }
  const isTarget = (each: unknown): boolean => isObject(each) && typeof (each as { upstream?: unknown }).upstream === 'string'
  if (typeof to !== 'string' && !(Array.isArray(to) && to.every(isTarget)))
    problems.push('it goes nowhere; give "to", the name of an upstream or a list of { upstream, weight }')
  return problems
}

function routeProblems(name: string, route: RouteOptions): string[] {
  const problems: string[] = shapeProblems(route)
  if (problems.length > 0) return problems
  const { host, path, prefix, methods, headers = {}, to, sticky, guard, filters = [] } = route
  if (!NAME.test(name)) problems.push('its name is none; give up to 128 letters, digits and ".", "-", "_", ":", "@", "/"')
  if (host !== undefined && !HOST.test(host)) problems.push(`its host "${host}" is none; give one in lower case, without a port`)
  if (path !== undefined && prefix !== undefined) problems.push('it has both a path and a prefix; give one of them')
  const template = templateOf(path ?? prefix ?? '/')
  if (typeof template === 'string') problems.push(`its ${path === undefined ? 'prefix' : 'path'} ${template}`)
  if (methods?.length === 0) problems.push('it has no method; leave "methods" out for all')
  for (const method of methods ?? [])
    if (!METHODS.has(method)) problems.push(`its method "${method}" is not one that is passed on`)
  for (const each of Object.keys(headers)) {
    try {
      checkField(each, '')
    } catch (error) {
      problems.push((error as Error).message)
    }
  }
  const targets = targetsOf(to)
  if (targets.length === 0) problems.push('it goes nowhere; give "to"')
  for (const { weight } of targets)
    if (!Number.isSafeInteger(weight) || weight < 0)
      problems.push(`its weight ${String(weight)} is none; give a whole number, from 0 up`)
  if (targets.length > 0 && targets.every(({ weight }) => weight === 0)) problems.push('all its weights are 0')
  if (sticky !== undefined && !/^[\w-]{1,64}$/.test(sticky)) problems.push(`its cookie "${sticky}" is no name of one`)
  const wrong = wrongNumbers(route, { timeout: WAIT, attempts: { ...COUNT, most: 10 } } as Parameters<
    typeof wrongNumbers<RouteOptions>
  >[1])
  if (wrong !== undefined) problems.push(wrong)
  for (const part of guard?.parts ?? [])
    if (!('admitter' in part))
      problems.push(
        `its guard has ${part.kind}, which a gateway does not take; for time and repetitions give "timeout" and "attempts"`,
      )
  for (const each of filters) if (typeof each?.open !== 'function') problems.push('one of its filters is none')
  return problems
}

/** What a route asks for, once for each of its methods. */
function placesOf(name: string, route: RouteOptions): readonly string[] {
  const { host, template, prefix, methods, headers } = matcherOf(name, route)
  const path = template.map((part) => (typeof part === 'string' ? `/${encodeURIComponent(part)}` : '/{}')).join('')
  const asked = JSON.stringify(headers.toSorted(([one], [other]) => (one < other ? -1 : 1)))
  return (methods ?? ['*']).map((method) => `${method} ${host ?? '*'} ${path}${prefix ? '/**' : ''} ${asked}`)
}

export function matcherOf(name: string, route: RouteOptions): Matcher {
  const { host, path, prefix, methods, headers = {} } = route
  const template = templateOf(path ?? prefix ?? '/')
  return {
    name,
    host,
    template: typeof template === 'string' ? [] : template,
    prefix: path === undefined,
    methods,
    headers: Object.entries(headers).map(([each, value]) => [each.toLowerCase(), value] as const),
  }
}

export const targetsOf = (to: RouteOptions['to']): readonly { readonly upstream: string; readonly weight: number }[] =>
  typeof to === 'string' ? [{ upstream: to, weight: 1 }] : to

function upstreamProblems(options: UpstreamOptions): readonly string[] {
  const problems: string[] = []
  if (!isObject(options)) return ['it is no object']
  if ('addresses' in options && !Array.isArray(options.addresses)) problems.push('its addresses are no list')
  else if ('addresses' in options) {
    for (const text of options.addresses)
      if (typeof text !== 'string' || addressOf(text) === undefined)
        problems.push(
          `its address ${JSON.stringify(text)} is none; give a host and a port, "127.0.0.1:8080" or "https://orders.internal:8443"`,
        )
  } else if (options.service === undefined || options.service === '') problems.push('it has neither addresses nor a service')
  try {
    completeEjection(options.ejection ?? {})
    completeBudget(options.budget ?? {})
    secureTo(options)
  } catch (error) {
    problems.push((error as Error).message)
  }
  return problems
}
