import type { Duration } from 'dure/stream'

/** How long is long. */
export type InsightTimes = {
  /** A cart that nobody touched for so long is abandoned. */
  readonly cart: Duration
  /** An order that is not paid, or not shipped, for so long is told of. */
  readonly order: Duration
  /** Who has said nothing for so long is not waited for. */
  readonly idle: Duration
}

export const TIMES: InsightTimes = { cart: '30m', order: '10m', idle: '30s' }

/** How much later than a newer one an event may come: outboxes deliver in the order of commits, and clocks differ. */
export const DISORDER: Duration = '5s'
