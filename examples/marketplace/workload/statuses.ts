/** Statuses of an order that say its payment succeeded. */
const PAID = new Set(['PAYMENT_PROCESSED', 'READY_FOR_SHIPMENT', 'IN_TRANSIT', 'DELIVERED'])

export const isPaid = (orderStatus: string): boolean => PAID.has(orderStatus)

/** Statuses of an order that a seller's dashboard shows. */
const OPEN = new Set(['INVOICED', 'PAYMENT_PROCESSED', 'READY_FOR_SHIPMENT', 'IN_TRANSIT'])

export const isOpen = (orderStatus: string): boolean => OPEN.has(orderStatus)

/** What an order's status must be when its shipment has this one. */
export const ORDER_STATUS_OF: Readonly<Record<string, string>> = {
  approved: 'READY_FOR_SHIPMENT',
  delivery_in_progress: 'IN_TRANSIT',
  concluded: 'DELIVERED',
}

/** The order in which an order passes its statuses. */
export const STATUS_ORDER: readonly string[] = ['INVOICED', 'PAYMENT_PROCESSED', 'READY_FOR_SHIPMENT', 'IN_TRANSIT', 'DELIVERED']
