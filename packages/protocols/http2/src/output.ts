import type { Socket } from 'node:net'
import type { Timers } from 'dure/runtime'
import { DATA, END_HEADERS, END_STREAM, CONTINUATION, HEAD, HEADERS, LONGEST } from './codes.ts'

/** Frames that go out. What is said in one turn leaves with one write to the socket. */
export type Output = {
  readonly frame: (type: number, flags: number, id: number, payload: Uint8Array) => void
  /** A frame whose payload begins with a number of 32 bits, and has `rest` behind it. */
  readonly number: (type: number, id: number, value: number, rest?: Uint8Array) => void
  readonly headers: (id: number, block: Uint8Array, end: boolean) => void
  /** @param to at most LONGEST behind `from` */
  readonly data: (id: number, bytes: Uint8Array, from: number, to: number, end: boolean) => void
  /** The client does not take what is there already. */
  readonly isFull: () => boolean
  /** Bytes that the socket has not taken yet. */
  readonly backlog: () => number
  readonly flush: () => void
}

/** What a turn's frames are gathered in, for whichever connection needs one: most need none most of the time. */
const SIZE = 65_536
const SPARES = 64
const spares: Buffer[] = []
/** Fewer bytes are copied once more, so that the gathering buffer can be used again. */
const SMALL = 8_192
const NOTHING = new Uint8Array(0)

/** @param flushed called behind each flush */
export function createOutput(socket: Socket, timers: Pick<Timers, 'soon'>, flushed: () => void): Output {
  let buffer: Buffer | undefined
  let at = 0
  let isAsked = false

  const send = (): void => {
    if (buffer === undefined || at === 0) return
    const bytes = at < SMALL ? Buffer.from(buffer.subarray(0, at)) : buffer.subarray(0, at)
    if (at < SMALL && spares.length < SPARES) spares.push(buffer)
    buffer = undefined
    at = 0
    if (socket.writable) socket.write(bytes)
  }

  const flush = (): void => {
    isAsked = false
    send()
    flushed()
  }

  const begin = (type: number, flags: number, id: number, length: number): Buffer => {
    if (at + HEAD + length > SIZE) send()
    buffer ??= spares.pop() ?? Buffer.allocUnsafeSlow(SIZE)
    buffer[at] = length >>> 16
    buffer[at + 1] = length >>> 8
    buffer[at + 2] = length
    buffer[at + 3] = type
    buffer[at + 4] = flags
    buffer[at + 5] = id >>> 24
    buffer[at + 6] = id >>> 16
    buffer[at + 7] = id >>> 8
    buffer[at + 8] = id
    at += HEAD
    if (!isAsked) {
      isAsked = true
      timers.soon(flush)
    }
    return buffer
  }

  const part = (type: number, flags: number, id: number, bytes: Uint8Array, from: number, to: number): void => {
    const into = begin(type, flags, id, to - from)
    // For a few bytes a view and a call cost more than a loop.
    if (to - from <= 64) for (let i = from; i < to; i++) into[at++] = bytes[i]!
    else {
      into.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), at)
      at += to - from
    }
  }

  return {
    frame: (type, flags, id, payload) => part(type, flags, id, payload, 0, payload.length),
    number: (type, id, value, rest = NOTHING) => {
      const into = begin(type, 0, id, 4 + rest.length)
      at = into.writeUInt32BE(value, at)
      into.set(rest, at)
      at += rest.length
    },
    headers: (id, block, end) => {
      for (let from = 0; from === 0 || from < block.length; from += LONGEST) {
        const to = Math.min(block.length, from + LONGEST)
        const flags = (from === 0 && end ? END_STREAM : 0) | (to === block.length ? END_HEADERS : 0)
        part(from === 0 ? HEADERS : CONTINUATION, flags, id, block, from, to)
      }
    },
    data: (id, bytes, from, to, end) => part(DATA, end ? END_STREAM : 0, id, bytes, from, to),
    isFull: () => socket.writableNeedDrain || at > SIZE / 2,
    backlog: () => at + socket.writableLength,
    flush,
  }
}
