import type { ShipmentStatus } from '../../values.ts'

/** A shipment after some of its packages were delivered. */
export type Delivered = {
  readonly packageCount: number
  /** All that have been delivered, these included. */
  readonly deliveredCount: number
  /** Those delivered now. */
  readonly now: number
}

/** The states a shipment passes by a delivery: the first one sets it on its way, the last one concludes it. */
export function passedBy({ packageCount, deliveredCount, now }: Delivered): readonly ShipmentStatus[] {
  const passed: ShipmentStatus[] = []
  if (now > 0 && deliveredCount === now) passed.push('delivery_in_progress')
  if (now > 0 && deliveredCount === packageCount) passed.push('concluded')
  return passed
}

/**
 * When packages that are delivered now were delivered. Whoever shipped them may have had a clock that is ahead of this
 * one, and nothing arrives before it left.
 */
export function deliveredAt(now: number, shippingDates: readonly number[]): number {
  return Math.max(now, ...shippingDates)
}

/** The state of a shipment with so many packages delivered. */
export function statusOf(packageCount: number, deliveredCount: number): ShipmentStatus {
  if (deliveredCount === 0) return 'approved'
  return deliveredCount < packageCount ? 'delivery_in_progress' : 'concluded'
}
