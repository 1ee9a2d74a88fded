import { BYTES, completeNumbers, COUNT, WAIT, type Ranges } from '../../runtime/internal.ts'
import { DEFAULT_WINDOW } from '../credit.ts'

/** What one connection or listener may take up, so that nobody can make a process grow without end. */
export type SocketLimits = {
  /** Bytes of the longest frame, one call or answer. Default 16 MiB. */
  readonly frame: number
  /** Calls under way on one connection. Default 10,000. */
  readonly pending: number
  /** Bytes waiting to be sent on one connection; beyond, no more is read from it. Default 16 MiB. */
  readonly outgoing: number
  /**
   * Connections of one listener. A further one takes the place of an idle one, of whoever has most of them, or is refused
   * in words. Default 1,000.
   */
  readonly connections: number
  /** Connections that have not said who they are yet; a further one closes the oldest. Default 256. */
  readonly strangers: number
  /**
   * Bytes that all connections of one listener make it hold: frames not whole, inputs of calls under way, answers not
   * taken. Beyond, the connection that holds most is closed. Default 256 MiB.
   */
  readonly memory: number
  /** Values of one stream that whoever makes them may be ahead of whoever takes them. Default 64. */
  readonly window: number
  /** Bytes of them, after which no further one is begun. Default 256 KiB. */
  readonly windowBytes: number
  /** Names (operations, callers) one connection may introduce. Default 4,096. */
  readonly names: number
  /** Milliseconds until a new connection must have said who it is. Default 5,000. */
  readonly handshake: number
  /** Milliseconds until a frame that has begun must be whole. Default 30,000. */
  readonly wholeFrame: number
  /**
   * Milliseconds between two beats of a caller: each asks whether the other side still lives, because a frozen process and a cut
   * cable send no reset. Who is silent for three of them is gone. Default 2,000.
   */
  readonly heartbeat: number
  /** Milliseconds of silence after which a listener closes a connection (callers speak every few seconds). Default 30,000. */
  readonly silence: number
}

const DEFAULTS: SocketLimits = {
  frame: 16 * 1024 * 1024,
  pending: 10_000,
  outgoing: 16 * 1024 * 1024,
  connections: 1_000,
  strangers: 256,
  memory: 256 * 1024 * 1024,
  window: DEFAULT_WINDOW.values,
  windowBytes: DEFAULT_WINDOW.bytes,
  names: 4_096,
  handshake: 5_000,
  wholeFrame: 30_000,
  heartbeat: 2_000,
  silence: 30_000,
}
const NUMBERS: Ranges<SocketLimits> = {
  // A frame says its length in 32 bits.
  frame: { ...BYTES, most: 0xffffffff },
  pending: COUNT,
  outgoing: BYTES,
  connections: COUNT,
  strangers: COUNT,
  memory: BYTES,
  window: COUNT,
  // Told in 32 bits.
  windowBytes: { ...BYTES, most: 0xffffffff },
  names: COUNT,
  handshake: WAIT,
  wholeFrame: WAIT,
  heartbeat: WAIT,
  silence: WAIT,
}

/** @throws {TypeError} when a number cannot be used */
export function withDefaults(limits: Partial<SocketLimits> = {}): SocketLimits {
  return completeNumbers('use sockets with these limits', DEFAULTS, limits, NUMBERS)
}
