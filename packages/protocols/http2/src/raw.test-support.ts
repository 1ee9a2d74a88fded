/** A server on a port of its own, and a client that sends what it is told, frame by frame, right or wrong. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { realRuntime } from 'dure/runtime'
import { block, frame, frameClient, type Frame as Received, type FrameClient } from '@dure/testing/frames'
import { END_HEADERS, END_STREAM, HEADERS } from './codes.ts'
import { createDecoder } from './hpack/hpack.ts'
import { serveHttp2, type Http2Connection, type Http2Headers, type Http2Options } from './http2.ts'

export { block, frame, number, PREFACE } from '@dure/testing/frames'

export type Frame = Received & {
  /** When it is one of headers. */
  readonly headers: Readonly<Record<string, string>>
}

export const GET: Http2Headers = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'shop.example'],
]
export const POST: Http2Headers = [[':method', 'POST'], ...GET.slice(1)]
export const OK: Http2Headers = [[':status', '200']]

export const get = (id: number, fields: Http2Headers = GET): Buffer => frame(HEADERS, END_STREAM | END_HEADERS, id, block(fields))
export const post = (id: number, fields: Http2Headers = POST): Buffer => frame(HEADERS, END_HEADERS, id, block(fields))

export type Served = {
  readonly port: number
  /** Each connection, in the order in which they came. */
  readonly connections: readonly Http2Connection[]
  readonly errors: readonly unknown[]
}

/** @param options what it does with streams; by default it answers each with 200 */
export async function serving(t: TestContext, options: Partial<Http2Options> = {}): Promise<Served> {
  const runtime = realRuntime()
  const connections: Http2Connection[] = []
  const errors: unknown[] = []
  const server = createServer((socket) => {
    connections.push(
      serveHttp2(socket, {
        runtime,
        onError: (error) => errors.push(error),
        onStream: (stream) => ({ data: () => {}, aborted: () => {}, end: () => stream.respond(OK, { end: true }) }),
        ...options,
      }),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const connection of connections) connection.destroy()
  })
  return { port: (server.address() as AddressInfo).port, connections, errors }
}

export type RawClient = FrameClient<Frame> & { readonly socket: Socket }

/** @param settings as pairs: 4 with 0 is a window of nothing */
export async function rawClient(
  t: TestContext,
  port: number,
  settings: readonly (readonly [id: number, value: number])[] = [],
): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  socket.setNoDelay(true)
  const decoder = createDecoder(1_000_000)
  const read = (came: Received): Frame => {
    const decoded = came.type === HEADERS ? decoder.decode(came.payload, 0, came.payload.length) : 'wrong'
    const fields = typeof decoded === 'string' ? [] : decoded.fields
    return { ...came, headers: Object.fromEntries(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1]!]] : []))) }
  }
  return { socket, ...frameClient(socket, { settings, read }) }
}

/** Waits until it is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate)
}
