import {
  ACK,
  COMPRESSION_ERROR,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  ENHANCE_YOUR_CALM,
  FLOW_CONTROL_ERROR,
  FRAME_SIZE_ERROR,
  GOAWAY,
  HAS_PRIORITY,
  HEADERS,
  LARGEST_WINDOW,
  NO_ERROR,
  PADDED,
  PING,
  PRIORITY,
  PROTOCOL_ERROR,
  PUSH_PROMISE,
  REFUSED_STREAM,
  RST_STREAM,
  SETTINGS,
  STREAM_CLOSED,
  WINDOW_UPDATE,
} from './codes.ts'
import { credit, fail, finishIfLeft, giveUp, leaveNow, LEAVING, spend, type Connection } from './connection.ts'
import type { OnFrame } from './frame-reader.ts'
import { readRequest, readTrailers } from './request.ts'
import { ServerStream } from './stream.ts'
import type { Http2Headers } from './types.ts'

/** What each frame does that a client sends, and what those it may not send lead to (RFC 9113, sections 4 to 6). */

const NOTHING = Buffer.alloc(0)
/** Frames of one list of headers. */
const FRAMES = 16
const TOO_LARGE: Http2Headers = [[':status', '431']]
const CONTINUE: Http2Headers = [[':status', '100']]

export function incoming(c: Connection): OnFrame {
  return (type, flags, id, bytes, from, to) => {
    if (c.block !== undefined && (type !== CONTINUATION || id !== c.block.id))
      return fail(c, PROTOCOL_ERROR, 'A list of headers was not ended')
    if (!c.isSettled && type !== SETTINGS) return fail(c, PROTOCOL_ERROR, 'The first frame is not SETTINGS')
    const length = to - from
    if (type === DATA) return onData(c, flags, id, bytes, from, to)
    if (type === HEADERS) return onHeaders(c, flags, id, bytes, from, to)
    if (type === WINDOW_UPDATE) {
      if (length !== 4) return fail(c, FRAME_SIZE_ERROR, 'WINDOW_UPDATE has not 4 bytes')
      return onWindowUpdate(c, id, bytes.readUInt32BE(from) & LARGEST_WINDOW)
    }
    if (type === RST_STREAM) {
      if (length !== 4) return fail(c, FRAME_SIZE_ERROR, 'RST_STREAM has not 4 bytes')
      return onReset(c, id, bytes.readUInt32BE(from))
    }
    if (type === CONTINUATION) return onContinuation(c, flags, bytes, from, to)
    onControl(c, type, flags, id, bytes.subarray(from, to))
  }
}

function onControl(c: Connection, type: number, flags: number, id: number, payload: Buffer): void {
  if (type === PRIORITY) return onPriority(c, id, payload)
  if (type === PUSH_PROMISE) return fail(c, PROTOCOL_ERROR, 'A client does not push')
  if (type !== SETTINGS && type !== PING && type !== GOAWAY) return void spend(c, 'frames of unknown types')
  if (id !== 0) return fail(c, PROTOCOL_ERROR, 'A frame of the connection is on a stream')
  if (type === SETTINGS) return onSettings(c, flags, payload)
  if (type === GOAWAY) {
    if (payload.length < 8) return fail(c, FRAME_SIZE_ERROR, 'GOAWAY has fewer than 8 bytes')
    c.isLeft = true
    return finishIfLeft(c)
  }
  if (payload.length !== 8) return fail(c, FRAME_SIZE_ERROR, 'PING has not 8 bytes')
  if ((flags & ACK) !== 0) return payload.equals(LEAVING) ? leaveNow(c) : undefined
  if (spend(c, 'pings')) c.output.frame(PING, ACK, 0, payload)
}

/** What is between padding. @returns undefined: there is more of it than there are bytes */
function unpadded(flags: number, bytes: Buffer, from: number, to: number): readonly [from: number, to: number] | undefined {
  if ((flags & PADDED) === 0) return [from, to]
  return from < to && from + 1 + bytes[from]! <= to ? [from + 1, to - bytes[from]!] : undefined
}

