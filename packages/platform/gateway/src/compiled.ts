/** Routes as a gateway runs them: composed once, when they come or change. */
import { isDeepStrictEqual } from 'node:util'
import type { Registry } from 'dure/discovery'
import type { Admitter } from 'dure/resilience/internal'
import type { Runtime } from 'dure/runtime'
import { SystemError } from 'dure/contract/internal'
import type { Logger, Reading } from 'dure/telemetry'
import { createCounts, type RouteCounts } from './counts.ts'
import type { Filter, FilterParts, FilterWorld } from './filter.ts'
import { createOpened } from './opened.ts'
import type { Limits, Time } from './proxy/proxy.ts'
import {
  createTable,
  matcherOf,
  targetsOf,
  type GatewayConfiguration,
  type Matcher,
  type RouteOptions,
  type Table,
} from './routes/routes.ts'
import { createUpstream, type Upstream, type UpstreamOptions } from './upstreams/upstreams.ts'

export type Route = Matcher & {
  readonly options: RouteOptions
  readonly targets: readonly { readonly upstream: Upstream; readonly weight: number }[]
  readonly total: number
  readonly attempts: number
  readonly timeout: number
  readonly attemptTimeout: number
  /** Undefined: as its method says. */
  readonly idempotent: boolean | undefined
  readonly admitters: readonly Admitter[]
  readonly before: readonly NonNullable<FilterParts['before']>[]
  /** The innermost first. */
  readonly after: readonly NonNullable<FilterParts['after']>[]
  readonly failed: readonly NonNullable<FilterParts['failed']>[]
  readonly arrived: readonly NonNullable<FilterParts['arrived']>[]
  readonly ended: readonly NonNullable<FilterParts['ended']>[]
  readonly counts: RouteCounts
}

export type Running = {
  readonly table: Table<Route>
  readonly upstream: (name: string) => Upstream | undefined
  /** @throws {SystemError} when a route goes to a service and there is no registry: nothing has changed */
  readonly use: (next: GatewayConfiguration, route?: string) => void
  readonly stop: () => Promise<void>
}

