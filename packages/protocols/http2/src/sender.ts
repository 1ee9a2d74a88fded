import { FIRST_WINDOW, LARGEST_WINDOW, LONGEST } from './codes.ts'
import type { Output } from './output.ts'

/** What a stream sends: what waits, and how much the client takes of it. */
export type Outgoing = {
  readonly id: number
  /** What the client still takes on this stream; below 0 when it has changed its mind (RFC 9113, section 6.9.2). */
  window: number
  readonly queue: Uint8Array[]
  /** Of the first that waits, what has gone out. */
  sent: number
  /** When something of it went out the last time, or began to wait. */
  moved: number
  /** All that waited has gone out. */
  emptied: () => void
}

/** Shares the connection among streams, one frame each in turn, as far as the client takes it. */
export type Sender = {
  /** Sends what waits on a stream, or has it wait. */
  readonly send: (stream: Outgoing) => void
  readonly forget: (stream: Outgoing) => void
  /** More may be sent, on the connection or by the socket. */
  readonly sendAll: () => void
  /** The client takes so much more. @returns false: more than there can be */
  readonly grant: (bytes: number) => boolean
  /** Those of which something waits. */
  readonly waiting: ReadonlySet<Outgoing>
  /** Frames of data sent whole, or long ones, of which the client has not told yet that it has taken them; counted up to MOST. */
  whole: number
}

const MOST = 1_000

export function createSender(output: Output, now: () => number): Sender {
  const waiting = new Set<Outgoing>()
  let window: number = FIRST_WINDOW

  /** Sends one frame. @returns false: the client takes none */
  const one = (stream: Outgoing): boolean => {
    const first = stream.queue[0]!
    const left = first.length - stream.sent
    const length = Math.min(left, LONGEST, window, stream.window)
    if (output.isFull() || (length <= 0 && left > 0)) return false
    if (left > 0) output.data(stream.id, first, stream.sent, stream.sent + length, false)
    window -= length
    stream.window -= length
    stream.moved = now()
    if (length >= Math.min(left, 1_024) && sender.whole < MOST) sender.whole++
    if (length === left) {
      stream.queue.shift()
      stream.sent = 0
    } else stream.sent += length
    return true
  }

  /** Nothing of it waits any more. */
  const empty = (stream: Outgoing): void => {
    waiting.delete(stream)
    stream.emptied()
  }

  const sender: Sender = {
    waiting,
    whole: 0,
    send: (stream) => {
      while (stream.queue.length > 0 && one(stream));
      if (stream.queue.length === 0) return empty(stream)
      if (waiting.has(stream)) return
      stream.moved = now()
      waiting.add(stream)
    },
    forget: (stream) => void waiting.delete(stream),
    sendAll: () => {
      let moved = true
      while (moved && waiting.size > 0) {
        moved = false
        for (const stream of waiting) {
          if (!one(stream)) continue
          moved = true
          if (stream.queue.length === 0) empty(stream)
        }
      }
    },
    grant: (bytes) => {
      window += bytes
      return window <= LARGEST_WINDOW
    },
  }
  return sender
}
