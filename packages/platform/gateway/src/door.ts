/** A gateway as a door of a system, or by itself. */
import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { AnyContract } from 'dure/contract'
import { SystemError } from 'dure/contract/internal'
import type { Registry } from 'dure/discovery'
import { realRuntime } from 'dure/runtime'
import { standardError } from 'dure/runtime/internal'
import type { Adapter, Door, OpenDoor, StopOptions, World } from 'dure/service'
import { createLogger, type Family, type Logger, type TelemetryOptions } from 'dure/telemetry'
import { openTelemetry } from 'dure/telemetry/internal'
import { createRunning } from './compiled.ts'
import { withContracts, type ContractRoutesOptions } from './contracts.ts'
import { countsAsMetrics, type RouteCounts } from './counts.ts'
import { createDecisions } from './exchange.ts'
import { createProxy, createTime, limitsOf, type Limits } from './proxy/proxy.ts'
import { checkConfiguration, liveRoutes, targetsOf, type GatewayConfiguration, type LiveRoutes } from './routes/routes.ts'
import { createAccessLog } from './seen.ts'
import { createHandshakes, type Handshakes, type TlsOptions } from './tls/tls.ts'

export type GatewayOptions = {
  /** What goes where; with `liveRoutes` it can change while the gateway runs. Default: what contracts say, and nothing else. */
  readonly routes?: GatewayConfiguration | LiveRoutes
  /**
   * Contracts whose operations with an HTTP mapping are routes, behind those that are written down. Default: of a door of a system for
   * which no `routes` are given, all of the system; else none.
   */
  readonly contracts?: readonly AnyContract[]
  /** What their routes have besides what they say. */
  readonly contractRoutes?: ContractRoutesOptions
  /** Name in logs, metrics and lists. Default `gateway`. */
  readonly name?: string
  /** Default: the environment variable PORT, else 8080. 0 takes any free port. */
  readonly port?: number
  /** Default 127.0.0.1: this machine only. `0.0.0.0` is everybody. */
  readonly host?: string
  readonly limits?: Partial<Limits>
  /** Certificates: it then speaks TLS alone, and HTTP/2 with those who know it. They can stand among the routes as well. */
  readonly tls?: TlsOptions
  /** Whether what requests say of where they came from (`X-Forwarded-*`, `Forwarded`) is true: only behind a proxy of one's own. Default false. */
  readonly trustForwarded?: boolean
  /**
   * Where a line of JSON goes for each request: a file, or who takes lines, and answers false when it can take no more for now: for 200 ms
   * lines are dropped then, and counted. Default none.
   */
  readonly accessLog?: string | ((lines: string) => boolean | void)
}

/** A door that can be asked to open elsewhere (`dure start --port 9000`). */
export type GatewayDoor = Door & { readonly at: (address: { readonly host?: string; readonly port?: number }) => GatewayDoor }

/**
 * Makes a door that passes requests on: to the services of a system, by what its registry knows of them, or to fixed addresses.
 * @throws {SystemError} when a route cannot be used
 * @throws {TypeError} when a limit cannot
 *
 * @example
 * ```ts
 * import { gateway, requestLimit } from '@dure/gateway'
 *
 * const door = gateway({
 *   port: 8080,
 *   routes: {
 *     routes: { orders: { prefix: '/orders', to: 'orders', filters: [requestLimit({ rate: 100 })] } },
 *     upstreams: { orders: { addresses: ['127.0.0.1:8081', '127.0.0.1:8082'] } },
 *   },
 * }) // system('shop', { services, doors: [door] })
 * console.log(door.name) // → gateway
 * ```
 */
export function gateway(options: GatewayOptions): GatewayDoor {
  const limits = limitsOf(options.limits)
  const routes = routesOf(options)
  return {
    name: options.name ?? 'gateway',
    at: (address) => gateway({ ...options, ...address }),
    open: (host, world) => {
      const contracts = options.contracts ?? (options.routes === undefined ? host.contracts : [])
      return open({ ...options, routes, contracts }, limits, world, host.registry)
    },
    listens: () => ({ kind: 'tcp', ...addressOf(options) }),
  }
}

