import { service, type Service } from 'dure/service'
import { partOf } from '../cursor.ts'
import { momentOf, timeOf } from '../moment.ts'
import { toCents, toMoney } from '../money.ts'
import { PaymentConfirmed, PaymentFailed } from '../payment/contract.ts'
import { STAGE_OF } from '../progress.ts'
import { ShipmentNotification } from '../shipment/contract.ts'
import { StockConfirmed } from '../stock/contract.ts'
import { InvoiceIssued, Order } from './contract.ts'
import { invoiceNumber, price } from './domain/totals.ts'
import { insertOrder, isOrdered, moveOrder, takeOrderId } from './store/orders.ts'
import { deleteOrders, listOrders, openLines, ordersOf, orderTotals } from './store/reading.ts'
import { orderDatabase } from './store/tables.ts'
import { detailOf, itemOf, lineOf, viewOf } from './views.ts'

const MOST_SHOWN = 100

export const order: Service<typeof Order> = service(Order, {
  database: orderDatabase,
  handlers: {
    ofCustomer: async ({ customerId }, { database }) => {
      const found = await database.snapshot((read) => ordersOf(read, customerId, MOST_SHOWN))
      return found.map(detailOf)
    },
    openOfSeller: ({ sellerId }, { database }) => openLines(database.read, sellerId).then((rows) => rows.map(lineOf)),
    list: async (page, { database }) => {
      const rows = await listOrders(database.read, page)
      return partOf(rows.map(viewOf), page.limit, (each) => [each.customerId, each.orderId])
    },
    totals: async (_input, { database }) => {
      const { totalInvoice, totalIncentive, paid, ...counts } = await database.snapshot(orderTotals)
      return {
        ...counts,
        totalInvoice: toMoney(totalInvoice),
        totalIncentive: toMoney(totalIncentive),
        paid: { ...paid, totalInvoice: toMoney(paid.totalInvoice), totalIncentive: toMoney(paid.totalIncentive) },
      }
    },
    reset: (_input, { database }) => database.transaction(deleteOrders),
    cleanup: (_input, { database }) => database.transaction(deleteOrders),
  },

  subscriptions: ({ on }) => [
    on(StockConfirmed, async ({ data }, { tx, clock }) => {
      const { checkoutId, instanceId, customerCheckout: customer } = data
      if (await isOrdered(tx, checkoutId)) return
      const { customerId } = customer
      const now = clock.now()
      const orderId = await takeOrderId(tx, customerId)
      const issueDate = momentOf(now)
      const number = invoiceNumber(customerId, orderId, issueDate)
      const { lines, totals } = price(
        data.items.map(({ version: _, ...item }) => ({
          ...item,
          unitPrice: toCents(item.unitPrice),
          freightValue: toCents(item.freightValue),
          voucher: toCents(item.voucher),
        })),
      )
      await insertOrder(tx, { customerId, orderId, checkoutId, instanceId, invoiceNumber: number, now, lines, totals })
      await tx.publish(InvoiceIssued, {
        customer,
        orderId,
        invoiceNumber: number,
        issueDate,
        totalInvoice: toMoney(totals.totalInvoice),
        items: lines.map(itemOf),
        checkoutId,
        instanceId,
      })
    }),
    on(PaymentConfirmed, ({ data: { customer, orderId, date } }, { tx }) =>
      moveOrder(tx, customer.customerId, orderId, 'PAYMENT_PROCESSED', timeOf(date)),
    ),
    on(PaymentFailed, ({ data: { customer, orderId }, time }, { tx }) =>
      moveOrder(tx, customer.customerId, orderId, 'PAYMENT_FAILED', time),
    ),
    on(ShipmentNotification, ({ data: { customerId, orderId, eventDate, status } }, { tx }) =>
      moveOrder(tx, customerId, orderId, STAGE_OF[status], timeOf(eventDate)),
    ),
  ],
})
