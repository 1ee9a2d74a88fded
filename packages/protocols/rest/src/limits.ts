import { DOOR_LIMITS, DOOR_RANGES } from 'dure/door/internal'
import { BYTES, completeNumbers, COUNT, WHOLE_WAIT, type Ranges } from 'dure/runtime/internal'

/** What one door lets the world ask of it. Times in milliseconds, sizes in bytes. */
export type Limits = {
  /** A request's body. Default 1 MiB. */
  readonly body: number
  /** Request line and headers together. Default 16 KiB. */
  readonly headers: number
  /** Time to receive the headers. Default 10,000. */
  readonly headersTimeout: number
  /** Time to receive the whole request. Default 30,000. */
  readonly requestTimeout: number
  /** Time an idle connection is kept. Default 65,000: a little longer than the usual proxy keeps its side. */
  readonly keepAliveTimeout: number
  /** Open connections; more are refused. Default 2,000. */
  readonly connections: number
  /** Calls in hand at once; more are answered 503 with `Retry-After`. Default 1,000. */
  readonly requests: number
  /** The longest deadline a client may ask for with `Request-Timeout`. Default 60,000. */
  readonly deadline: number
  /** How long `close` waits for answers that are under way. Default 10,000. */
  readonly drain: number
  /**
   * How long a door whose place another process takes keeps idle connections: what still comes on them is answered, and ends
   * them. Default 5,000.
   */
  readonly handover: number
  /** A silent stream sends an empty line this often, so that a dead reader is noticed. Default 15,000. */
  readonly heartbeat: number
}

/**
 * What a door allows unless its `limits` say otherwise: milliseconds and bytes.
 *
 * @example
 * ```ts
 * import { LIMITS } from '@dure/rest'
 *
 * console.log(LIMITS.body, LIMITS.connections) // → 1048576 2000
 * ```
 */
export const LIMITS: Limits = Object.freeze({
  ...DOOR_LIMITS,
  body: 1024 * 1024,
  headers: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  connections: 2_000,
})

const NUMBERS: Ranges<Limits> = {
  ...DOOR_RANGES,
  body: BYTES,
  headers: BYTES,
  headersTimeout: WHOLE_WAIT,
  requestTimeout: WHOLE_WAIT,
  keepAliveTimeout: WHOLE_WAIT,
  connections: COUNT,
}

/** @throws {TypeError} when a limit cannot be used */
export function limitsOf(given: Partial<Limits> = {}): Limits {
  return completeNumbers('make the REST door with these limits', LIMITS, given, NUMBERS)
}