export type StartedGateway = {
  /** `http://127.0.0.1:8080`, or with TLS `https://…`. */
  readonly url: string
  /** In Prometheus' text format; nothing without `telemetry`. */
  readonly metrics: () => Promise<string>
  /**
   * Takes nothing new, answers what is under way, and ends. `replaced`: another process listens on the same socket, and whoever is
   * connected gets one more answer, which ends the connection.
   */
  readonly stop: (options?: Pick<StopOptions, 'timeout' | 'replaced'>) => Promise<void>
}

/**
 * The same by itself, before services that know nothing of Dure.
 * @throws {SystemError} when a route or a certificate cannot be used
 * @throws {Error} when the port is taken
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { once } from 'node:events'
 * import { startGateway } from '@dure/gateway'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const server = createServer((request, response) => void response.end(`It was ${request.url}`)).listen(0, '127.0.0.1')
 * await once(server, 'listening')
 * const { port } = server.address() as { port: number }
 * const started = await startGateway({
 *   port: 0,
 *   log: silentLogger(),
 *   routes: {
 *     routes: { all: { prefix: '/', to: 'server' } },
 *     upstreams: { server: { addresses: [`127.0.0.1:${port}`] } },
 *   },
 * })
 * console.log(await (await fetch(`${started.url}/a`)).text()) // → It was /a
 * await started.stop()
 * server.close()
 * ```
 */
export async function startGateway(
  options: GatewayOptions & {
    readonly log?: Logger
    /** Who is where, for upstreams that are services: `eurekaRegistry({ url })` of `@dure/registry`, … */
    readonly registry?: Adapter<Registry>
    /** Where the registry may keep files. Default `.dure`. */
    readonly directory?: string
    /** A socket that somebody else has bound, as a file descriptor: it listens there, and not at `host` and `port`. */
    readonly socket?: number | undefined
    /** Has it measure, and say where spans and metrics go: `{}` for metrics alone. Default: nothing is measured. */
    readonly telemetry?: TelemetryOptions
  },
): Promise<StartedGateway> {
  const runtime = realRuntime()
  const log =
    options.log ?? createLogger({ clock: runtime.clock, write: standardError, fields: { gateway: options.name ?? 'gateway' } })
  const limits = limitsOf(options.limits)
  const { contracts = [], directory = '.dure', name: system = 'gateway', socket } = options
  if (options.routes === undefined && contracts.length === 0)
    throw new TypeError('Cannot start the gateway: there is nothing that it could serve; give routes or contracts')
  const routes = routesOf(options)
  const telemetry =
    options.telemetry && openTelemetry({ store: false, sampling: 0, ...options.telemetry }, { system, directory, runtime, log })
  const sockets = socket === undefined ? undefined : new Map([[system, socket]])
  const world: World = { directory, runtime, log, telemetry, sockets }
  const registry = await options.registry?.(world)
  try {
    const { url, close } = await open(
      { ...options, routes, contracts },
      limits,
      world,
      registry === undefined ? undefined : async () => registry,
    )
    return {
      url: url!,
      metrics: async () => (await telemetry?.prometheus()) ?? '',
      stop: async (how) => {
        await close(how)
        await registry?.stop()
        await telemetry?.stop(how)
      },
    }
  } catch (error) {
    await registry?.stop()
    await telemetry?.stop()
    throw error
  }
}

