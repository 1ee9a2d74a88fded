import { BYTES, WAIT, type Ranges } from 'dure/runtime/internal'
import { RELAY_LIMITS, RELAY_NUMBERS, type RelayLimits } from '../limits.ts'

export type WalLimits = RelayLimits & {
  /** Milliseconds between words to the server, which let the slot of an idle outbox follow the log. Default 5,000. */
  readonly heartbeat: number
  /** Bytes of the log that may wait to be delivered before the alarm rings. Default 256 Mi. */
  readonly lag: number
  /** Milliseconds that what waits may take to be delivered before a switch is given up. Default 30,000. */
  readonly drain: number
}

export const WAL_LIMITS: WalLimits = { ...RELAY_LIMITS, heartbeat: 5_000, lag: 256 * 1024 * 1024, drain: 30_000 }

export const WAL_NUMBERS: Ranges<WalLimits> = { ...RELAY_NUMBERS, heartbeat: WAIT, lag: BYTES, drain: WAIT }
