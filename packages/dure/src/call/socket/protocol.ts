/**
 * The words of the wire. Every frame is a length (4 bytes, of all that follows), a type (1 byte), an id (4 bytes: the
 * call it belongs to, or 0) and a body. Numbers are big-endian.
 */

/** Raised whenever a frame changes its meaning. Both sides must speak the same one. */
export const VERSION = 3

export const MAGIC = 0x44555245 // "DURE"

/** Length, type and id. */
export const HEADER = 9

export const HELLO = 1 // magic (4), version (2), longest frame it takes (4); the answer is the same
export const REFUSE = 2 // text: why this connection will not be served
export const PING = 3
export const PONG = 4
export const LEAVING = 5 // the server is stopping, or (id 1) needs the place; the caller says the same after its last call
export const NAME = 6 // id: a number for what the body (text) says, for the rest of the connection
export const CALL = 7 // operation name (2), caller name (2, 0: none), milliseconds left (4), flags (1), texts, value
export const STREAM = 8 // as CALL, with a credit (8, as CREDIT's) before the flags
export const CANCEL = 9 // why (1)
export const CREDIT = 10 // how many more values (4) and bytes of them (4) may come, of a stream or (from the callee) of a channel's caller
export const ANSWER = 11 // form (1), value
export const ITEM = 12 // form (1), value: of a stream, or of a channel's caller
export const END = 13 // no more of them
export const FAILURE = 14 // form (1), failure: the answer, or why a channel's caller sends no more
export const CHANNEL = 15 // as STREAM
export const STOP = 16 // no more values of a channel's caller are wanted
export const PRINCIPAL = 17 // id: a place for whoever the body (text, JSON) tells of, until it is given to another

/** Flags of a call: which texts follow, in this order, and the form of the value. */
export const HAS_CORRELATION = 1
export const HAS_CAUSATION = 2
export const HAS_TRACE = 4
export const HAS_KEY = 8
export const HAS_TRACESTATE = 16
/** On whose behalf: its place (2), not a text. */
export const HAS_PRINCIPAL = 32
/** As JSON. */
export const HAS_METADATA = 64
export const TAGGED = 128

/** Why a call is ended; `DONE`: the caller of a stream has seen enough. */
export const REASONS = ['caller', 'deadline', 'stopping'] as const
export const DONE = 3

/** What the other side sent makes no sense: the connection cannot go on. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}
