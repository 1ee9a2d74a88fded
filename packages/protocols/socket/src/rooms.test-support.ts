/** A system that sockets ask: every kind of operation, and clients that speak the messages by themselves. */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { createInterface } from 'node:readline'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { CallError, channel, command, contract, error, query, stream } from 'dure/contract'
import { service, start, system, type Running, type SystemOptions } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { socket, type SocketOptions } from './socket.ts'

const Full = error('FULL', { data: z.object({ room: z.string(), at: z.date() }) })

export const Rooms = contract('rooms', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    echo: query({
      input: z.object({ at: z.date(), size: z.bigint().optional() }),
      output: z.object({ at: z.date(), size: z.bigint().optional() }),
    }),
    maybe: query({ input: z.string().optional(), output: z.string().nullish() }),
    enter: command({ input: z.object({ room: z.string() }), output: z.int(), errors: { Full } }),
    lock: command({ input: z.object({ room: z.string() }), scope: 'rooms.lock' }),
    move: command({ input: z.object({ x: z.number() }), output: z.number(), idempotent: true }),
    big: query({ input: z.object({ size: z.int() }), output: z.string() }),
    hang: query({ output: z.string() }),
    count: stream({
      input: z.object({ to: z.int(), size: z.int().optional() }),
      output: z.object({ n: z.int(), text: z.string() }),
      deadline: 600_000,
    }),
    talk: channel({
      input: z.object({ name: z.string() }),
      incoming: z.object({ text: z.string() }),
      output: z.string(),
      deadline: 600_000,
    }),
    deaf: channel({ incoming: z.string(), output: z.string(), deadline: 600_000 }),
  },
})

// oxlint-disable-next-line typescript/no-explicit-any
export type Said = any

/** Somebody who speaks the messages, over whatever it is. */
export type Speaker = {
  readonly say: (message: object | string) => void
  /** The next message that came. */
  readonly hear: () => Promise<Said>
  /** Says it, and hears the next. */
  readonly ask: (message: object | string) => Promise<Said>
  readonly ended: Promise<{ readonly code?: number; readonly reason?: string }>
  /** Goes without a word. */
  readonly cut: () => void
}

export type House = {
  readonly running: Running
  readonly ws: string
  readonly tcp: number
  readonly udp: number
  readonly overWebSocket: (headers?: Record<string, string>) => Promise<Speaker>
  readonly overTcp: () => Promise<Speaker>
  /** What handlers have seen. */
  readonly seen: string[]
  readonly until: (condition: () => boolean) => Promise<void>
}

export async function house(
  t: TestContext,
  { door = {}, security = 'off' }: { door?: SocketOptions; security?: SystemOptions['security'] } = {},
): Promise<House> {
  const seen: string[] = []
  let wake = (): void => {}
  const note = (what: string): void => {
    seen.push(what)
    wake()
  }
  const rooms = service(Rooms, {
    handlers: {
      echo: (given) => given,
      maybe: (given) => given,
      enter: ({ room }) => {
        note(`enter ${room}`)
        if (room === 'full') throw Full({ room, at: new Date(0) })
        if (room === 'broken') throw new Error('the password is 1234')
        if (room === 'away') throw new CallError('UNAVAILABLE', 'The room is being cleaned')
        return seen.filter((one) => one === `enter ${room}`).length
      },
      lock: () => undefined,
      move: ({ x }) => {
        note(`move ${x}`)
        return x
      },
      big: ({ size }) => 'x'.repeat(size),
      hang: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          note('hang')
          signal.addEventListener('abort', () => {
            note('hang ended')
            reject(signal.reason as Error)
          })
        }),
      count: async function* ({ to, size = 0 }, { signal }) {
        try {
          for (let n = 1; n <= to; n++) {
            note(`count ${n}`)
            yield { n, text: 'x'.repeat(size) }
          }
          if (to === 3) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        } finally {
          note('count ended')
        }
      },
      talk: async function* ({ name }, incoming) {
        try {
          for await (const { text } of incoming) yield `${name}: ${text}`
          yield `${name} left`
        } finally {
          note(`talk ended`)
        }
      },
      // oxlint-disable-next-line require-yield
      deaf: async function* (_, _incoming, { signal }) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        note('deaf ended')
      },
    },
  })
  const directory = mkdtempSync(join(tmpdir(), 'dure-socket-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  // What hangs on purpose is not waited for.
  const limits = { drain: 100, ...door.limits }
  const doors = [
    socket({ port: 0, tcp: { port: 0 }, udp: { port: 0, operations: ['rooms.move', 'rooms.big'] }, ...door, limits }),
  ]
  const running = await start(system('house', { services: [rooms], doors, security }), { directory, log: silentLogger() })
  t.after(() => running.stop())
  const { url, addresses } = running.doors[0]!
  const portOf = (at: number): number => (addresses![at] as { port: number }).port
  return {
    ...{ running, seen, ws: url!, tcp: portOf(1), udp: portOf(2) },
    until: async (condition) => {
      while (!condition()) await new Promise<void>((resolve) => void (wake = resolve))
    },
    overWebSocket: (headers) => webSocket(t, url!, headers),
    overTcp: () => tcp(t, portOf(1)),
  }
}

function speaker(how: {
  readonly send: (text: string) => void
  readonly ended: Speaker['ended']
  readonly cut: () => void
}): Speaker & { readonly came: (text: string) => void } {
  const messages: Said[] = []
  const waiting: ((message: Said) => void)[] = []
  const hear = (): Promise<Said> =>
    messages.length > 0 ? Promise.resolve(messages.shift()) : new Promise((resolve) => waiting.push(resolve))
  const say = (message: object | string): void => how.send(typeof message === 'string' ? message : JSON.stringify(message))
  return {
    ...{ say, hear, ended: how.ended, cut: how.cut },
    ask: (message) => {
      say(message)
      return hear()
    },
    came: (text) => {
      const message: Said = JSON.parse(text)
      const next = waiting.shift()
      if (next === undefined) messages.push(message)
      else next(message)
    },
  }
}

export async function webSocket(t: TestContext, url: string, headers: Record<string, string> = {}): Promise<Speaker> {
  const one = new WebSocket(url, { protocols: ['dure.socket.v1'], headers } as never)
  const ended = new Promise<{ code: number; reason: string }>((resolve) => one.addEventListener('close', resolve))
  const made = speaker({ send: (text) => one.send(text), ended, cut: () => one.close() })
  one.addEventListener('message', ({ data }) => made.came(data as string))
  t.after(() => one.close())
  await new Promise((resolve, reject) => {
    one.addEventListener('open', resolve)
    one.addEventListener('error', () => reject(new Error('It was not taken')))
  })
  return made
}

export async function tcp(t: TestContext, port: number): Promise<Speaker> {
  const one = connectTcp(port, '127.0.0.1')
  const ended = new Promise<{}>((resolve) => one.once('close', () => resolve({})))
  const made = speaker({ send: (text) => one.write(`${text}\n`), ended, cut: () => one.destroy() })
  createInterface(one).on('line', made.came)
  t.after(() => one.destroy())
  one.on('error', () => {})
  await new Promise((resolve) => one.once('connect', resolve))
  return made
}
