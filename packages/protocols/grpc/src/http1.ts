/** Calls over HTTP/1.1, as browsers make them without TLS: each as a stream of HTTP/2 would be. Trailers do not come this way. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Http2Receiver, Http2Stream } from '@dure/http2'
import type { TcpConnection } from 'dure/door/internal'
import type { Timer } from 'dure/runtime'
import type { GrpcState } from './state.ts'

/** Milliseconds for a request to come whole, and between two of them. */
const WHOLE = 75_000
/** Of RFC 9113, section 7. */
const CANCEL = 8

/** Makes what serves connections that are handed to it; `head` is what was read of one. */
export function http1Server(
  state: GrpcState,
  onStream: (stream: Http2Stream) => Http2Receiver,
): (socket: Socket, head: Buffer) => TcpConnection {
  const { timers } = state.world.runtime
  const connections = new WeakMap<Socket, { begin: () => void; whole: () => void; done: () => void }>()
  const server = createServer({ maxHeaderSize: 16 * 1024 }, (request, response) => {
    const { begin, whole, done } = connections.get(request.socket)!
    begin()
    response.once('close', done)
    const receiver = onStream(streamOf(request, response))
    request.on('data', (bytes: Buffer) => receiver.data(bytes))
    request.on('end', () => {
      whole()
      receiver.end(undefined)
    })
    response.once('close', () => {
      if (!response.writableFinished) receiver.aborted(CANCEL)
    })
  })

  return (socket, head) => {
    let under = 0
    let leaving = false
    let timer: Timer | undefined
    const wait = (): void => {
      timer?.cancel()
      timer = timers.after(WHOLE, () => socket.destroy())
    }
    wait()
    connections.set(socket, {
      begin: () => void under++,
      whole: () => timer?.cancel(),
      done: () => {
        under--
        if (leaving && under === 0) socket.end()
        else wait()
      },
    })
    socket.once('close', () => timer?.cancel())
    socket.unshift(head)
    server.emit('connection', socket)
    return {
      finish: () => {
        leaving = true
        if (under === 0) socket.end()
      },
      cut: () => socket.destroy(),
    }
  }
}

function streamOf(request: IncomingMessage, response: ServerResponse): Http2Stream {
  const { method, url, headers } = request
  const all = new Map([
    [':method', method!],
    [':path', url!],
  ])
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) all.set(name, Array.isArray(value) ? value.join(', ') : value)
  response.on('error', () => {})
  return {
    ...{ id: 0, bodiless: false, headers: all },
    get closed() {
      return response.writableEnded || response.destroyed
    },
    pause: () => void request.pause(),
    resume: () => void request.resume(),
    respond: ([[, status] = ['', '500'], ...fields], how) => {
      response.writeHead(
        Number(status),
        [...fields, ...(how?.own ?? [])].flatMap(([name, value]) => [name, value]),
      )
      if (how?.end === true) response.end()
    },
    write: (bytes) => response.write(bytes),
    drained: (then) => void (response.writableNeedDrain ? response.once('drain', then) : then()),
    end: () => void response.end(),
    reset: () => void response.destroy(),
  }
}