function onData(c: Connection, flags: number, id: number, bytes: Buffer, from: number, to: number): void {
  const stream = c.streams.get(id)
  if (stream === undefined && (id > c.lastId || id % 2 === 0)) return fail(c, PROTOCOL_ERROR, 'DATA is on no stream')
  const part = unpadded(flags, bytes, from, to)
  if (part === undefined) return fail(c, PROTOCOL_ERROR, 'There is more padding than there are bytes')
  c.granted -= to - from
  if (c.granted < 0) return fail(c, FLOW_CONTROL_ERROR, 'More came than the window of the connection has')
  const ends = (flags & END_STREAM) !== 0
  if (part[0] === part[1] && !ends && !spend(c, 'empty frames')) return
  if (stream === undefined || stream.isWhole) {
    credit(c, to - from)
    if (stream === undefined && c.given.has(id)) return
    if (!spend(c, 'frames on closed streams')) return
    if (stream === undefined) giveUp(c, id, STREAM_CLOSED)
    else stream.abort(STREAM_CLOSED, 'tell')
    return
  }
  if (ends) stream.isWhole = true
  stream.receive(bytes, part[0], part[1], to - from)
  if (ends) stream.receiveEnd(undefined)
}

function onHeaders(c: Connection, flags: number, id: number, bytes: Buffer, from: number, to: number): void {
  if (id % 2 === 0) return fail(c, PROTOCOL_ERROR, `A client begins no stream ${id}`)
  const part = unpadded(flags, bytes, from, to)
  const begin = part === undefined ? 0 : part[0] + ((flags & HAS_PRIORITY) === 0 ? 0 : 5)
  if (part === undefined || begin > part[1]) return fail(c, PROTOCOL_ERROR, 'There is more padding than there are bytes')
  if (begin > part[0] && (bytes.readUInt32BE(part[0]) & LARGEST_WINDOW) === id)
    return fail(c, PROTOCOL_ERROR, 'A stream depends on itself')
  if ((flags & END_HEADERS) !== 0) return onBlock(c, id, flags, bytes, begin, part[1])
  c.block = { id, flags, parts: [bytes.subarray(begin, part[1])], size: part[1] - begin, begun: c.now }
}

function onContinuation(c: Connection, flags: number, bytes: Buffer, from: number, to: number): void {
  const { block } = c
  if (block === undefined) return fail(c, PROTOCOL_ERROR, 'There is no list of headers to go on with')
  block.parts.push(bytes.subarray(from, to))
  block.size += to - from
  // Huffman saves less than that, and a table nothing of what is sent the first time.
  if (block.size > c.limits.headerList * 2 || block.parts.length > FRAMES)
    return fail(c, ENHANCE_YOUR_CALM, 'A list of headers does not end')
  if ((flags & END_HEADERS) === 0) return
  c.block = undefined
  const whole = Buffer.concat(block.parts)
  onBlock(c, block.id, block.flags, whole, 0, whole.length)
}

function onBlock(c: Connection, id: number, flags: number, bytes: Buffer, from: number, to: number): void {
  const block = c.decoder.decode(bytes, from, to)
  if (block === 'wrong') return fail(c, COMPRESSION_ERROR, 'Headers cannot be read')
  const ends = (flags & END_STREAM) !== 0
  const stream = c.streams.get(id)
  if (stream !== undefined) return onTrailers(c, stream, ends, block === 'large' ? undefined : readTrailers(block.fields))
  if (id <= c.lastId) {
    if (c.given.has(id)) return
    return fail(c, id === c.lastId ? STREAM_CLOSED : PROTOCOL_ERROR, `The stream ${id} is over`)
  }
  // Who began it will begin it elsewhere, by the last id that was told.
  if (c.leaving === 'last') return
  c.lastId = id
  if (c.streams.size >= c.limits.streams) return void (spend(c, 'streams at once') && giveUp(c, id, REFUSED_STREAM))
  if (block === 'large') {
    if (!spend(c, 'headers')) return
    c.host.headers(id, TOO_LARGE, undefined, true)
    return ends ? undefined : giveUp(c, id, NO_ERROR)
  }
  const head = (block.read ??= readRequest(block.fields) ?? 'malformed')
  if (head === 'malformed') return void (spend(c, 'malformed requests') && giveUp(c, id, PROTOCOL_ERROR))
  if (ends && head.length > 0) return void (spend(c, 'malformed requests') && giveUp(c, id, PROTOCOL_ERROR))
  open(c, new ServerStream(c.host, id, head, ends, c.firstWindow))
}

