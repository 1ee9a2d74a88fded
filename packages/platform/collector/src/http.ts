/** The collector's HTTP: bounded, and for those who are let in. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, inflate } from 'node:zlib'
import type { OperatorRoutes } from '@dure/operator'
import type { Logger } from 'dure/telemetry'
import { Fault } from './fault.ts'

export type HttpLimits = {
  /** Bytes of a body, once it is unpacked. Default 16 MiB. */
  readonly body: number
  /** Bytes of all bodies that are worked on at once. Default 64 MiB. */
  readonly bodies: number
  /** Connections at once. Default 1,000. */
  readonly connections: number
  /** Milliseconds that a request may take to arrive. Default 30,000. */
  readonly requestTimeout: number
}

export type Received = {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  /** The whole body, unpacked. @throws {Fault} 413, 415, 400 */
  readonly body: () => Promise<Buffer>
}

export type Answer = {
  readonly status: number
  readonly type?: string
  readonly body?: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

export type Route = {
  readonly method: string
  readonly path: RegExp
  /** @param parts what the groups of the path are */
  readonly answer: (received: Received, parts: readonly string[]) => Promise<Answer> | Answer
  /** How its protocol says that something is wrong. Default: JSON with `error`. */
  readonly refuse?: (fault: Fault, received: Received) => Answer
}

export type Guard = {
  /** What programs have to say in `authorization: Bearer`. None: whoever reaches it is let in. */
  readonly token: string | undefined
  /** Hosts that requests may name, without ports; undefined: any. */
  readonly hosts: readonly string[] | undefined
}

export function collectorServer(options: {
  readonly routes: readonly Route[]
  /** What operators ask; it answers by itself. */
  readonly operator: OperatorRoutes
  readonly limits: HttpLimits
  readonly guard: Guard
  readonly log: Logger
}): Server {
  const { routes, operator, limits, guard, log } = options
  const lets = letIn(guard)
  const room = createRoom(limits.bodies)
  const server = createServer(
    {
      ...{ headersTimeout: limits.requestTimeout, requestTimeout: limits.requestTimeout },
      ...{ connectionsCheckingInterval: 1_000, maxHeaderSize: 16_384 },
    },
    (request, response) => {
      const url = new URL(request.url ?? '/', 'http://collector')
      const release: (() => void)[] = []
      const received: Received = {
        method: request.method ?? 'GET',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body: () => readBody(request, { limits, room, release }),
      }
      const found = routeOf(routes, received)
      const work = async (): Promise<Answer | undefined> => {
        try {
          lets(request)
          if (await operator(request, response)) return undefined
          if ('fault' in found) throw found.fault
          return await found.route.answer(received, found.parts)
        } catch (error) {
          const fault = error instanceof Fault ? error : new Fault(500, 'Cannot answer: the collector failed; its log says why')
          // Whoever has gone in the middle of it is not answered, and that is no failure of ours.
          if (fault !== error && !request.destroyed)
            log.error('Cannot answer a request', { method: received.method, path: received.path.slice(0, 200), error })
          const refuse = ('route' in found && found.route.refuse) || plainly
          return refuse(fault, received)
        }
      }
      void work()
        .then((answer) => answer && send(answer, request, response, server.listening))
        .finally(() => {
          for (const each of release) each()
        })
    },
  )
  server.maxConnections = limits.connections
  return server
}

export const json = (status: number, value: unknown): Answer => ({
  status,
  type: 'application/json',
  body: JSON.stringify(value),
})
const plainly = ({ status, message, retryAfter }: Fault): Answer => ({
  ...json(status, { error: message }),
  headers: later(retryAfter),
})
export const later = (seconds: number | undefined): Readonly<Record<string, string>> =>
  seconds === undefined ? {} : { 'retry-after': String(seconds) }

function routeOf(
  routes: readonly Route[],
  { method, path }: Received,
): { route: Route; parts: readonly string[] } | { fault: Fault } {
  let isThere = false
  for (const route of routes) {
    const found = route.path.exec(path)
    if (found === null) continue
    isThere = true
    if (route.method === method || (route.method === 'GET' && method === 'HEAD'))
      return { route, parts: found.slice(1).map((part) => part ?? '') }
  }
  const what = `Cannot ${method.slice(0, 20)} "${path.slice(0, 200)}"`
  return {
    fault: isThere ? new Fault(405, `${what}: it is asked for in another way`) : new Fault(404, `${what}: nothing is there`),
  }
}

function send(
  { status, type, body = '', headers = {} }: Answer,
  request: IncomingMessage,
  response: ServerResponse,
  listening: boolean,
): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  // What was not read of a body is in the way of the next request; and whoever keeps a connection would keep a server that ends.
  response.shouldKeepAlive = listening && request.complete
  response.writeHead(status, {
    ...(type === undefined ? {} : { 'content-type': type }),
    ...{ 'content-length': bytes.length, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : bytes)
  if (!request.complete) response.once('finish', () => response.socket?.destroySoon())
}

/** What bodies take together. */
type Room = { readonly take: (bytes: number) => boolean; readonly give: (bytes: number) => void }

function createRoom(most: number): Room {
  let taken = 0
  return {
    take: (bytes) => {
      if (taken + bytes > most) return false
      taken += bytes
      return true
    },
    give: (bytes) => {
      taken -= bytes
    },
  }
}

const [unzip, inflated] = [promisify(gunzip), promisify(inflate)]

async function readBody(
  request: IncomingMessage,
  { limits, room, release }: { readonly limits: HttpLimits; readonly room: Room; readonly release: (() => void)[] },
): Promise<Buffer> {
  const tooLarge = (): Fault => new Fault(413, `Cannot take the body: it is larger than ${limits.body} bytes`)
  const reserve = (bytes: number): void => {
    if (!room.take(bytes)) throw new Fault(429, 'Cannot take the body now: many are worked on already; come again', 1)
    release.push(() => room.give(bytes))
  }
  const said = Number(request.headers['content-length'] ?? 0)
  if (said > limits.body) throw tooLarge()
  reserve(said)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limits.body) throw tooLarge()
    if (size > said) reserve(chunk.length)
    chunks.push(chunk)
  }
  const whole = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase().trim()
  if (encoding === 'identity' || encoding === '') return whole
  if (encoding !== 'gzip' && encoding !== 'deflate')
    throw new Fault(415, `Cannot read a body in the encoding "${encoding.slice(0, 40)}": gzip it`)
  try {
    const plain = await (encoding === 'gzip' ? unzip : inflated)(whole, { maxOutputLength: limits.body })
    reserve(plain.length)
    return plain
  } catch (error) {
    if (error instanceof Fault) throw error
    throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      ? tooLarge()
      : new Fault(400, 'Cannot read the body: it is not the gzip that it says')
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Sentry's SDKs have a key in their own places: it is the token then. */
function said(headers: IncomingMessage['headers'], url: string): readonly string[] {
  const [key] =
    /(?<=[?&]sentry_key=)[\w-]+/.exec(url) ?? /(?<=sentry_key=)[\w-]+/.exec(String(headers['x-sentry-auth'] ?? '')) ?? []
  return [headers.authorization ?? '', `Bearer ${key ?? ''}`]
}

/** A page of somebody else in a browser of this machine is not let in, whatever name it gave the address. */
function letIn({ token, hosts }: Guard): (request: IncomingMessage) => void {
  const wanted = token === undefined ? undefined : digest(`Bearer ${token}`)
  return ({ headers, url = '' }) => {
    const host = headers.host?.replace(/:\d+$/, '')
    if (hosts !== undefined && host !== undefined && !hosts.includes(host))
      throw new Fault(403, 'Cannot let you in: the host that was asked for is not this one')
    const { origin } = headers
    if (origin !== undefined && origin !== `http://${headers.host}`)
      throw new Fault(403, 'Cannot let you in: the request comes from a page of somebody else')
    if (wanted !== undefined && !said(headers, url).some((one) => timingSafeEqual(digest(one), wanted)))
      throw new Fault(401, 'Cannot let you in: give the token of the collector, as in "authorization: Bearer …"')
  }
}
