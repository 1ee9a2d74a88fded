/** A gateway opens: its routes are followed, its connections passed on, its numbers told, and all of it ends. */
import { isDeepStrictEqual } from 'node:util'
import type { AnyContract } from 'dure/contract'
import { SystemError } from 'dure/contract/internal'
import type { Registry } from 'dure/discovery'
import { hostOfEnvironment, listen, portOfEnvironment } from 'dure/door/server/internal'
import type { OpenDoor, StopOptions, World } from 'dure/service'
import type { Family } from 'dure/telemetry'
import { logTo } from './access-log.ts'
import { createRunning } from './compiled.ts'
import { withContracts } from './contracts.ts'
import { countsAsMetrics, type RouteCounts } from './counts.ts'
import { createDecisions } from './exchange.ts'
import type { FilterWorld } from './filter.ts'
import type { GatewayOptions } from './options.ts'
import { createProxy, createTime, type Limits } from './proxy/proxy.ts'
import { checkConfiguration, targetsOf, type GatewayConfiguration, type LiveRoutes } from './routes/routes.ts'
import { createHandshakes, type Handshakes } from './tls/tls.ts'

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

export type OpenOptions = GatewayOptions & {
  readonly routes: LiveRoutes
  readonly contracts: readonly AnyContract[]
  readonly client?: FilterWorld['client']
}

export async function open(
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
  const running = createRunning({ runtime, limits, time, log, registry, observe, counted, client: options.client })
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
    const handed = world.sockets?.get(name)
    const where = await listen(proxy.server, { ...addressOf(options), handed, backlog: 1_024 })
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

export function addressOf({
  host = hostOfEnvironment(),
  port = portOfEnvironment('gateway') ?? 8080,
}: Pick<GatewayOptions, 'host' | 'port'>): {
  readonly host: string
  readonly port: number
} {
  return { host, port }
}
