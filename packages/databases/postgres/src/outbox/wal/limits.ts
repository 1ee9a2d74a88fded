import { BYTES, WAIT, type Ranges } from 'dure/runtime/internal'
import { RELAY_LIMITS, RELAY_NUMBERS, type RelayLimits } from '../limits.ts'

export type WalLimits = RelayLimits & {
  /** Milliseconds between words to the server, which let the slot of an idle outbox follow the log. Default 5,000. */
  readonly heartbeat: number
  /** Bytes of the log that may wait to be delivered before the alarm rings. Default 256 Mi. */
  readonly lag: number
  /**
   * Bytes of the log that the slot may hold. Beyond, it is let go and the table is read instead, so that the disk of the
   * log does not fill up; the slot is made anew when all is delivered. Only with the table. Default 4 Gi.
   */
  readonly hold: number
  /** Milliseconds that what is in the table may take to be delivered before a new slot is put off. Default 30,000. */
  readonly drain: number
  /** Milliseconds between attempts to go back to the log: doubled each time, up to the second. Default 1,000 to 60,000. */
  readonly comeBack: readonly [first: number, last: number]
}

export const WAL_LIMITS: WalLimits = {
  ...RELAY_LIMITS,
  heartbeat: 5_000,
  lag: 256 * 1024 * 1024,
  hold: 4 * 1024 * 1024 * 1024,
  drain: 30_000,
  comeBack: [1_000, 60_000],
}

export const WAL_NUMBERS: Ranges<WalLimits> = {
  ...RELAY_NUMBERS,
  heartbeat: WAIT,
  lag: BYTES,
  hold: BYTES,
  drain: WAIT,
  comeBack: WAIT,
}
