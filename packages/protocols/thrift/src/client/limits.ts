import { BYTES, completeNumbers, COUNT, WHOLE_WAIT, type Ranges } from 'dure/runtime/internal'

/** What one address of a service over Thrift may cost. Times in milliseconds, sizes in bytes. */
export type ThriftClientLimits = {
  /** Connections to one address. Default 16. */
  readonly connections: number
  /**
   * Calls under way on one connection. Most servers of Thrift answer one after the other, so that a slow one holds up those behind it.
   * Default 1.
   */
  readonly pipeline: number
  /** Calls that wait for a connection; more are refused. Default 1,000. */
  readonly waiting: number
  /** What is sent. Default 16 MiB. */
  readonly message: number
  /** What is answered. Default 16 MiB. */
  readonly answer: number
  /** How long an unused connection is kept. Default 60,000. */
  readonly idle: number
}

const DEFAULTS: ThriftClientLimits = {
  connections: 16,
  pipeline: 1,
  waiting: 1_000,
  message: 16 * 1024 * 1024,
  answer: 16 * 1024 * 1024,
  idle: 60_000,
}

const NUMBERS: Ranges<ThriftClientLimits> = {
  ...{ connections: COUNT, pipeline: COUNT, waiting: COUNT, message: BYTES, answer: BYTES },
  idle: WHOLE_WAIT,
}

/** @throws {TypeError} when a limit cannot be used */
export function clientLimits(given: Partial<ThriftClientLimits> = {}): ThriftClientLimits {
  return completeNumbers('call a service over Thrift with these limits', DEFAULTS, given, NUMBERS)
}
