import type { Socket } from 'node:net'
import { createConnection, gone, greet, leave, relieved, fail } from './connection.ts'
import { CANCEL } from './codes.ts'
import { incoming } from './incoming.ts'
import { completeLimits } from './limits.ts'
import type { Http2Connection, Http2Options } from './types.ts'
import { watch } from './watch.ts'

export type { Http2Limits } from './limits.ts'
export type { Http2Connection, Http2End, Http2Headers, Http2Options, Http2Receiver, Http2Stream } from './types.ts'

/**
 * Serves HTTP/2 (RFC 9113, RFC 7541) on a socket whose client speaks it, by ALPN `h2` or by prior knowledge. It opens no
 * port, pushes nothing, and never lets a client have it hold or do more than its limits say: whoever floods it is told
 * ENHANCE_YOUR_CALM, and others do not notice.
 * @throws {TypeError} when a limit cannot be used
 *
 * @example
 * ```ts
 * import { once } from 'node:events'
 * import { connect } from 'node:http2'
 * import { createServer, type AddressInfo } from 'node:net'
 * import { serveHttp2, type Http2Headers } from '@dure/http2'
 * import { realRuntime } from 'dure/runtime'
 *
 * const runtime = realRuntime()
 * const OK: Http2Headers = [[':status', '200'], ['content-type', 'text/plain']]
 * const server = createServer((socket) => {
 *   serveHttp2(socket, {
 *     runtime,
 *     onError: (error) => console.error(error),
 *     onStream: (stream) => ({
 *       data: () => {},
 *       aborted: () => {},
 *       end: () => {
 *         stream.respond(OK)
 *         stream.write(Buffer.from(`You asked for ${stream.headers.get(':path')}`))
 *         stream.end()
 *       },
 *     }),
 *   })
 * }).listen(0, '127.0.0.1')
 * await once(server, 'listening')
 *
 * const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
 * const request = client.request({ ':path': '/rice' }).setEncoding('utf8')
 * console.log((await request.toArray()).join('')) // → You asked for /rice
 * client.close()
 * server.close()
 * ```
 */
export function serveHttp2(socket: Socket, options: Http2Options): Http2Connection {
  const c = createConnection(socket, options, completeLimits(options.limits ?? {}), incoming)
  const { heard, drained } = watch(c)
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('close', () => gone(c))
  socket.on('drain', () => {
    drained()
    relieved(c)
  })
  socket.on('end', () => void socket.end())
  greet(c)
  if (options.head !== undefined) socket.unshift(options.head)
  socket.on('data', (bytes: Buffer) => {
    heard()
    c.reader.read(bytes)
    // What it has asked for is more than it takes.
    if (c.end === undefined && c.output.backlog() > c.limits.backlog) socket.pause()
  })
  return {
    goAway: async () => {
      leave(c)
      await c.closed.promise
    },
    destroy: () => {
      fail(c, CANCEL, 'It was ended here')
      socket.destroy()
    },
    closed: c.closed.promise,
    get streams() {
      return c.streams.size
    },
  }
}
