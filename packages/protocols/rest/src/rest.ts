/** The REST door: every operation with an HTTP mapping, served, documented and bounded. */
import type { Server } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { AnyContract } from 'dure/contract'
import type { Door, DoorHost, OpenDoor, StopOptions, World } from 'dure/service'
import { REFUSALS as refusals, type Outcome, type RefusalCode } from 'dure/contract/internal'
import { closeDoor, type DoorTls, hostOfEnvironment, portOfEnvironment, stopListening } from 'dure/door/internal'
import type { FastifyInstance } from 'fastify'
import { announcementOf, checkAnnounce, type AnnounceOptions } from './announce.ts'
import { LIMITS, limitsOf, type Limits } from './limits.ts'
import { listen, type Address } from './listen.ts'
import { openApp } from './open-app.ts'

export { LIMITS }
export type { AnnounceOptions, Limits, Address }
export type { Problem } from './problem.ts'
export { httpService, type ClientLimits, type HttpServiceOptions, type HttpTls } from './client/client.ts'

/**
 * What the door itself refuses, by code: the HTTP status, whether trying again may help, and what it means.
 *
 * @example
 * ```ts
 * import { REFUSALS } from '@dure/rest'
 *
 * const { http, retryable } = REFUSALS.OVERLOADED
 * console.log(http, retryable) // → 503 true
 * ```
 */
export const REFUSALS: Readonly<Record<RefusalCode, Outcome>> = refusals

export type RestOptions = {
  /** Name in logs and lists. Default `rest`. */
  readonly name?: string
  /** Default: the environment variable PORT, else 8080. 0 takes any free port. */
  readonly port?: number
  /** Default `DURE_HOST`, else 127.0.0.1: this machine only. `0.0.0.0` is everybody. */
  readonly host?: string
  /** Certificates: the door speaks HTTPS, and takes those of files anew when they change. Default: HTTP. */
  readonly tls?: DoorTls
  readonly limits?: Partial<Limits>
  /** Which contracts are served: these, or all of the system except these, which other doors serve. Default: all. */
  readonly contracts?: readonly AnyContract[] | { readonly except: readonly AnyContract[] }
  /** What happens to fields and query parameters that an input does not have. Default `refuse`. */
  readonly unknownFields?: 'refuse' | 'drop'
  /** Path in front of the door's own pages (`/openapi.json`, `/health/live`, …); false for none. Default ''. */
  readonly pages?: string | false
  /** Whether `/docs` is among the pages: the operations, to read and to try in a browser. Default: under `dure dev` alone. */
  readonly docs?: boolean
  /**
   * Whether the registry is told where its services are called over HTTP: `true`; `{ host: 'shop.example' }` where others reach it
   * elsewhere than where it listens; `false` for never. Default: where the system's registry is one that others use (Eureka), and
   * the door listens on an address that other machines reach.
   */
  readonly announce?: boolean | AnnounceOptions
  /** Adds plugins and hooks to the Fastify server before it listens: CORS, compression, … */
  readonly extend?: (server: FastifyInstance) => void | Promise<void>
}

/** A door that can be asked to open elsewhere (`dure start --port 9000`), or with a page of its operations (`dure dev`). */
export type RestDoor = Door & {
  readonly at: (address: Partial<Address>) => RestDoor
  /** With `/docs`, unless its options say that it has none. */
  readonly documented: () => RestDoor
}

/**
 * Makes a door that serves contracts over HTTP. Opening it throws when the port is in use or two operations
 * want the same route.
 *
 * @example
 * ```ts
 * import { rest } from '@dure/rest'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', {
 *   version: '1.0.0',
 *   owner: 'team-time',
 *   operations: { now: query({ output: z.date(), http: 'GET /now' }) },
 * })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * const time = system('time', { services: [clock], doors: [rest({ port: 8080, limits: { connections: 100 } })], security: 'off' })
 * console.log(time.doors[0]?.name) // → rest
 * ```
 */
export function rest(options: RestOptions = {}): RestDoor {
  const limits = limitsOf(options.limits)
  checkAnnounce(options)
  return {
    name: options.name ?? 'rest',
    at: (address) => rest({ ...options, ...address }),
    documented: () => rest({ docs: true, ...options }),
    open: (host, world) => open(host, world, limits, options),
    listens: () => ({ kind: 'tcp', ...addressOf(options) }),
  }
}

async function open(host: DoorHost, world: World, limits: Limits, options: RestOptions): Promise<OpenDoor> {
  const { pages = '', docs = false } = options
  const { app, state, served, secure } = await openApp(host, world, { ...options, limits })
  secure?.follow(app.server as HttpsServer)
  const url = await listening().catch((error: unknown) => {
    secure?.stop()
    throw error
  })
  let closed: Promise<void> | undefined
  const announced = announcementOf(options, {
    ...{ url, door: state.door },
    contracts: host.contracts.filter((contract) => served.some((one) => one.contract === contract)),
  })
  const close = (server: Server, { replaced = false, timeout }: StopOptions): Promise<void> =>
    closeDoor(state, {
      timeout,
      letGo: replaced ? () => stopListening(server) : undefined,
      close: () => {
        const closed = app.close()
        secure?.endHandshakes()
        return closed
      },
      cut: () => server.closeAllConnections(),
    })
  const page = docs && pages !== false ? { page: `${url}${pages}/docs` } : {}
  return { url, ...page, announced, close: (how = {}) => (closed ??= close(app.server, how)) }

  async function listening(): Promise<string> {
    await options.extend?.(app)
    return listen(app, addressOf(options), world.sockets?.get(state.door))
  }
}

function addressOf({ host = hostOfEnvironment(), port = portOfEnvironment('REST door') ?? 8080 }: RestOptions): Address {
  return { host, port }
}
