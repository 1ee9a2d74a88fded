import { BYTES, COUNT, WAIT, WAIT_OR_NONE, type Ranges } from 'dure/runtime/internal'

export type RelayLimits = {
  /** Messages handed over at once. Default 512. */
  readonly batch: number
  /** Bytes of data handed over at once. Default 8 Mi, and one message more. */
  readonly bytes: number
  /** Milliseconds between looks when nothing wakes it. Default 500. */
  readonly poll: number
  /** Milliseconds between looks at least, when something wakes it. More is cheaper under load, and slower by half of it. Default 5. */
  readonly pace: number
  /** Milliseconds after which the lanes of a relay that is gone are others'. Default 5,000. */
  readonly lease: number
  /** Milliseconds between attempts when delivery fails: doubled each time, up to the second. Default 50 to 5,000. */
  readonly backoff: readonly [first: number, last: number]
  /** Milliseconds after which a delivery that has not settled counts as failed. Default 30,000. */
  readonly patience: number
  /** Milliseconds after which the whole of its lanes is read again, in case rows came that say an earlier transaction (from a backup). Default 60,000. */
  readonly rescan: number
  /** Milliseconds between questions for who holds the horizon. Default 5,000. */
  readonly horizon: number
}

export const RELAY_LIMITS: RelayLimits = {
  batch: 512,
  bytes: 8 * 1024 * 1024,
  poll: 500,
  pace: 5,
  lease: 5_000,
  backoff: [50, 5_000],
  patience: 30_000,
  rescan: 60_000,
  horizon: 5_000,
}

export const RELAY_NUMBERS: Ranges<RelayLimits> = {
  batch: COUNT,
  bytes: BYTES,
  poll: WAIT,
  pace: WAIT_OR_NONE,
  lease: WAIT,
  backoff: WAIT,
  patience: WAIT,
  rescan: WAIT,
  horizon: WAIT_OR_NONE,
}
