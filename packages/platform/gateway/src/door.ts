/** A gateway as a door of a system, or by itself. */
import type { Registry } from 'dure/discovery'
import { realRuntime } from 'dure/runtime'
import { standardError } from 'dure/runtime/internal'
import type { Adapter, Door, StopOptions, World } from 'dure/service'
import { createLogger, type Logger, type TelemetryOptions } from 'dure/telemetry'
import { openTelemetry } from 'dure/telemetry/internal'
import { addressOf, open } from './opening.ts'
import type { GatewayOptions } from './options.ts'
import { limitsOf } from './proxy/proxy.ts'
import { liveRoutes, type LiveRoutes } from './routes/routes.ts'

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
      return open({ ...options, routes, contracts, client: host.client }, limits, world, host.registry)
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

const routesOf = ({ routes = { routes: {} } }: GatewayOptions): LiveRoutes => ('watch' in routes ? routes : liveRoutes(routes))
