import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { Runtime, Timer } from 'dure/runtime'
import {
  CODE,
  COMMAND,
  frame,
  frameCutter,
  pairs,
  readerOf,
  RESPONSE,
  text,
  u16,
  u32,
  type Field,
  type Reader,
} from './frames.ts'

/** Where the server is, and who comes. */
export type StreamAddress = {
  readonly host: string
  readonly port: number
  readonly username: string
  readonly password: string
  readonly vhost: string
  readonly tls: ConnectionOptions | undefined
}

/** What the server says without being asked. */
export type StreamEvents = {
  readonly delivered: (subscription: number, chunk: Reader) => void
  readonly confirmed: (publisher: number, ids: readonly number[]) => void
  readonly refused: (publisher: number, ids: readonly number[], code: number) => void
  /** A stream is not there any more, or is led by another server. */
  readonly gone: (stream: string) => void
  /** Once, whatever the reason. */
  readonly closed: (error: Error) => void
}

export type StreamConnection = {
  /** Of the server: `4.0.5`. */
  readonly version: string
  /** @throws {StreamError} when the server refuses, or the connection ends before it has answered */
  readonly request: (key: number, fields: readonly Field[]) => Promise<Reader>
  readonly tell: (key: number, fields: readonly Field[]) => void
  readonly close: (error?: Error) => void
  readonly isClosed: () => boolean
}

/** What the server answered instead of doing it. */
export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** Bytes of a frame of ours: a message of the largest kind, and what comes around it. */
const MOST_FRAME = 8 * 1024 * 1024
/** A chunk comes whole, whatever was agreed on: several messages of other programs, which have up to 16 MB each by the server's default. */
const MOST_CHUNK = 256 * 1024 * 1024

/**
 * One connection in RabbitMQ's stream protocol. It ends when the server has been silent for two heartbeats, or has not answered
 * in time: then everything that waits on it is rejected.
 */
export async function openStreamConnection(options: {
  readonly address: StreamAddress
  readonly events: StreamEvents
  readonly runtime: Runtime
  /** Milliseconds for an answer. */
  readonly timeout: number
  /** Seconds between signs of life. */
  readonly heartbeat: number
}): Promise<StreamConnection> {
  const { address, events, runtime, timeout, heartbeat } = options
  const { timers, clock } = runtime
  const { host, port, tls } = address
  const waiting = new Map<number, PromiseWithResolvers<Reader> & { readonly timer: Timer }>()
  let correlation = 0
  let ended: Error | undefined
  let [heard, spoke] = [clock.monotonic(), clock.monotonic()]
  let pulse: Timer | undefined
  const tuned = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  tuned.promise.catch(() => {})

  const socket: Socket = tls ? connectTls({ host, port, ...tls }) : connectTcp({ host, port, noDelay: true })
  socket.setNoDelay(true)
  const end = (error: Error): void => {
    if (ended !== undefined) return
    ended = error
    pulse?.cancel()
    socket.destroy()
    opened.reject(error)
    tuned.reject(error)
    for (const { reject, timer } of waiting.values()) {
      timer.cancel()
      reject(error)
    }
    waiting.clear()
    events.closed(error)
  }
  const write = (bytes: Buffer): void => {
    spoke = clock.monotonic()
    socket.write(bytes)
  }
  const tell: StreamConnection['tell'] = (key, fields) => void (ended === undefined && write(frame(key, fields)))
  const request: StreamConnection['request'] = (key, fields) => {
    if (ended !== undefined) return Promise.reject(ended)
    const id = ++correlation
    const late = (): void => end(new Error(`the server has not answered for ${timeout} ms`))
    const answer = { ...Promise.withResolvers<Reader>(), timer: timers.after(timeout, late) }
    waiting.set(id, answer)
    write(frame(key, fields, id))
    return answer.promise
  }

  const answered = (reader: Reader): void => {
    const answer = waiting.get(reader.u32())
    if (answer === undefined) return
    answer.timer.cancel()
    const code = reader.u16()
    if (code === CODE.ok) answer.resolve(reader)
    else answer.reject(new StreamError(code, `the server answered with code ${code}`))
    for (const [id, one] of waiting) if (one === answer) waiting.delete(id)
  }
  const came = (bytes: Buffer): void => {
    const reader = readerOf(bytes)
    const key = reader.u16()
    reader.u16()
    if (key & RESPONSE && key !== (COMMAND.credit | RESPONSE)) return answered(reader)
    if (key === COMMAND.deliver) return events.delivered(reader.u8(), reader)
    if (key === COMMAND.confirm) return events.confirmed(reader.u8(), reader.list(reader.i64))
    if (key === COMMAND.refuse) {
      const publisher = reader.u8()
      const each = reader.list(() => ({ id: reader.i64(), code: reader.u16() }))
      return events.refused(
        publisher,
        each.map(({ id }) => id),
        each[0]?.code ?? 0,
      )
    }
    if (key === COMMAND.gone) {
      reader.u16()
      return events.gone(reader.text())
    }
    if (key === COMMAND.tune) {
      write(frame(COMMAND.tune, [u32(MOST_FRAME), u32(heartbeat)]))
      return tuned.resolve()
    }
    if (key === COMMAND.close) {
      const [id, code, reason] = [reader.u32(), reader.u16(), reader.text()]
      write(frame(COMMAND.close | RESPONSE, [u32(id), u16(CODE.ok)]))
      end(new StreamError(code, `the server ended the connection: ${reason}`))
    }
  }
  const cut = frameCutter(MOST_CHUNK, came)
  socket.on('data', (bytes: Buffer) => {
    heard = clock.monotonic()
    try {
      cut(bytes)
    } catch (error) {
      end(new Error(`what the server said cannot be read: ${(error as Error).message}`, { cause: error }))
    }
  })
  socket.on('error', end).on('close', () => end(new Error('the connection is lost')))
  socket.on(tls ? 'secureConnect' : 'connect', () => opened.resolve())
  const silent = timers.after(timeout, () => end(new Error(`no connection after ${timeout} ms`)))
  try {
    await opened.promise
  } finally {
    silent.cancel()
  }

  const beat = (): void => {
    const now = clock.monotonic()
    if (now - heard > heartbeat * 2_000) return end(new Error(`the server has said nothing for ${heartbeat * 2} seconds`))
    if (now - spoke >= heartbeat * 500) tell(COMMAND.heartbeat, [])
    pulse = timers.after(heartbeat * 500, beat)
  }
  try {
    const version = await logIn(address, request, tuned.promise)
    pulse = timers.after(heartbeat * 500, beat)
    const close = (error = new Error('the connection was closed')): void => end(error)
    return { version, request, tell, close, isClosed: () => ended !== undefined }
  } catch (error) {
    end(error as Error)
    throw error
  }
}

/** Says who comes and where to. Answers the server's version. */
async function logIn(
  { username, password, vhost }: StreamAddress,
  request: StreamConnection['request'],
  tuned: Promise<void>,
): Promise<string> {
  const told = await request(COMMAND.properties, [pairs({ product: 'Dure', platform: 'Node.js' })])
  const version = told.pairs().get('version') ?? 'unknown'
  await request(COMMAND.handshake, [])
  const secret = Buffer.from(`\0${username}\0${password}`)
  await request(COMMAND.authenticate, [text('PLAIN'), u32(secret.length), secret])
  await tuned
  await request(COMMAND.open, [text(vhost)])
  return version
}
