import type { CloseCode } from './closing.ts'
import type { SocketLimits } from './limits.ts'

/** One connection, whatever carries it. */
export type Line = {
  readonly send: (text: string) => void
  /** Bytes that its reader has not taken yet, as far as is known here. */
  readonly behind: () => number
  /** Ends it, and says why. */
  readonly end: (code: CloseCode, reason: string) => void
}

/** What goes to one client, over one connection or, if it comes back, over several: counted, kept, and no faster than it is read. */
export type Session = {
  readonly id: string
  /** Messages with an `id` that came from its client. */
  received: number
  readonly line: () => Line | undefined
  /** Sends a message with an `id`. */
  readonly send: (text: string) => void
  /** Undefined while there is room for more; else resolves when there is, or nobody reads any more. */
  readonly room: () => Promise<void> | undefined
  readonly isFull: () => boolean
  /** Some of what was behind has gone. */
  readonly moved: () => void
  readonly acked: (received: number) => void
  /** Goes on over a new connection, whose client had `received` messages; undefined when what comes after is no more there. */
  readonly resume: (line: Line, received: number) => Resumed | undefined
  /** The connection is gone. */
  readonly detach: () => void
  /** Nobody comes back. */
  readonly end: () => void
}

/** Sends what the client has missed; after it was welcomed. */
export type Resumed = { readonly replay: () => void }

/**
 * @param options.resumable whether what was sent is kept, to be sent again
 * @param options.acks whether the client says what it has got
 */
export function createSession(options: {
  readonly id: string
  readonly line: Line
  readonly limits: Pick<SocketLimits, 'buffer'>
  readonly resumable: boolean
  readonly acks: boolean
}): Session {
  const { id, limits, resumable, acks } = options
  let line: Line | undefined = options.line
  let over = false
  /** Messages that may have to be sent again, oldest first; the first of them has the number `first`. */
  let messages: string[] = []
  let first = 0
  let bytes = 0
  let waiting: (() => void)[] = []

  const behind = (): number => (line === undefined || acks ? bytes : line.behind())
  const wake = (): void => {
    if (waiting.length === 0 || (!over && behind() >= limits.buffer)) return
    const now = waiting
    waiting = []
    for (const go of now) go()
  }
  const forget = (count: number): void => {
    for (const text of messages.splice(0, count)) bytes -= text.length
    first += count
  }

  return {
    id,
    received: 0,
    line: () => line,
    send: (text) => {
      if (over) return
      if (resumable) {
        messages.push(text)
        bytes += text.length
        // Streams have waited before; these are answers. Who comes back later than this is told that it cannot.
        let excess = 0
        for (let left = bytes; left > 2 * limits.buffer && excess < messages.length; excess++) left -= messages[excess]!.length
        if (excess > 0) forget(excess)
      } else first++
      line?.send(text)
    },
    room: () => (over || behind() < limits.buffer ? undefined : new Promise((resolve) => waiting.push(resolve))),
    isFull: () => !over && behind() >= limits.buffer,
    moved: wake,
    acked: (received) => {
      if (received > first) forget(Math.min(received - first, messages.length))
      wake()
    },
    resume: (next, received) => {
      if (over || received < first || received > first + messages.length) return undefined
      forget(received - first)
      line = next
      return {
        replay: () => {
          for (const text of messages) next.send(text)
          wake()
        },
      }
    },
    detach: () => {
      line = undefined
    },
    end: () => {
      over = true
      line = undefined
      messages = []
      wake()
    },
  }
}
