/** A server of bare connections under a door: where it listens, over TLS or not, and how it closes. */
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createSecure } from 'node:tls'
import { closeDoor, type OpenState } from '../open-door.ts'
import type { HttpDoor } from './http.ts'
import { HANDSHAKE, listen, type Listening } from './listen.ts'
import { secureServer } from './tls.ts'

export type TcpConnection = {
  /** Ends it after what is under way. */
  readonly finish: () => void
  readonly cut: () => void
}

export type TcpDoor = {
  /** `127.0.0.1:9090` */
  readonly where: string
  readonly close: HttpDoor['close']
}

/**
 * Serves connections for a door. Nothing on them says that they end: when the door closes, those without anything under way end at
 * once, and the others after it, whether another process takes its place or not.
 * @param options.connections that are taken at once; more are closed
 * @throws {Error} that says what stood in the way and what to do; {SystemError} when a certificate cannot be used
 */
export async function openTcp(
  state: OpenState,
  options: Listening & {
    readonly connections: number
    /** What is spoken over TLS, for clients that ask: `h2`. */
    readonly alpn?: readonly string[]
    readonly serve: (socket: Socket) => TcpConnection
  },
): Promise<TcpDoor> {
  const { tls, serve, connections, alpn } = options
  const { runtime, log } = state.world
  const open = new Set<TcpConnection>()
  const take = (socket: Socket): void => {
    const connection = serve(socket)
    open.add(connection)
    socket.once('close', () => open.delete(connection))
  }
  const secure = tls && secureServer({ tls, runtime, log })
  const server: Server =
    secure === undefined
      ? createServer(take)
      : createSecure({ ...secure.options, handshakeTimeout: HANDSHAKE, ...(alpn && { ALPNProtocols: [...alpn] }) }, take)
  server.maxConnections = connections
  // Of a handshake that failed: whoever tried is told by TLS itself.
  server.on('tlsClientError', () => {})
  secure?.follow(server as ReturnType<typeof createSecure>)
  let closed: Promise<void> | undefined
  try {
    const where = await listen(server, options)
    const close = async (): Promise<void> => {
      const ended = new Promise<void>((resolve) => void server.close(() => resolve()))
      secure?.endHandshakes()
      for (const { finish } of open) finish()
      await ended
    }
    const cut = (): void => {
      for (const one of open) one.cut()
    }
    return { where, close: ({ timeout } = {}) => (closed ??= closeDoor(state, { timeout, close, cut })) }
  } catch (error) {
    secure?.stop()
    throw error
  }
}
