import { isDeepStrictEqual } from 'node:util'
import { CallError } from 'dure/contract'
import { service, type Service } from 'dure/service'
import { partOf } from '../cursor.ts'
import { InvoiceIssued, Order } from '../order/contract.ts'
import { PaymentConfirmed, PaymentFailed } from '../payment/contract.ts'
import { toMoney } from '../money.ts'
import { OPEN } from '../progress.ts'
import { DeliveryNotification, Shipment, ShipmentNotification } from '../shipment/contract.ts'
import { composeDashboard } from './composed.ts'
import { Seller, SellerNotFound } from './contract.ts'
import { dashboardOf } from './store/dashboard.ts'
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
import { dashboardModel } from './model.ts'
import { invoiceIssued, packageDelivered, paymentConfirmed, paymentFailed, shipmentMoved } from './news.ts'
import { dashboardViewOf, entryOf, inOrder, rowOf, sellerOf } from './views.ts'

/** `withModel`: its dashboard is a read model as well, to be compared with the one that is composed. */
export const sellerService = ({ withModel = false } = {}): Service<typeof Seller> =>
  service(Seller, {
    extensions: withModel ? [dashboardModel] : [],
    needs: { order: Order, shipment: Shipment },
    database: sellerDatabase,
    // Nothing is known of a delivery that cannot be asked for; whoever asks hears that it was not.
    fallbacks: { shipment: { packagesOf: ({ orders }) => orders.map(() => []) } },
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
      dashboard: ({ sellerId }, { database }) =>
        database.snapshot(async (read) => dashboardViewOf(sellerId, await dashboardOf(read, sellerId))),
      composedDashboard: composeDashboard,
      dashboards: async ({ sellerId }, context) => {
        if (!withModel)
          throw new CallError(
            'FAILED_PRECONDITION',
            'Comparing dashboards failed: this marketplace has no read model; start it with --model',
          )
        const { snapshot, age } = dashboardModel.serving(context)
        const { missing, ...composed } = await composeDashboard({ sellerId }, context)
        const model = dashboardViewOf(sellerId, await snapshot((read) => dashboardOf(read, sellerId)))
        const [left, right] = [inOrder(model), inOrder(composed)]
        return { equal: isDeepStrictEqual(left, right), model: left, composed: right, missing, age: await age() }
      },
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
      on(InvoiceIssued, invoiceIssued),
      on(PaymentConfirmed, paymentConfirmed),
      on(PaymentFailed, paymentFailed),
      on(ShipmentNotification, shipmentMoved),
      on(DeliveryNotification, packageDelivered),
    ],
  })

export const seller: Service<typeof Seller> = sellerService()
