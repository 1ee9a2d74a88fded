import { readModel, type ReadModel, type Served } from 'dure/query'
import { InvoiceIssued } from '../order/contract.ts'
import { PaymentConfirmed, PaymentFailed } from '../payment/contract.ts'
import { DeliveryNotification, ShipmentNotification } from '../shipment/contract.ts'
import { invoiceIssued, packageDelivered, paymentConfirmed, paymentFailed, shipmentMoved } from './news.ts'
import { entriesDatabase, type SellerTables } from './store/tables.ts'

/** The dashboard made from the events of three services, in a store of its own. */
export const dashboardModel: ReadModel<Served<1, SellerTables>> = readModel('seller-dashboard', {
  version: 1,
  from: [InvoiceIssued, PaymentConfirmed, PaymentFailed, ShipmentNotification, DeliveryNotification],
  tables: entriesDatabase,
  on: {
    'invoice.issued': invoiceIssued,
    'payment.confirmed': paymentConfirmed,
    'payment.failed': paymentFailed,
    'shipment.notification': shipmentMoved,
    'delivery.notification': packageDelivered,
  },
})
