import { DOOR_LIMITS, DOOR_RANGES, type DoorLimits, type OpenState } from 'dure/door/internal'
import type { DoorHost } from 'dure/service'
import { BYTES, completeNumbers, COUNT, type Ranges } from 'dure/runtime/internal'

/** What one door lets the world ask of it. Times in milliseconds, sizes in bytes. */
export type GrpcLimits = DoorLimits & {
  /** One message, compressed or not. Default 4 MiB, as in other implementations. */
  readonly message: number
  /** Connections at once. Default 1,000. */
  readonly connections: number
  /** Calls at once on one connection. Default 256. */
  readonly streams: number
}

export type GrpcState = OpenState<GrpcLimits> & {
  readonly host: Pick<DoorHost, 'pulse'>
  /** Ends each call that is under way, when the door does not wait for it any longer. */
  readonly underWay: Set<UnderWay>
}

export type UnderWay = { readonly stop: () => void }

const DEFAULTS: GrpcLimits = {
  ...DOOR_LIMITS,
  message: 4 * 1024 * 1024,
  connections: 1_000,
  streams: 256,
  // A stream is one call.
  deadline: 3_600_000,
}

const NUMBERS: Ranges<GrpcLimits> = {
  ...DOOR_RANGES,
  ...{ message: BYTES, connections: COUNT, streams: COUNT },
}

/** @throws {TypeError} when a limit cannot be used */
export function limitsOf(given: Partial<GrpcLimits> = {}): GrpcLimits {
  return completeNumbers('make the gRPC door with these limits', DEFAULTS, given, NUMBERS)
}
