/** An HTTP server under a door: where it listens, over TLS or not, and how it closes or is handed over. */
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createSecure } from 'node:https'
import { Server as Listener } from 'node:net'
import type { Duplex } from 'node:stream'
import { closeDoor, type OpenState } from '../open-door.ts'
import { HANDSHAKE, listen, type Listening } from './listen.ts'
import { secureServer } from './tls.ts'
import type { Upgrade } from './upgrade.ts'

export type HttpDoor = {
  /** `http://127.0.0.1:8090` */
  readonly origin: string
  readonly close: (how?: { readonly timeout?: number | undefined; readonly replaced?: boolean }) => Promise<void>
}

const OPTIONS: ServerOptions = {
  ...{ maxHeaderSize: 16 * 1024, requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 65_000 },
}

const isForWebSocket = ({ headers }: IncomingMessage): boolean => headers.upgrade?.toLowerCase() === 'websocket'

/**
 * Serves HTTP/1.1 for a door.
 * @throws {Error} that says what stood in the way and what to do; {SystemError} when a certificate cannot be used
 */
export async function openHttp(
  state: OpenState,
  options: Listening & {
    readonly answer: (request: IncomingMessage, response: ServerResponse) => void
    /** Takes who asks for WebSocket; whoever asks for another protocol is answered as if it had not. */
    readonly upgrade?: Upgrade | undefined
  },
): Promise<HttpDoor> {
  const { tls, answer, upgrade } = options
  const { runtime, log } = state.world
  const secure = tls && secureServer({ tls, runtime, log })
  // Java's client asks for HTTP/2 with each request, and takes HTTP/1.1.
  const served: ServerOptions = upgrade === undefined ? OPTIONS : { ...OPTIONS, shouldUpgradeCallback: isForWebSocket }
  const server: Server =
    secure === undefined
      ? createServer(served, answer)
      : createSecure({ ...served, ...secure.options, handshakeTimeout: HANDSHAKE }, answer)
  secure?.follow(server as ReturnType<typeof createSecure>)
  // Of these the server knows nothing any more.
  const upgraded = new Set<Duplex>()
  if (upgrade !== undefined)
    server.on('upgrade', (request, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy())
      socket.once('close', () => void upgraded.delete(socket))
      upgraded.add(socket)
      upgrade(request, socket, head)
    })
  let closed: Promise<void> | undefined
  try {
    const where = await listen(server, options)
    return {
      origin: `${secure === undefined ? 'http' : 'https'}://${where}`,
      close: ({ timeout, replaced = false } = {}) =>
        (closed ??= closeDoor(state, {
          timeout,
          letGo: replaced ? () => stopListening(server) : undefined,
          close: async () => {
            const gone = stopListening(server)
            server.closeIdleConnections()
            secure?.endHandshakes()
            await gone
            server.close()
          },
          cut: () => {
            server.closeAllConnections()
            for (const socket of upgraded) socket.destroy()
          },
        })),
    }
  } catch (error) {
    secure?.stop()
    throw error
  }
}

/**
 * Takes no more connections, and leaves those there are to their clients: each ends with its next answer. An idle one that
 * was closed at once might cross with a request on its way, which would fail. Resolves when none is left.
 */
export function stopListening(server: Server): Promise<void> {
  // An HTTP server's own `close` also ends what is idle; this is the half of it that only stops listening.
  return new Promise((resolve) => void Listener.prototype.close.call(server, () => resolve()))
}