function open(c: Connection, stream: ServerStream): void {
  c.streams.set(stream.id, stream)
  stream.isWhole = stream.bodiless
  stream.open(c.options.onStream)
  if (stream.bodiless) stream.receiveEnd(undefined)
  else if (!stream.hasAnswered && stream.headers.get('expect') === '100-continue')
    c.host.headers(stream.id, CONTINUE, undefined, false)
}

function onTrailers(c: Connection, stream: ServerStream, ends: boolean, trailers: ReadonlyMap<string, string> | undefined): void {
  if (stream.isWhole || !ends || trailers === undefined) {
    if (!spend(c, 'malformed trailers')) return
    return stream.abort(stream.isWhole ? STREAM_CLOSED : PROTOCOL_ERROR, 'tell')
  }
  stream.receiveEnd(trailers)
}

function onPriority(c: Connection, id: number, payload: Buffer): void {
  if (id === 0) return fail(c, PROTOCOL_ERROR, 'PRIORITY is on no stream')
  if (!spend(c, 'frames of priority')) return
  const code = payload.length !== 5 ? FRAME_SIZE_ERROR : PROTOCOL_ERROR
  if (payload.length === 5 && (payload.readUInt32BE() & LARGEST_WINDOW) !== id) return
  const stream = c.streams.get(id)
  if (stream === undefined) giveUp(c, id, code)
  else stream.abort(code, 'tell')
}

function onReset(c: Connection, id: number, code: number): void {
  if (id === 0 || id > c.lastId) return fail(c, PROTOCOL_ERROR, 'RST_STREAM is on no stream')
  const stream = c.streams.get(id)
  if (stream === undefined || !spend(c, 'streams reset')) return
  stream.abort(code)
}

function onSettings(c: Connection, flags: number, payload: Buffer): void {
  if ((flags & ACK) !== 0)
    return payload.length > 0 ? fail(c, FRAME_SIZE_ERROR, 'SETTINGS are acknowledged with more') : undefined
  if (payload.length % 6 !== 0) return fail(c, FRAME_SIZE_ERROR, 'SETTINGS are not of 6 bytes each')
  c.isSettled = true
  for (let at = 0; at < payload.length; at += 6) {
    // Each may cost a walk over all streams.
    if (!spend(c, 'settings')) return
    const wrong = setting(c, payload.readUInt16BE(at), payload.readUInt32BE(at + 2))
    if (wrong !== undefined) return fail(c, wrong, 'A setting has a value that it cannot have')
  }
  if (!spend(c, 'settings')) return
  c.output.frame(SETTINGS, ACK, 0, NOTHING)
  c.sender.sendAll()
}

/** @returns the code of what is wrong with it */
function setting(c: Connection, name: number, value: number): number | undefined {
  if (name === 1) c.encoder.resize(value)
  if (name === 2 && value > 1) return PROTOCOL_ERROR
  if (name === 4) {
    if (value > LARGEST_WINDOW) return FLOW_CONTROL_ERROR
    for (const stream of c.streams.values()) {
      stream.window += value - c.firstWindow
      if (stream.window > LARGEST_WINDOW) return FLOW_CONTROL_ERROR
    }
    c.firstWindow = value
  }
  // Whatever larger frames are taken, none larger is sent than everybody takes.
  return name === 5 && (value < 16_384 || value > 16_777_215) ? PROTOCOL_ERROR : undefined
}

function onWindowUpdate(c: Connection, id: number, bytes: number): void {
  if (id > c.lastId) return fail(c, PROTOCOL_ERROR, 'WINDOW_UPDATE is on no stream')
  // Every frame that is taken may be told of, on its stream and on the connection; more is a flood.
  if (c.sender.whole > 0) c.sender.whole -= 0.5
  else if (!spend(c, 'changes of windows')) return
  const stream = c.streams.get(id)
  if (id === 0) {
    if (bytes === 0) return fail(c, PROTOCOL_ERROR, 'A window grows by nothing')
    if (!c.sender.grant(bytes)) return fail(c, FLOW_CONTROL_ERROR, 'The window of the connection is larger than one can be')
    return c.sender.sendAll()
  }
  if (stream === undefined) return
  if (bytes === 0) return stream.abort(PROTOCOL_ERROR, 'tell')
  stream.window += bytes
  if (stream.window > LARGEST_WINDOW) return stream.abort(FLOW_CONTROL_ERROR, 'tell')
  if (c.sender.waiting.has(stream)) c.sender.send(stream)
}
