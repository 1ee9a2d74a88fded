import { BYTES, completeNumbers, COUNT, WHOLE_WAIT, type Ranges } from 'dure/runtime/internal'

/** What one address of a service over HTTP may cost. Times in milliseconds, sizes in bytes. */
export type ClientLimits = {
  /** Connections to one address, each with one request at a time. Default 128. */
  readonly connections: number
  /** Time to connect; calls end with their deadlines all the same. Default 3,000. */
  readonly connectTimeout: number
  /** How long an idle connection is kept, where the other side says nothing about it. Default 4,000. */
  readonly keepAliveTimeout: number
  /** An answer, or one line of a stream. Default 8 MiB. */
  readonly answer: number
  /** An answer's headers. Default 16 KiB. */
  readonly headers: number
  /** The longest that an address is left alone because its `Retry-After` asks for it. Default 10,000. */
  readonly rest: number
}

const DEFAULTS: ClientLimits = {
  connections: 128,
  connectTimeout: 3_000,
  keepAliveTimeout: 4_000,
  answer: 8 * 1024 * 1024,
  headers: 16 * 1024,
  rest: 10_000,
}

const NUMBERS: Ranges<ClientLimits> = {
  connections: COUNT,
  connectTimeout: WHOLE_WAIT,
  keepAliveTimeout: WHOLE_WAIT,
  answer: BYTES,
  headers: BYTES,
  rest: WHOLE_WAIT,
}

/** @throws {TypeError} when a limit cannot be used */
export function clientLimits(given: Partial<ClientLimits> = {}): ClientLimits {
  return completeNumbers('call a service over HTTP with these limits', DEFAULTS, given, NUMBERS)
}
