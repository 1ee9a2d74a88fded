import { DOOR_LIMITS, DOOR_RANGES, type DoorLimits } from 'dure/door/internal'
import { BYTES, completeNumbers, COUNT, WHOLE_WAIT, type Ranges } from 'dure/runtime/internal'

/** What one door lets the world ask of it. Times in milliseconds, sizes in bytes. */
export type ThriftLimits = DoorLimits & {
  /** A message that comes in. Default 1 MiB. */
  readonly message: number
  /** An answer. Default 16 MiB. */
  readonly answer: number
  /** Connections at once; more are closed. Default 1,000. */
  readonly connections: number
  /** Calls of one connection at once; what follows is read when one of them is answered. Default 100. */
  readonly pipeline: number
  /** A connection that is silent in the middle of a message, or does not read, for this long is ended. Default 30,000. */
  readonly stalled: number
  /** One that is silent between messages. Default 600,000. */
  readonly idle: number
}

const DEFAULTS: ThriftLimits = {
  ...DOOR_LIMITS,
  message: 1024 * 1024,
  answer: 16 * 1024 * 1024,
  connections: 1_000,
  pipeline: 100,
  stalled: 30_000,
  idle: 600_000,
}

const NUMBERS: Ranges<ThriftLimits> = {
  ...DOOR_RANGES,
  ...{ message: BYTES, answer: BYTES, connections: COUNT, pipeline: COUNT, stalled: WHOLE_WAIT, idle: WHOLE_WAIT },
}

/** @throws {TypeError} when a limit cannot be used */
export function limitsOf(given: Partial<ThriftLimits> = {}): ThriftLimits {
  return completeNumbers('make the Thrift door with these limits', DEFAULTS, given, NUMBERS)
}
