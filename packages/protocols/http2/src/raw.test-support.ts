/** A server on a port of its own, and a client that sends what it is told, frame by frame, right or wrong. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { realRuntime } from 'dure/runtime'
import { END_HEADERS, END_STREAM, HEADERS, SETTINGS } from './codes.ts'
import { createDecoder } from './hpack/hpack.ts'
import { serveHttp2, type Http2Connection, type Http2Headers, type Http2Options } from './http2.ts'

export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export type Frame = {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: Buffer
  /** When it is one of headers. */
  readonly headers: Readonly<Record<string, string>>
}

export function frame(type: number, flags: number, id: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, payload])
}

export function number(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4)
  return bytes
}

/** Headers as whoever remembers nothing sends them, so that any may be in them. */
export const block = (fields: Http2Headers): Buffer =>
  Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), text(Buffer.from(name, 'latin1')), text(Buffer.from(value, 'latin1'))]),
  )

function text(bytes: Buffer): Buffer {
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  const rest = bytes.length - 127
  return Buffer.concat([Buffer.from([127, (rest & 127) | 128, ((rest >>> 7) & 127) | 128, rest >>> 14]), bytes])
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

export type RawClient = {
  readonly socket: Socket
  readonly say: (...frames: readonly Buffer[]) => void
  /** All that has come. */
  readonly frames: readonly Frame[]
  /** The first frame that matches, once it is there; undefined: the connection has ended before. */
  readonly hears: (matches: (frame: Frame) => boolean) => Promise<Frame | undefined>
  readonly ended: Promise<void>
}

/** @param settings as pairs: 4 with 0 is a window of nothing */
export async function rawClient(
  t: TestContext,
  port: number,
  settings: readonly (readonly [id: number, value: number])[] = [],
): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  const frames: Frame[] = []
  const ended = Promise.withResolvers<void>()
  const decoder = createDecoder(1_000_000)
  let over = false
  let looks: (() => void)[] = []
  let rest = Buffer.alloc(0)
  const look = (): void => looks.forEach((each) => each())
  socket.on('data', (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes])
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3)
      const [type, flags, id] = [rest[3]!, rest[4]!, rest.readUInt32BE(5)]
      const payload = Buffer.from(rest.subarray(9, end))
      const read = type === HEADERS ? decoder.decode(payload, 0, payload.length) : 'wrong'
      const fields = typeof read === 'string' ? [] : read.fields
      const headers = Object.fromEntries(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1]!]] : [])))
      frames.push({ type, flags, id, payload, headers })
      rest = rest.subarray(end)
    }
    look()
  })
  const end = (): void => {
    over = true
    ended.resolve()
    look()
  }
  socket.on('error', end)
  socket.on('close', end)
  const payload = Buffer.concat(settings.map(([id, value]) => Buffer.concat([number(id).subarray(2), number(value)])))
  await once(socket, 'connect')
  socket.setNoDelay(true)
  socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, payload)]))
  return {
    socket,
    frames,
    ended: ended.promise,
    say: (...said) => void (over || socket.write(Buffer.concat(said))),
    hears: (matches) =>
      new Promise((resolve) => {
        const mine = (): void => {
          const found = frames.find(matches)
          if (found === undefined && !over) return
          looks = looks.filter((each) => each !== mine)
          resolve(found)
        }
        looks.push(mine)
        mine()
      }),
  }
}

/** Waits until it is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate)
}
