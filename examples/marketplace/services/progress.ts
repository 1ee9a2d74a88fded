import type { OrderStatus, ShipmentStatus } from './values.ts'

/** The way of an order that goes well, stage by stage. */
const WAY = ['INVOICED', 'PAYMENT_PROCESSED', 'READY_FOR_SHIPMENT', 'IN_TRANSIT', 'DELIVERED'] as const satisfies OrderStatus[]
type Stage = (typeof WAY)[number]

/** Stages of orders that are not finished. */
export const OPEN: readonly OrderStatus[] = WAY.slice(0, -1)

/** What a shipment's state means for its order. */
export const STAGE_OF: Readonly<Record<ShipmentStatus, Stage>> = {
  approved: 'READY_FOR_SHIPMENT',
  delivery_in_progress: 'IN_TRANSIT',
  concluded: 'DELIVERED',
}

/**
 * The statuses an order passes on its way from one to another, the last included. News of payment and of shipment
 * come from two services and may overtake each other: what was implied by later news is passed through, and what is
 * already behind the order changes nothing. A failed payment is the end of an order that was invoiced.
 */
export function advance(from: OrderStatus, to: OrderStatus): readonly OrderStatus[] {
  if (to === 'PAYMENT_FAILED') return from === 'INVOICED' ? [to] : []
  const [start, end] = [WAY.indexOf(from as Stage), WAY.indexOf(to as Stage)]
  return start < 0 ? [] : WAY.slice(start + 1, end + 1)
}

/** Whether an order in this status has passed the other, or is in it. */
export function isBehind(status: OrderStatus, passed: OrderStatus): boolean {
  if (status === passed || (status === 'PAYMENT_FAILED' && passed === 'INVOICED')) return true
  const [at, then] = [WAY.indexOf(status as Stage), WAY.indexOf(passed as Stage)]
  return then >= 0 && at > then
}

/** The statuses from which an order can come to `to`. */
export function before(to: OrderStatus): readonly OrderStatus[] {
  return WAY.filter((from) => advance(from, to).length > 0)
}
