/** Connections of WebSocket, RFC 6455: each text message is a message. */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createSecure } from 'node:https'
import type { Duplex } from 'node:stream'
import { closeReason, originRefusal, refuseUpgrade, stopListening, type UpgradeRefusal } from 'dure/door/internal'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Carrier } from './carrier.ts'
import { listening, type Listener, type ListenOptions } from './listener.ts'
import { PROTOCOL } from './messages.ts'

export type WebSocketOptions = ListenOptions & {
  readonly path: string
  /** Pages of others that may connect, as browsers name them: `https://shop.example`. */
  readonly origins: readonly string[]
  readonly compression: boolean
}

const HTTP = { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, requestTimeout: 30_000 }

export async function listenWebSocket(options: WebSocketOptions): Promise<Listener> {
  const { state, path, compression } = options
  const { limits } = state
  const sockets = new WebSocketServer({
    ...{ noServer: true, clientTracking: false, maxPayload: limits.message },
    // Off unless asked for: it takes 300 KB a connection. What comes out of it is bounded by `maxPayload`.
    perMessageDeflate: compression && {
      threshold: 1024,
      concurrencyLimit: 4,
      clientNoContextTakeover: true,
      serverNoContextTakeover: true,
    },
    handleProtocols: (offered) => offered.has(PROTOCOL) && PROTOCOL,
  })
  const upgradeOnly: RequestListener = (_, response) => {
    const headers = { 'content-type': 'text/plain; charset=utf-8', upgrade: 'websocket', connection: 'close' }
    response.writeHead(426, headers).end(`WebSocket is spoken at "${path}", with the subprotocol "${PROTOCOL}"\n`)
  }
  const { secure } = options
  const server =
    secure === undefined
      ? createServer(HTTP, upgradeOnly)
      : createSecure({ ...HTTP, ...secure.options, handshakeTimeout: 10_000 }, upgradeOnly)
  secure?.follow(server as ReturnType<typeof createSecure>)
  server.on('upgrade', (request, socket: Duplex, head) => {
    socket.on('error', () => socket.destroy())
    const refusal = refusalOf(request, options)
    if (refusal !== undefined) return refuseUpgrade(socket, refusal)
    sockets.handleUpgrade(request, socket, head, (one) => take(one, socket, request, options))
  })
  const address = await listening(server, options)
  return {
    address,
    stop: () => {
      void stopListening(server)
      server.closeIdleConnections()
      secure?.endHandshakes()
    },
  }
}

function refusalOf(
  { url, headers }: IncomingMessage,
  { path, origins, mayAccept }: WebSocketOptions,
): UpgradeRefusal | undefined {
  const at = url!.indexOf('?')
  if ((at === -1 ? url! : url!.slice(0, at)) !== path)
    return ['404 Not Found', `Nothing is served there; WebSocket is spoken at "${path}"`]
  const refusal = originRefusal(headers, origins)
  if (refusal !== undefined) return refusal
  return mayAccept() ? undefined : ['503 Service Unavailable', 'There are as many connections as may be; try again soon']
}

function take(one: WebSocket, socket: Duplex, { headers }: IncomingMessage, { state, accept }: WebSocketOptions): void {
  const { timers } = state.world.runtime
  let corked = false
  let ended = false
  let broken: string | undefined
  const quiet = state.limits.buffer / 4
  const carrier: Carrier = {
    send: (text) => {
      if (!corked) {
        // All that one turn sends leaves in one write.
        corked = true
        socket.cork()
        timers.soon(() => {
          corked = false
          socket.uncork()
        })
      }
      // Each callback takes its time: while next to nothing waits, nobody waits for it to go.
      one.send(text, one.bufferedAmount + text.length < quiet ? undefined : drained)
    },
    behind: () => one.bufferedAmount,
    end: (code, reason) => {
      ended = true
      // All of it was in the message before.
      one.close(code, closeReason(reason))
      timers.after(state.limits.hello, () => one.terminate())
    },
    pause: () => one.pause(),
    resume: () => one.resume(),
    ping: () => one.ping(),
    destroy: () => one.terminate(),
  }
  const connection = accept(carrier, (name) => {
    const value = headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  })
  const drained = (error?: Error | null): void => {
    if (!error) connection.drained()
  }
  one.on('message', (data: Buffer, binary) => {
    // It may say more before it has heard that it is over.
    if (ended) return
    if (binary) carrier.end(1003, 'Messages are text: JSON')
    else connection.receive(data.toString(), data.length)
  })
  one.on('pong', connection.heard)
  one.on('ping', connection.heard)
  one.on('error', ({ message }) => (broken = message))
  one.on('close', (code) => {
    if (broken !== undefined) state.world.log.debug('A WebSocket was ended for what its client sent', { code, why: broken })
    connection.closed()
  })
}
