import { choreography, type Choreography } from 'dure/choreography'
import { ReserveStock } from '../cart/contract.ts'
import { InvoiceIssued } from '../order/contract.ts'
import { PaymentConfirmed, PaymentFailed } from '../payment/contract.ts'
import { ShipmentNotification } from '../shipment/contract.ts'
import { ReserveStockFailed, StockConfirmed } from '../stock/contract.ts'

/** Milliseconds for a step between two services; a payment provider may be away for longer. */
const [SOON, PAYMENT] = [5_000, 10_000]

/** The checkout that no service owns, as its events tell it. */
export const observedCheckout: Choreography = choreography('checkout', {
  // What is told later of a shipment belongs to the delivery.
  key: ({ data }) => ('eventDate' in data && data.status !== 'approved' ? undefined : data.instanceId),
  steps: [
    { event: ReserveStock },
    { event: StockConfirmed, within: SOON, unless: [ReserveStockFailed] },
    // Of a part of the lines, or of all.
    { event: ReserveStockFailed, after: [ReserveStock], optional: true },
    { event: InvoiceIssued, after: [StockConfirmed], within: SOON },
    { event: PaymentConfirmed, within: PAYMENT, unless: [PaymentFailed] },
    { event: PaymentFailed, after: [InvoiceIssued], optional: true, ends: true },
    { event: ShipmentNotification, after: [PaymentConfirmed], within: SOON, ends: true },
  ],
})