const [CONNECTIONS, REFUSED, UNSHAKEN, UNROUTED, DROPPED]: readonly [Family, Family, Family, Family, Family] = [
  { name: 'dure.gateway.connections', unit: '{connection}', kind: 'gauge', help: 'Connections of clients that are open' },
  {
    name: 'dure.gateway.connections.refused',
    unit: '{connection}',
    kind: 'counter',
    help: 'Connections that were turned away, as there were too many',
  },
  {
    name: 'dure.gateway.handshakes.failed',
    unit: '{connection}',
    kind: 'counter',
    help: 'Connections whose TLS handshake has failed, or was not begun as there were too many',
  },
  {
    name: 'dure.gateway.unrouted',
    unit: '{request}',
    kind: 'counter',
    help: 'Requests that no route took, or that could not be read',
  },
  { name: 'dure.gateway.log.dropped', unit: '{line}', kind: 'counter', help: 'Lines of the access log that nobody took' },
]

const routesOf = ({ routes = { routes: {} } }: GatewayOptions): LiveRoutes => ('watch' in routes ? routes : liveRoutes(routes))

type OpenOptions = GatewayOptions & { readonly routes: LiveRoutes; readonly contracts: readonly AnyContract[] }

async function open(
  options: OpenOptions,
  limits: Limits,
  world: World,
  registryOf: (() => Promise<Registry>) | undefined,
): Promise<OpenDoor> {
  const tls = options.tls ?? options.routes.current().tls
  const handshakes = tls === undefined ? undefined : createHandshakes({ tls, limits, ...world })
  try {
    return await openWith(options, { limits, world, registryOf, handshakes })
  } catch (error) {
    handshakes?.stop()
    throw error
  }
}

async function openWith(
  options: OpenOptions,
  {
    limits,
    world,
    registryOf,
    handshakes,
  }: {
    readonly limits: Limits
    readonly world: World
    readonly registryOf: (() => Promise<Registry>) | undefined
    readonly handshakes: Handshakes | undefined
  },
): Promise<OpenDoor> {
  const { name = 'gateway', routes, contracts, trustForwarded = false } = options
  const whole = (written: GatewayConfiguration): GatewayConfiguration => withContracts(written, contracts, options.contractRoutes)
  const first = whole(routes.current())
  checkConfiguration(first)
  const { runtime, log, telemetry } = world
  const time = createTime(runtime)
  const accessLog = options.accessLog === undefined ? undefined : logTo(options.accessLog, world)
  const counts = new Map<string, RouteCounts>()
  const counted = (operation: string, made: RouteCounts): void => {
    const { duration, codes } = made
    counts.set(operation, made)
    telemetry?.metrics.add({ service: name, operation, duration, codes: () => codes })
  }
  // A registry is opened by whoever needs it.
  const registry = needsRegistry(first) || 'set' in routes ? await registryOf?.() : undefined
  const observe: Parameters<typeof createRunning>[0]['observe'] = (read) =>
    telemetry?.metrics.observe(() => read().map((each) => ({ ...each, attributes: { gateway: name, ...each.attributes } }))) ??
    (() => {})
  const running = createRunning({ runtime, limits, time, log, registry, observe, counted })
  running.use(first)
  const follow: Parameters<LiveRoutes['watch']>[0] = (next, only) => {
    if (contracts.length === 0) return running.use(next, only)
    // A written route takes the place of a contract's, or gives it back.
    const all = whole(next)
    checkConfiguration(all)
    running.use(all)
  }
  const watching = [routes.watch(certificatesOf(options, handshakes)), routes.watch(follow)]
  let unrouted = 0
  // Nobody else's: a request that has it in Via has been here.
  const via = `dure-${runtime.ids.hex(6)}`
  const decisions = createDecisions({
    ...{ runtime, running, service: name, name: via, tracer: telemetry?.tracer, accessLog: accessLog?.log },
    unrouted: () => void unrouted++,
  })
  const proxy = createProxy({ limits, runtime, time, decisions, name: via, trusting: trustForwarded, handshakes })
  const unobserve = telemetry?.metrics.observe(() => [
    ...countsAsMetrics(name, counts, runtime.clock),
    ...(
      [
        [CONNECTIONS, proxy.connections()],
        [REFUSED, proxy.refused()],
        [UNSHAKEN, handshakes?.failed() ?? 0],
        [UNROUTED, unrouted],
        [DROPPED, accessLog?.log.dropped() ?? 0],
      ] as const
    ).map(([family, value]) => ({ family, attributes: { gateway: name }, value })),
  ])
  const end = async (timeout: number, replaced = false): Promise<void> => {
    await proxy.close(timeout, replaced)
    for (const each of watching) each.stop()
    await running.stop()
    unobserve?.()
    await accessLog?.end()
  }
  try {
    const where = await listen(proxy.server, addressOf(options), world.sockets?.get(name))
    const url = `${handshakes === undefined ? 'http' : 'https'}://${where}`
    let closed: Promise<void> | undefined
    const close: OpenDoor['close'] = ({ timeout = limits.drain, replaced }: StopOptions = {}) =>
      (closed ??= end(Math.min(timeout, limits.drain), replaced))
    return { url, close }
  } catch (error) {
    await end(0)
    throw error
  }
}

