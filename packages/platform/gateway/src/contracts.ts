/** Routes as contracts say them. */
import type { AnyContract, AnyOperation } from 'dure/contract'
import { routesOf } from 'dure/contract/internal'
import { loggedBodies } from './bodies/bodies.ts'
import { filter, type Filter } from './filter.ts'
import { bodyLimit } from './filters/bounds.ts'
import { cache } from './filters/cache.ts'
import { templateOf, type GatewayConfiguration, type RouteOptions } from './routes/routes.ts'

export type ContractRoutesOptions = {
  /** Upstream that all of them go to. Default: of each contract the service of its name, as the registry knows it. */
  readonly to?: string
  readonly host?: string
  /** Bytes of a body. Default 1 MiB, as of a REST door. */
  readonly body?: number
  /** Around what contracts say: who asks is found out, answers are compressed. */
  readonly filters?: readonly Filter[]
  /** What keeps answers that contracts say may be kept; one for all that is not given. False: none. */
  readonly cache?: Filter | false
}

/**
 * Milliseconds beyond an operation's deadline: its service is the one to say that it was missed. Who says nothing at all is
 * given up.
 */
const GRACE = 250
/** A REST door lets nobody ask for a longer one than this, unless it is told otherwise. */
const LONGEST = 60_000

const CACHE = cache()
/** The same for the same, so that a route which has not changed is known not to have. */
const LIMITS = new Map<number, Filter>()

/** The deadline that a client asks for is kept here as well. */
const DEADLINE = filter('deadline', {
  before: (request) => {
    const seconds = Number(request.header('request-timeout'))
    if (seconds > 0) request.setTimeout(Math.min(seconds * 1_000, LONGEST) + GRACE)
  },
})

/**
 * The routes of contracts with an HTTP mapping: paths and methods; whether an operation may be sent again; its deadline; what of its answers is
 * kept. They are values, to be put among others, and name an operation each: `orders.place`.
 * @throws {TypeError} when the limit is no number of bytes
 *
 * @example
 * ```ts
 * import { contractRoutes } from '@dure/gateway'
 * import { contract, query } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Stock = contract('stock', {
 *   version: '1.0.0',
 *   owner: 'team-warehouse',
 *   operations: { count: query({ input: z.object({ sku: z.string() }), output: z.int(), http: 'GET /stock/{sku}' }) },
 * })
 * const { path, methods, to } = contractRoutes([Stock])['stock.count']!
 * console.log(path, methods, to) // → /stock/{sku} [ 'GET', 'HEAD' ] stock
 * ```
 */
export function contractRoutes(
  contracts: readonly AnyContract[],
  options: ContractRoutesOptions = {},
): Readonly<Record<string, RouteOptions>> {
  const { body = 1_048_576, filters = [] } = options
  let limit = LIMITS.get(body)
  if (limit === undefined) LIMITS.set(body, (limit = bodyLimit(body)))
  const routes: Record<string, RouteOptions> = {}
  for (const contract of contracts) {
    const operations = Object.entries(contract.operations as Readonly<Record<string, AnyOperation>>)
    const keeps = options.cache !== false && operations.some(([, { bindings }]) => bindings.http?.cache !== undefined)
    const around = [...filters, limit, DEADLINE, ...(keeps ? [options.cache || CACHE] : [])]
    for (const [name, operation] of operations)
      for (const [at, { method, path }] of routesOf(operation.bindings.http).entries())
        routes[`${contract.name}.${name}${at === 0 ? '' : `:${at + 1}`}`] = {
          ...(options.host !== undefined && { host: options.host }),
          path,
          methods: method === 'GET' ? ['GET', 'HEAD'] : [method],
          to: options.to ?? contract.name,
          timeout: operation.deadline + GRACE,
          idempotent: operation.idempotent,
          filters: operation.bindings.http?.log === 'bodies' ? [...around, loggedBodies(operation)] : around,
        }
  }
  return routes
}

/**
 * A configuration with the routes of contracts, behind those that are written down: where one of these asks for the same path and method,
 * it alone is there.
 */
export function withContracts(
  configuration: GatewayConfiguration,
  contracts: readonly AnyContract[],
  options?: ContractRoutesOptions,
): GatewayConfiguration {
  if (contracts.length === 0) return configuration
  const written = Object.values(configuration.routes)
  const routes = Object.entries(contractRoutes(contracts, options)).filter(
    ([, route]) => !written.some((each) => goesBefore(each, route)),
  )
  return { ...configuration, routes: { ...Object.fromEntries(routes), ...configuration.routes } }
}

/** One that asks for more is found first in any case. */
const CONDITIONS = ['headers', 'query', 'cookies', 'addresses'] as const

/** Whether a written route is found wherever one of a contract would be. */
const goesBefore = (written: RouteOptions, { path, host, methods = [] }: RouteOptions): boolean =>
  written.path !== undefined &&
  shapeOf(written.path) === shapeOf(path!) &&
  written.host === host &&
  !CONDITIONS.some((field) => written[field] !== undefined) &&
  methods.every((method) => method === 'HEAD' || (written.methods ?? methods).includes(method))

function shapeOf(path: string): string {
  const template = templateOf(path)
  return typeof template === 'string' ? path : JSON.stringify(template.map((part) => (typeof part === 'string' ? part : 0)))
}
