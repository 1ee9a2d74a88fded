import type { AnyEvent } from 'dure/contract'
import type { Kysely } from 'dure/data'
import type { ReceivedEvent } from 'dure/service'
import { timeOf } from '../moment.ts'
import type { InvoiceIssued } from '../order/contract.ts'
import type { PaymentConfirmed, PaymentFailed } from '../payment/contract.ts'
import { STAGE_OF } from '../progress.ts'
import type { DeliveryNotification, ShipmentNotification } from '../shipment/contract.ts'
import { entriesOf } from './domain/entries.ts'
import { applyNotice, insertEntries, takeEarly } from './store/entries.ts'
import type { SellerTables } from './store/tables.ts'
import { lineOf } from './views.ts'

type News<E extends AnyEvent> = (event: ReceivedEvent<E>, context: { readonly tx: Kysely<SellerTables> }) => Promise<void>

/** What becomes of a seller's entries by the events of other services. A notice may come before the invoice it follows. */
export const invoiceIssued: News<typeof InvoiceIssued> = async ({ data: { customer, orderId, items } }, { tx }) => {
  const { customerId } = customer
  await insertEntries(tx, customerId, orderId, entriesOf(items.map(lineOf), await takeEarly(tx, customerId, orderId)))
}
export const paymentConfirmed: News<typeof PaymentConfirmed> = ({ data: { customer, orderId, date } }, { tx }) =>
  applyNotice(tx, customer.customerId, orderId, { kind: 'status', status: 'PAYMENT_PROCESSED', at: timeOf(date) })
export const paymentFailed: News<typeof PaymentFailed> = ({ data: { customer, orderId }, time }, { tx }) =>
  applyNotice(tx, customer.customerId, orderId, { kind: 'status', status: 'PAYMENT_FAILED', at: time })
export const shipmentMoved: News<typeof ShipmentNotification> = ({ data }, { tx }) => {
  const { customerId, orderId, status, eventDate } = data
  return applyNotice(tx, customerId, orderId, { kind: 'status', status: STAGE_OF[status], at: timeOf(eventDate) })
}
export const packageDelivered: News<typeof DeliveryNotification> = ({ data }, { tx }) => {
  const { customerId, orderId, sellerId, productId, packageId, deliveryDate } = data
  return applyNotice(tx, customerId, orderId, { kind: 'delivery', sellerId, productId, packageId, at: timeOf(deliveryDate) })
}