export function createRunning(world: {
  readonly runtime: Runtime
  readonly limits: Limits
  readonly time: Time
  readonly log: Logger
  readonly registry: Registry | undefined
  /** Adds what is read when somebody asks for metrics; answers a way to take it out again. */
  readonly observe: (read: () => readonly Reading[]) => () => void
  /** Told of a route whose numbers are to be read. */
  readonly counted: (route: string, counts: RouteCounts) => void
  readonly client: FilterWorld['client']
}): Running {
  const { registry, counted } = world
  const table = createTable<Route>()
  const upstreams = new Map<string, { readonly options: UpstreamOptions; readonly upstream: Upstream }>()
  /** They outlive changes of their route. */
  const counts = new Map<string, RouteCounts>()
  let current: GatewayConfiguration = { routes: {} }
  /** Whether filters have paths of their own. */
  let ownPaths = false

  const { partsOf, stop } = createOpened({ ...world, upstream: (name) => upstreams.get(name)?.upstream })
  const countsOf = (name: string): RouteCounts => {
    const known = counts.get(name)
    if (known !== undefined) return known
    const made = createCounts()
    counts.set(name, made)
    counted(name, made)
    return made
  }
  const optionsOf = ({ upstreams: given = {} }: GatewayConfiguration, name: string): UpstreamOptions =>
    Object.hasOwn(given, name) ? given[name]! : { service: name }
  const upstreamOf = (next: GatewayConfiguration, name: string): Upstream => {
    const options = optionsOf(next, name)
    const known = upstreams.get(name)
    if (known !== undefined && isDeepStrictEqual(known.options, options)) return known.upstream
    known?.upstream.stop()
    const upstream = createUpstream(name, options, world)
    upstreams.set(name, { options, upstream })
    return upstream
  }

  const compile = (name: string, options: RouteOptions, next: GatewayConfiguration): Route => {
    const targets = targetsOf(options.to).map(({ upstream, weight }) => ({ upstream: upstreamOf(next, upstream), weight }))
    const filters = filtersOf(options, next)
    for (const { to = [] } of filters) for (const each of to) upstreamOf(next, each)
    const parts = filters.map(partsOf)
    return {
      ...matcherOf(name, options),
      options,
      targets,
      total: targets.reduce((sum, { weight }) => sum + weight, 0),
      attempts: options.attempts ?? 2,
      timeout: options.timeout ?? 30_000,
      attemptTimeout: options.attemptTimeout ?? Number.POSITIVE_INFINITY,
      idempotent: options.idempotent,
      admitters: (options.guard?.parts ?? []).flatMap((part) => ('admitter' in part ? [part.admitter] : [])),
      before: parts.flatMap(({ before }) => before ?? []),
      after: parts.toReversed().flatMap(({ after }) => after ?? []),
      failed: parts.toReversed().flatMap(({ failed }) => failed ?? []),
      arrived: parts.flatMap(({ arrived }) => arrived ?? []),
      ended: parts.flatMap(({ ended }) => ended ?? []),
      counts: countsOf(name),
    }
  }

  /** What cannot be told without the gateway's own surroundings; filters open here, and may refuse to. */
  const check = (next: GatewayConfiguration, names: readonly string[]): void => {
    const problems: string[] = []
    for (const name of names) {
      const options = next.routes[name]
      if (options === undefined) continue
      for (const upstream of sendsTo(options, next))
        if (registry === undefined && 'service' in optionsOf(next, upstream))
          problems.push(
            `Route "${name}": there is no upstream "${upstream}", and no registry that could know a service of this name`,
          )
      for (const filter of filtersOf(options, next)) {
        try {
          partsOf(filter)
        } catch (error) {
          problems.push(`Route "${name}": its filter "${filter.name}" cannot be opened: ${(error as Error).message}`)
        }
      }
    }
    if (problems.length > 0) throw new SystemError('Cannot use the routes', problems.slice(0, 20))
  }

  /** Routes that are not as they were, or whose upstream is not. */
  const changedIn = (next: GatewayConfiguration): readonly string[] => {
    const around = !isDeepStrictEqual(next.filters, current.filters)
    return Object.keys(next.routes).filter((name) => {
      const [now, was] = [next.routes[name]!, current.routes[name]]
      if (was === undefined || around || (now !== was && !isDeepStrictEqual(now, was))) return true
      return sendsTo(now, next).some(
        (upstream) => !isDeepStrictEqual(optionsOf(next, upstream), upstreams.get(upstream)?.options),
      )
    })
  }

  const use = (given: GatewayConfiguration, one?: string): void => {
    // A route that comes or goes may bring paths of its filters along, or take them; one without any costs itself alone.
    const only = one === undefined || ownPaths || hasPaths(given, one) ? undefined : one
    const next = only === undefined ? withOwnPaths(given) : given
    const changed = only === undefined ? changedIn(next) : [only]
    check(next, changed)
    for (const name of changed) {
      const options = next.routes[name]
      if (options === undefined) table.remove(name)
      else table.set(compile(name, options, next))
    }
    if (only === undefined) for (const { name } of [...table.all()]) if (!Object.hasOwn(next.routes, name)) table.remove(name)
    current = next
    ownPaths = next !== given
    if (only !== undefined && next.routes[only] !== undefined) return
    const used = new Set([...table.all()].flatMap(({ options }) => sendsTo(options, next)))
    for (const [name, { upstream }] of upstreams)
      if (!used.has(name)) {
        upstream.stop()
        upstreams.delete(name)
      }
  }
  return {
    table,
    upstream: (name) => upstreams.get(name)?.upstream,
    use,
    stop: async () => {
      for (const { upstream } of upstreams.values()) upstream.stop()
      await stop()
    },
  }
}

const filtersOf = ({ filters = [] }: RouteOptions, around: GatewayConfiguration): readonly Filter[] => [
  ...(around.filters ?? []),
  ...filters,
]

const hasPaths = (given: GatewayConfiguration, name: string): boolean =>
  given.routes[name] !== undefined && filtersOf(given.routes[name], given).some(({ paths }) => paths !== undefined)

/** With a route for each path that a filter answers itself, on the hosts of its routes. The same when there is none. */
function withOwnPaths(given: GatewayConfiguration): GatewayConfiguration {
  const routes: Record<string, RouteOptions> = {}
  const around = new Set(given.filters)
  for (const { host, to, filters = [] } of Object.values(given.routes))
    for (const each of [...around, ...filters])
      for (const path of each.paths ?? [])
        routes[`${each.name}:${host ?? ''}${path}`] ??= {
          ...(host !== undefined && { host }),
          ...{ path, to },
          // One that stands around all routes stands around this as well.
          ...(!around.has(each) && { filters: [each] }),
        }
  return Object.keys(routes).length === 0 ? given : { ...given, routes: { ...routes, ...given.routes } }
}

/** Upstreams that a route and its filters send to. */
const sendsTo = (route: RouteOptions, around: GatewayConfiguration): readonly string[] => [
  ...targetsOf(route.to).map(({ upstream }) => upstream),
  ...filtersOf(route, around).flatMap(({ to }) => to ?? []),
]
