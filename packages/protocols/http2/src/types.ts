import type { Runtime } from 'dure/runtime'
import type { Http2Limits } from './limits.ts'

/**
 * Headers to send, in order: names in small letters, `:status` first. One that is sent often should be one value, made once:
 * how it is written is then remembered by connection.
 */
export type Http2Headers = readonly (readonly [name: string, value: string])[]

/** What becomes of one request. All three are called in the turn in which the bytes came. */
export type Http2Receiver = {
  /** A part of the body, in order. The bytes may be kept. What is given is credited to the client at once, unless the stream is paused. */
  readonly data: (bytes: Uint8Array) => void
  /** The request is whole. @param trailers undefined: there are none */
  readonly end: (trailers: ReadonlyMap<string, string> | undefined) => void
  /**
   * The stream is over before it was whole both ways: the client has reset it, or the connection has ended. Nothing more
   * comes of it, and what is written to it goes nowhere. Not called after `reset`.
   * @param code of RFC 9113, section 7: 8 is CANCEL
   */
  readonly aborted: (code: number) => void
}

/** One request and its answer. */
export type Http2Stream = {
  readonly id: number
  /**
   * By names in small letters, `:method`, `:path`, `:scheme` and `:authority` among them; what came more than once is
   * joined with `, ` (cookies with `; `). Do not change it: requests with the same headers share it.
   */
  readonly headers: ReadonlyMap<string, string>
  /** No body will come; `end` is called nevertheless. */
  readonly bodiless: boolean
  /** Nothing can be written any more: it has ended, was reset, or the connection is gone. */
  readonly closed: boolean
  /** From here on what comes is held back, and not credited: the client may send until its window is full. */
  readonly pause: () => void
  /** Gives on what was held back, and credits it. */
  readonly resume: () => void
  /**
   * Begins the answer, once. @param how `own`: headers of this answer alone, behind the others; `end`: and ends it
   * @throws {TypeError} when a name or a value cannot be sent, so that none can smuggle another in
   */
  readonly respond: (headers: Http2Headers, how?: { readonly own?: Http2Headers | undefined; readonly end?: boolean }) => void
  /**
   * Sends a part of the body, which must not be changed afterwards. What is written in one turn leaves in one packet.
   * @returns false: it waits for the client, as all that is written before `drained` will
   */
  readonly write: (bytes: Uint8Array) => boolean
  /** Calls once when nothing waits any more; not at all when the stream is aborted. */
  readonly drained: (then: () => void) => void
  /** Ends the answer behind all that was written. A client that still sends is told to stop. */
  readonly end: (trailers?: Http2Headers) => void
  /** Gives the stream up both ways. @param code of RFC 9113, section 7; default 8, CANCEL */
  readonly reset: (code?: number) => void
}

export type Http2Options = {
  /** A request has begun: gives back what its body is told to. When it throws, the stream is reset with INTERNAL_ERROR. */
  readonly onStream: (stream: Http2Stream) => Http2Receiver
  /** What `onStream` or a receiver has thrown: a defect. */
  readonly onError: (error: unknown) => void
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  readonly limits?: Partial<Http2Limits>
  /** What was read of the socket already, to see what the client speaks. */
  readonly head?: Uint8Array
}

/** How a connection has ended. */
export type Http2End = {
  /** Of RFC 9113, section 7: 0 when nothing was wrong. */
  readonly code: number
  /** In words, for logs. */
  readonly reason: string
}

export type Http2Connection = {
  /** Takes leave: streams that are there are served to their end, new ones belong elsewhere. Resolves when the connection has ended. */
  readonly goAway: () => Promise<void>
  /** Ends it at once. */
  readonly destroy: () => void
  /** Never rejects. */
  readonly closed: Promise<Http2End>
  /** Streams that are open. */
  readonly streams: number
}
