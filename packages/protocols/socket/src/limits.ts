import { DOOR_LIMITS, DOOR_RANGES, type DoorLimits } from 'dure/door/internal'
import { BYTES, completeNumbers, COUNT, WHOLE_WAIT, type Ranges } from 'dure/runtime/internal'

/** What one door lets the world ask of it. Times in milliseconds, sizes in bytes. */
export type SocketLimits = DoorLimits & {
  /** Connections at once, WebSocket and TCP together. Default 10,000. */
  readonly connections: number
  /** Calls of one connection in hand at once, streams and channels among them. Default 256. */
  readonly calls: number
  /** One message, or one datagram's answer. Default 256 KiB. */
  readonly message: number
  /** What a connection's reader may be behind before streams wait, and what of a session is kept to be sent again. Default 256 KiB. */
  readonly buffer: number
  /** Values of a channel that its service has not taken yet. Default 64 KiB. */
  readonly window: number
  /** How long a new connection may say nothing, or half a message. Default 10 s. */
  readonly hello: number
  /** How long a reader may take nothing while something waits for it. Default 30 s. */
  readonly stall: number
  /** How long a session waits for its client to come back. Default 60 s. */
  readonly resume: number
  /** Sessions that wait for their clients; the oldest ends for one more. Default 1,000. */
  readonly sessions: number
  /** Senders of datagrams that are remembered, with the newest number of each. Default 10,000. */
  readonly senders: number
}

const DEFAULTS: SocketLimits = {
  ...DOOR_LIMITS,
  connections: 10_000,
  calls: 256,
  message: 256 * 1024,
  buffer: 256 * 1024,
  window: 64 * 1024,
  hello: 10_000,
  stall: 30_000,
  resume: 60_000,
  sessions: 1_000,
  senders: 10_000,
  requests: 10_000,
  deadline: 86_400_000,
}

const NUMBERS: Ranges<SocketLimits> = {
  ...DOOR_RANGES,
  ...{ connections: COUNT, calls: COUNT, sessions: COUNT, senders: COUNT },
  ...{ message: BYTES, buffer: BYTES, window: BYTES },
  ...{ hello: WHOLE_WAIT, stall: WHOLE_WAIT, resume: WHOLE_WAIT },
}

/** @throws {TypeError} when a limit cannot be used */
export function limitsOf(given: Partial<SocketLimits> = {}): SocketLimits {
  return completeNumbers('make the socket door with these limits', DEFAULTS, given, NUMBERS)
}
