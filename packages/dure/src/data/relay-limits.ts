import { BYTES, COUNT, WAIT, type Ranges } from '../runtime/internal.ts'

export type RelayLimits = {
  /** Messages handed over at once. Default 512. */
  readonly batch: number
  /** Undelivered messages kept in memory; more are read back from the table when their time comes. Default 10,000. */
  readonly memory: number
  /** The same in characters of data. Default 64 Mi. */
  readonly memorySize: number
  /** Milliseconds between attempts when delivery fails: doubled each time, up to the second. Default 50 to 5,000. */
  readonly backoff: readonly [first: number, last: number]
  /** Milliseconds after which a delivery that has not settled counts as failed. Default 30,000. */
  readonly patience: number
}

export const RELAY_NUMBERS: Ranges<RelayLimits> = {
  batch: COUNT,
  memory: COUNT,
  memorySize: BYTES,
  backoff: WAIT,
  patience: WAIT,
}
