import { service, type Service } from 'dure/service'
import { partOf } from '../cursor.ts'
import { timeOf } from '../moment.ts'
import { toMoney } from '../money.ts'
import { InvoiceIssued, Order } from '../order/contract.ts'
import { PaymentConfirmed, PaymentFailed } from '../payment/contract.ts'
import { OPEN, STAGE_OF } from '../progress.ts'
import { DeliveryNotification, Shipment, ShipmentNotification } from '../shipment/contract.ts'
import { composeDashboard } from './composed.ts'
import { Seller, SellerNotFound } from './contract.ts'
import { entriesOf } from './domain/entries.ts'
import { dashboardOf } from './store/dashboard.ts'
import { applyNotice, insertEntries, takeEarly } from './store/entries.ts'
import {
  addSellers,
  deleteAll,
  deleteEntries,
  findSeller,
  listEntries,
  listSellers,
  putSeller,
  sellerTotals,
} from './store/sellers.ts'
import { sellerDatabase } from './store/tables.ts'
import { entryOf, lineOf, rowOf, sellerOf } from './views.ts'

export const seller: Service<typeof Seller> = service(Seller, {
  needs: { order: Order, shipment: Shipment },
  database: sellerDatabase,
  handlers: {
    put: (input, { database }) => database.transaction((tx) => putSeller(tx, rowOf(input))),
    putAll: async ({ items }, { database }) => ({
      added: await database.transaction((tx) => addSellers(tx, items.map(rowOf))),
    }),
    get: async ({ sellerId }, { database }) => {
      const row = await findSeller(database.read, sellerId)
      if (row === undefined) throw SellerNotFound({ sellerId })
      return sellerOf(row)
    },
    dashboard: async ({ sellerId }, { database }) => {
      const { sums, entries } = await database.snapshot((read) => dashboardOf(read, sellerId))
      const sellerView = {
        sellerId,
        countOrders: sums.countOrders,
        countItems: sums.countItems,
        totalAmount: toMoney(sums.totalAmount),
        totalFreight: toMoney(sums.totalFreight),
        totalIncentive: toMoney(sums.totalIncentive),
        totalInvoice: toMoney(sums.totalInvoice),
        totalItems: toMoney(sums.totalItems),
      }
      return { sellerView, orderEntries: entries.map(entryOf) }
    },
    composedDashboard: composeDashboard,
    list: async (page, { database }) => {
      const rows = await listSellers(database.read, page)
      return partOf(rows.map(sellerOf), page.limit, (each) => [each.sellerId])
    },
    entries: async (page, { database }) => {
      const rows = await listEntries(database.read, page)
      return partOf(rows.map(entryOf), page.limit, (each) => [each.customerId, each.orderId, each.sellerId, each.productId])
    },
    totals: async (_input, { database }) => {
      const totals = await database.snapshot(sellerTotals)
      const open = OPEN.reduce((sum, status) => sum + (totals.byStatus[status] ?? 0), 0)
      return { ...totals, open, totalInvoice: toMoney(totals.totalInvoice) }
    },
    reset: (_input, { database }) => database.transaction(deleteEntries),
    cleanup: (_input, { database }) => database.transaction(deleteAll),
  },

  // Four topics, no order between them: a notice may come before the invoice it follows.
  subscriptions: ({ on }) => [
    on(InvoiceIssued, async ({ data: { customer, orderId, items } }, { tx }) => {
      const { customerId } = customer
      const entries = entriesOf(items.map(lineOf), await takeEarly(tx, customerId, orderId))
      await insertEntries(tx, customerId, orderId, entries)
    }),
    on(PaymentConfirmed, ({ data: { customer, orderId, date } }, { tx }) =>
      applyNotice(tx, customer.customerId, orderId, { kind: 'status', status: 'PAYMENT_PROCESSED', at: timeOf(date) }),
    ),
    on(PaymentFailed, ({ data: { customer, orderId }, time }, { tx }) =>
      applyNotice(tx, customer.customerId, orderId, { kind: 'status', status: 'PAYMENT_FAILED', at: time }),
    ),
    on(ShipmentNotification, ({ data: { customerId, orderId, status, eventDate } }, { tx }) =>
      applyNotice(tx, customerId, orderId, { kind: 'status', status: STAGE_OF[status], at: timeOf(eventDate) }),
    ),
    on(DeliveryNotification, ({ data: { customerId, orderId, sellerId, productId, packageId, deliveryDate } }, { tx }) =>
      applyNotice(tx, customerId, orderId, { kind: 'delivery', sellerId, productId, packageId, at: timeOf(deliveryDate) }),
    ),
  ],
})