/** Whoever listens to one protocol cannot go over to another. */
function certificatesOf({ tls, routes }: GatewayOptions & { readonly routes: LiveRoutes }, handshakes: Handshakes | undefined) {
  return (next: GatewayConfiguration, route?: string): void => {
    // A route that changes is all that changes, and whoever asks for the current ones has all of them copied.
    if (tls !== undefined || route !== undefined || isDeepStrictEqual(next.tls, routes.current().tls)) return
    if (next.tls === undefined || handshakes === undefined)
      throw new SystemError('Cannot use the routes', ['TLS cannot come or go while the gateway runs; start it again'])
    handshakes.use(next.tls)
  }
}

const needsRegistry = ({ routes, upstreams = {} }: GatewayConfiguration): boolean =>
  Object.values(upstreams).some((each) => 'service' in each) ||
  Object.values(routes).some(({ to }) => targetsOf(to).some(({ upstream }) => !Object.hasOwn(upstreams, upstream)))

function addressOf({ host = '127.0.0.1', port = portOfEnvironment() ?? 8080 }: Pick<GatewayOptions, 'host' | 'port'>) {
  return { host, port }
}

function portOfEnvironment(): number | undefined {
  const given = process.env['PORT']
  if (given === undefined || given === '') return undefined
  const port = Number(given)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new Error(`Cannot open the gateway: the environment variable PORT is "${given}"; give a number from 0 to 65535`)
}

async function listen(
  server: ReturnType<typeof createProxy>['server'],
  { host, port }: { readonly host: string; readonly port: number },
  handed: number | undefined,
): Promise<string> {
  server.listen(handed === undefined ? { host, port, backlog: 1_024 } : { fd: handed })
  try {
    await once(server, 'listening')
  } catch (cause) {
    const { code, message } = cause as { readonly code?: string; readonly message: string }
    const why = code === 'EADDRINUSE' ? 'the port is in use; choose another one' : message
    throw new Error(`Cannot open the gateway on ${host}:${port}: ${why}`, { cause })
  }
  const { address, port: actual } = server.address() as AddressInfo
  return `${address.includes(':') ? `[${address}]` : address}:${actual}`
}

function logTo(to: string | ((lines: string) => boolean | void), { runtime, log }: World) {
  if (typeof to === 'function') {
    const made = createAccessLog(runtime, (lines, done) => {
      const text = lines.toString()
      done()
      return to(text)
    })
    return { log: made, end: async (): Promise<void> => made.flush() }
  }
  const stream = createWriteStream(to, { flags: 'a', highWaterMark: 4_194_304 })
  let failed = false
  stream.on('error', (error) => {
    if (!failed) log.error('Cannot write the access log; its lines are dropped', { file: to, error })
    failed = true
  })
  const made = createAccessLog(runtime, (lines, done) => !failed && stream.write(lines, done), true)
  stream.on('drain', made.drained)
  const end = async (): Promise<void> => {
    made.flush()
    await new Promise<void>((resolve) => (failed ? resolve() : stream.end(resolve)))
  }
  return { log: made, end }
}
