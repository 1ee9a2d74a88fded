/** The door for connections that stay: WebSocket and TCP, with sessions that clients come back to, and datagrams of UDP. */
import type { AnyContract } from 'dure/contract'
import type { Address } from 'dure/discovery'
import { closeDoor, type DoorTls, hostOfEnvironment, openState, secureServer, type SecureServer } from 'dure/door/internal'
import type { Door, DoorHost, OpenDoor, World } from 'dure/service'
import { socketName } from 'dure/service/internal'
import { createConnection, type Connection } from './connection.ts'
import { limitsOf, type SocketLimits } from './limits.ts'
import { type Listener, type ListenOptions } from './listener.ts'
import { served, type SocketState } from './served.ts'
import { createSessions } from './sessions.ts'
import { listenTcp } from './tcp.ts'
import { listenUdp, udpOperations, type UdpOptions } from './udp.ts'
import { listenWebSocket } from './websocket.ts'

export type { SocketLimits } from './limits.ts'
export type { UdpOptions } from './udp.ts'
export type { ClientMessage, ErrorBody, Headers, ServerMessage } from './messages.ts'

export type SocketOptions = {
  /** Name in logs and lists. Default `socket`. */
  readonly name?: string
  /** Default `DURE_HOST`, else 127.0.0.1: this machine only. `0.0.0.0` is everybody. */
  readonly host?: string
  /** Of WebSocket; 0 takes any free port, false has none. Default 8091. */
  readonly port?: number | false
  /** Default `/socket`. */
  readonly path?: string
  /** Pages of other hosts that may connect, by their origin: `['https://shop.example']`. Default: none. */
  readonly origins?: readonly string[]
  /** Certificates: WebSocket and TCP speak TLS, and take those of files anew when they change. Default: they do not. */
  readonly tls?: DoorTls
  /** Whether messages of WebSocket may be compressed, which takes some 300 KB a connection. Default false. */
  readonly compression?: boolean
  /** Lines of JSON over TCP. Default: none. */
  readonly tcp?: { readonly port: number }
  /** Datagrams, for operations that stand being lost and doubled. Default: none. */
  readonly udp?: UdpOptions
  /** Which contracts are served. Default: all of the system. */
  readonly contracts?: readonly AnyContract[]
  readonly limits?: Partial<SocketLimits>
}

/**
 * Makes a door that serves contracts over connections that stay: calls, streams and channels, many at a time on one, and sessions
 * that a client comes back to after its connection was lost.
 * Opening it throws when a port is in use, and for an operation over UDP that is not there or does not stand being done twice.
 *
 * @example
 * ```ts
 * import { socket } from '@dure/socket'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * const time = system('time', { services: [clock], doors: [socket({ port: 0, tcp: { port: 0 } })], security: 'off' })
 * console.log(time.doors[0]?.name) // → socket
 * ```
 */
export function socket(options: SocketOptions = {}): Door {
  const limits = limitsOf(options.limits)
  const { name = 'socket', host = hostOfEnvironment(), port = 8091, tcp, udp } = options
  const addresses: readonly Address[] = [
    ...(port === false ? [] : [{ kind: 'tcp' as const, host, port }]),
    ...(tcp === undefined ? [] : [{ kind: 'tcp' as const, host, port: tcp.port }]),
    ...(udp === undefined ? [] : [{ kind: 'udp' as const, host, port: udp.port }]),
  ]
  if (addresses.length === 0)
    throw new TypeError('Cannot make the socket door: it listens nowhere; give it `port`, `tcp` or `udp`')
  return {
    name,
    open: (doorHost, world) => open(doorHost, world, { ...options, name, host, port, limits }),
    listens: () => addresses,
  }
}

type Settings = SocketOptions & {
  readonly name: string
  readonly host: string
  readonly port: number | false
  readonly limits: SocketLimits
}

async function open(doorHost: DoorHost, world: World, settings: Settings): Promise<OpenDoor> {
  const { name, host, port, path = '/socket', origins = [], compression = false, tcp, udp, tls, limits } = settings
  const state: SocketState = openState({ door: name, limits, world, host: doorHost })
  const operations = served(state, settings.contracts ?? doorHost.contracts)
  const datagrams = udp && udpOperations(operations, udp)
  const sessions = createSessions(state)
  const connections = new Map<Connection, () => void>()
  let allGone = (): void => {}
  const shared: Omit<ListenOptions, 'port' | 'handed' | 'secure'> = {
    ...{ state, host },
    mayAccept: () => !state.closing && connections.size < limits.connections,
    accept: (carrier, header) => {
      const connection = createConnection({ state, operations, sessions, carrier, header })
      connections.set(connection, carrier.destroy)
      return {
        ...connection,
        closed: () => {
          connections.delete(connection)
          connection.closed()
          if (connections.size === 0) allGone()
        },
      }
    },
  }
  const listeners: Listener[] = []
  const secured: SecureServer[] = []
  const secure = (): SecureServer | undefined => {
    if (tls === undefined) return undefined
    const one = secureServer({ ...world, tls })
    secured.push(one)
    return one
  }
  const handed = (): number | undefined => world.sockets?.get(socketName(name, listeners.length))
  try {
    if (port !== false)
      listeners.push(await listenWebSocket({ ...shared, port, handed: handed(), secure: secure(), path, origins, compression }))
    if (tcp !== undefined) listeners.push(await listenTcp({ ...shared, port: tcp.port, handed: handed(), secure: secure() }))
    if (udp !== undefined) listeners.push(await listenUdp({ state, host, port: udp.port, operations: datagrams! }))
  } catch (error) {
    for (const { stop } of [...listeners, ...secured]) stop()
    throw error
  }
  const stop = (): void => {
    for (const { stop } of listeners.splice(0)) stop()
  }
  const gone = (): Promise<void> => (connections.size === 0 ? Promise.resolve() : new Promise((resolve) => (allGone = resolve)))
  const each = (how: 'told' | 'now'): void => {
    for (const connection of connections.keys()) connection.close(how)
  }
  const addresses = listeners.map(({ address }) => address)
  let closed: Promise<void> | undefined
  return {
    url: urlOf(addresses[0]!, { path: port === false ? undefined : path, secure: tls !== undefined }),
    addresses,
    close: ({ timeout, replaced = false } = {}) =>
      (closed ??= closeDoor(state, {
        timeout,
        letGo: replaced
          ? () => {
              stop()
              each('told')
              return gone()
            }
          : undefined,
        close: () => {
          stop()
          sessions.endWaiting()
          each('now')
          return gone()
        },
        cut: () => {
          for (const destroy of connections.values()) destroy()
        },
      })),
  }
}

function urlOf(address: Address, { path, secure }: { readonly path: string | undefined; readonly secure: boolean }): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  const { kind, host, port } = address
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`
  if (path !== undefined) return `${secure ? 'wss' : 'ws'}://${at}${path}`
  return `${secure && kind === 'tcp' ? 'tls' : kind}://${at}`
}
