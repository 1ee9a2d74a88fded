import type { Socket } from 'node:net'
import type { Timer } from 'dure/runtime'
import { createCalm, type Calm } from './calm.ts'
import {
  CANCEL,
  ENHANCE_YOUR_CALM,
  FIRST_WINDOW,
  GOAWAY,
  LARGEST_WINDOW,
  NO_ERROR,
  PING,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from './codes.ts'
import { createFrameReader, type FrameReader, type OnFrame } from './frame-reader.ts'
import { createDecoder, createEncoder, type Decoder, type Encoder } from './hpack/hpack.ts'
import type { Http2Limits } from './limits.ts'
import { createOutput, type Output } from './output.ts'
import type { RequestHead } from './request.ts'
import { createSender, type Sender } from './sender.ts'
import type { ServerStream, StreamHost } from './stream.ts'
import type { Http2End, Http2Options } from './types.ts'

/** What is known of one connection. What comes on it is done in `incoming.ts`. */
export type Connection = {
  readonly socket: Socket
  readonly options: Http2Options
  readonly limits: Http2Limits
  readonly output: Output
  readonly sender: Sender
  readonly decoder: Decoder<RequestHead | 'malformed'>
  readonly encoder: Encoder
  readonly calm: Calm
  readonly reader: FrameReader
  readonly host: StreamHost
  readonly streams: Map<number, ServerStream>
  /** Streams that were given up here, the latest: their client may not know yet. */
  readonly given: Set<number>
  readonly closed: PromiseWithResolvers<Http2End>
  /** Ours, by the clock of the runtime, as of the last time that something came or was looked after. */
  now: number
  /** The client's settings have come. */
  isSettled: boolean
  lastId: number
  /** When the last stream ended. */
  idleSince: number
  /** A list of headers that goes on in frames to come. */
  block:
    | { readonly id: number; readonly flags: number; readonly parts: Buffer[]; size: number; readonly begun: number }
    | undefined
  /** What a stream may send before the client asks for less or more. */
  firstWindow: number
  /** What the client may still send on all streams, and what was taken of it and not credited yet. */
  granted: number
  taken: number
  /** `announced`: streams may still be begun; `last`: they may not. */
  leaving: 'no' | 'announced' | 'last'
  /** The client begins no more. */
  isLeft: boolean
  /** How it ends; nothing more is read then. */
  end: Http2End | undefined
  timer: Timer | undefined
}

/** Of streams that were given up, how many are known: beyond it, frames on older ones are an error of theirs. */
const GIVEN = 1_000
/** Milliseconds for a client to read why its connection ends. */
const LINGER = 1_000
/** What our pings say: that we leave, or ask whether anybody is there. */
export const LEAVING: Buffer = Buffer.from('leaving.')
export const THERE: Buffer = Buffer.from('there..?')
const SETTING = { streams: 3, window: 4, headerList: 6 } as const

export function createConnection(
  socket: Socket,
  options: Http2Options,
  limits: Http2Limits,
  onFrame: (c: Connection) => OnFrame,
): Connection {
  const { clock, timers } = options.runtime
  const output = createOutput(socket, timers, () => relieved(c))
  const c: Connection = {
    socket,
    options,
    limits,
    output,
    sender: createSender(output, () => c.now),
    decoder: createDecoder(limits.headerList),
    encoder: createEncoder(),
    calm: createCalm(clock, limits.burst, limits.perSecond),
    reader: createFrameReader(
      (...frame) => frameOf(...frame),
      () => c.end !== undefined,
      (code, reason) => fail(c, code, reason),
    ),
    host: hostOf(() => c, limits),
    streams: new Map(),
    given: new Set(),
    closed: Promise.withResolvers(),
    now: clock.monotonic(),
    isSettled: false,
    lastId: 0,
    idleSince: clock.monotonic(),
    block: undefined,
    firstWindow: FIRST_WINDOW,
    granted: limits.connectionWindow,
    taken: 0,
    leaving: 'no',
    isLeft: false,
    end: undefined,
    timer: undefined,
  }
  const frameOf = onFrame(c)
  return c
}

/** Our settings, and that the connection may hold more than 65,535 bytes. */
export function greet({ output, limits }: Connection): void {
  const settings = Buffer.alloc(18)
  for (const [i, name] of (['streams', 'window', 'headerList'] as const).entries()) {
    settings.writeUInt16BE(SETTING[name], i * 6)
    settings.writeUInt32BE(limits[name], i * 6 + 2)
  }
  output.frame(SETTINGS, 0, 0, settings)
  if (limits.connectionWindow > FIRST_WINDOW) output.number(WINDOW_UPDATE, 0, limits.connectionWindow - FIRST_WINDOW)
}

function hostOf(get: () => Connection, limits: Http2Limits): StreamHost {
  return {
    window: limits.window,
    headers: (id, headers, own, end) => get().output.headers(id, get().encoder.encode(headers, own), end),
    lastData: (id) => get().output.data(id, LEAVING, 0, 0, true),
    send: (stream) => get().sender.send(stream),
    credit: (stream, bytes, open) => {
      const c = get()
      credit(c, bytes)
      if (!open || (stream.taken += bytes) < limits.window / 2) return
      c.output.number(WINDOW_UPDATE, stream.id, stream.taken)
      stream.taken = 0
    },
    over: (stream, code) => {
      const c = get()
      c.sender.forget(stream)
      c.streams.delete(stream.id)
      c.idleSince = c.now
      if (code !== undefined) giveUp(c, stream.id, code)
      else if (stream.isWhole) c.calm.earn()
      finishIfLeft(c)
    },
    failed: (error) => get().options.onError(error),
  }
}

/** The client may send as much again. */
export function credit(c: Connection, bytes: number): void {
  c.granted += bytes
  c.taken += bytes
  if (c.taken < c.limits.connectionWindow / 2) return
  c.output.number(WINDOW_UPDATE, 0, c.taken)
  c.taken = 0
}

/** Tells the client that a stream is over. */
export function giveUp(c: Connection, id: number, code: number): void {
  if (c.end !== undefined) return
  c.output.number(RST_STREAM, id, code)
  c.given.add(id)
  if (c.given.size <= GIVEN) return
  for (const oldest of c.given) return void c.given.delete(oldest)
}

/** The client does what costs more than it costs itself. @returns false: it has done so too often, and has to go */
export function spend(c: Connection, what: string): boolean {
  if (c.calm.spend()) return true
  fail(c, ENHANCE_YOUR_CALM, `Too many ${what}`)
  return false
}

/** Ends the connection, and says why. What is under way is aborted. */
export function fail(c: Connection, code: number, reason: string): void {
  if (c.end !== undefined) return
  c.output.number(GOAWAY, 0, c.lastId, goAwayRest(code, reason))
  end(c, code, reason)
}

/** Says that no streams are begun any more, in two steps: those that are on their way are still served (RFC 9113, section 6.8). */
export function leave(c: Connection): void {
  if (c.leaving !== 'no' || c.end !== undefined) return
  c.leaving = 'announced'
  c.output.number(GOAWAY, 0, LARGEST_WINDOW, goAwayRest(NO_ERROR, ''))
  c.output.frame(PING, 0, 0, LEAVING)
}

export function leaveNow(c: Connection): void {
  if (c.leaving !== 'announced' || c.end !== undefined) return
  c.leaving = 'last'
  c.output.number(GOAWAY, 0, c.lastId, goAwayRest(NO_ERROR, ''))
  finishIfLeft(c)
}

export function finishIfLeft(c: Connection): void {
  if (c.streams.size > 0 || c.end !== undefined) return
  if (c.leaving === 'last' || c.isLeft)
    end(c, NO_ERROR, c.isLeft ? 'The client has taken leave' : 'It was taken leave of the client')
}

function goAwayRest(code: number, reason: string): Buffer {
  const rest = Buffer.alloc(4 + reason.length)
  rest.writeUInt32BE(code)
  rest.write(reason, 4, 'latin1')
  return rest
}

/** What is gathered goes out; the socket is closed once the client has read it, or does not. */
function end(c: Connection, code: number, reason: string): void {
  c.end = { code, reason }
  abortAll(c, code === NO_ERROR ? CANCEL : code)
  c.output.flush()
  c.socket.resume()
  c.socket.end()
  c.timer?.cancel()
  c.timer = c.options.runtime.timers.after(LINGER, () => c.socket.destroy())
}

/** The socket is gone. */
export function gone(c: Connection): void {
  c.timer?.cancel()
  c.end ??= { code: CANCEL, reason: 'The client has closed the connection' }
  abortAll(c, CANCEL)
  c.closed.resolve(c.end)
}

function abortAll(c: Connection, code: number): void {
  for (const stream of [...c.streams.values()]) stream.abort(code)
}

/** The socket takes more. */
export function relieved(c: Connection): void {
  if (c.end !== undefined) return
  if (c.sender.waiting.size > 0) c.sender.sendAll()
  if (c.socket.isPaused() && c.output.backlog() < c.limits.backlog) c.socket.resume()
}
