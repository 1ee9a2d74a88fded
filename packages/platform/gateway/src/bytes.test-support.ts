/** A proxy before one server that speaks bytes, and clients that do. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { realRuntime } from 'dure/runtime'
import { createProxy, createTime, Endpoint, limitsOf, type Decisions, type Limits } from './proxy/proxy.ts'

export type Ended = {
  readonly method: string
  readonly target: string
  readonly status: number
  readonly failure: string | undefined
}

export async function listening(t: Pick<TestContext, 'after'>, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** A server that does with each connection what it is told. */
export async function speaking(t: Pick<TestContext, 'after'>, serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    serve(socket)
  })
  t.after(() => sockets.forEach((socket) => socket.destroy()))
  return await listening(t, server)
}

/** One that gives each request, once its head is there, to `answer`; requests with bodies are for others. */
export const answering =
  (answer: (socket: Socket, head: string, count: number) => void) =>
  (socket: Socket): void => {
    let text = ''
    let count = 0
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end + 4)
        text = text.slice(end + 4)
        answer(socket, head, ++count)
      }
    })
  }

export const ok = (body: string, more = ''): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`

export async function proxyTo(
  t: Pick<TestContext, 'after'>,
  ports: number | readonly number[],
  options: {
    readonly limits?: Partial<Limits>
    readonly decisions?: Partial<Decisions>
    readonly plainly?: boolean
    readonly retries?: number
  } = {},
) {
  const { retries = 1, plainly } = options
  const runtime = realRuntime()
  const time = createTime(runtime)
  const limits = limitsOf(options.limits)
  const ended: Ended[] = []
  const endpoints = [ports].flat().map((port) => new Endpoint({ host: '127.0.0.1', port }, limits, time))
  let turn = 0
  const decisions: Decisions = {
    begin: (client) => {
      client.correlation = 'c'
      client.traceparent = 't'
      client.timeout = 5_000
      return undefined
    },
    pick: () => endpoints[turn++ % endpoints.length],
    tried: (client, _endpoint, how) =>
      typeof how === 'object' && how.kind !== 'late' && client.tries <= retries && client.method === 'GET',
    answering: () => undefined,
    refusing: (_client, answer) => answer,
    ended: ({ method, target, status, failure }) => ended.push({ method, target, status, failure }),
    ...options.decisions,
  }
  const proxy = createProxy({ limits, runtime, time, decisions, name: 'gateway', trusting: false, plainly })
  const port = await listening(t, proxy.server)
  t.after(() => proxy.close(0))
  return { port, proxy, ended, endpoints }
}

export type Talk = {
  readonly socket: Socket
  readonly said: () => string
  readonly say: (text: string | Buffer) => void
  /** All that was said, once it matches. */
  readonly hears: (pattern: RegExp) => Promise<string>
  /** All that was said, once the other side has ended. */
  readonly end: () => Promise<string>
}

export function talk(t: Pick<TestContext, 'after'>, port: number, text = ''): Talk {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  t.after(() => void socket.destroy())
  let said = ''
  let over = false
  let look = (): void => {}
  socket.on('data', (bytes) => {
    said += bytes.toString('latin1')
    look()
  })
  const ends = (): void => {
    over = true
    look()
  }
  socket.on('error', ends)
  socket.on('end', ends)
  socket.on('close', ends)
  if (text !== '') socket.write(text, 'latin1')
  const until = (is: () => boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      look = () => {
        if (is()) resolve(said)
        else if (over) reject(new Error(`The connection ended after ${JSON.stringify(said)}`))
      }
      look()
    })
  return {
    socket,
    said: () => said,
    say: (more) => void socket.write(more, 'latin1' as BufferEncoding),
    hears: (pattern) => until(() => pattern.test(said)),
    end: () => until(() => over),
  }
}

/** What was answered, with its head's lines in lower case. */
export async function statusOf(t: Pick<TestContext, 'after'>, port: number, text: string): Promise<number> {
  const { hears, socket } = talk(t, port, text)
  const said = await hears(/^HTTP\/1\.1 \d{3}[^]*\r\n\r\n/)
  socket.destroy()
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(said)?.[1])
}

/** Waits until something is so. */
export async function until(is: () => boolean): Promise<void> {
  const { timers, clock } = realRuntime()
  for (const begun = clock.monotonic(); !is();) {
    assert.ok(clock.monotonic() - begun < 120_000, `It did not come to be: ${is.toString()}`)
    await timers.sleep(2)
  }
}
