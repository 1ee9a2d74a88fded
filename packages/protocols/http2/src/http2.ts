import type { Socket } from 'node:net'
import { completeLimits } from './limits.ts'
import type { Http2Connection, Http2Options } from './types.ts'

export type { Http2Limits } from './limits.ts'
export type { Http2Connection, Http2End, Http2Headers, Http2Options, Http2Receiver, Http2Stream } from './types.ts'

/** Serves HTTP/2 on a socket of a client that speaks it, by ALPN `h2` or by prior knowledge. */
export function serveHttp2(socket: Socket, options: Http2Options): Http2Connection {
  completeLimits(options.limits ?? {})
  socket.destroy()
  throw new Error('Cannot serve HTTP/2: it is still to come')
}
