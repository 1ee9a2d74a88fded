import { service, type Service } from 'dure/service'
import { ReserveStock } from '../cart/contract.ts'
import { partOf } from '../cursor.ts'
import { timeOf } from '../moment.ts'
import { toMoney } from '../money.ts'
import { PaymentConfirmed, PaymentFailed } from '../payment/contract.ts'
import { STAGE_OF } from '../progress.ts'
import { ShipmentNotification } from '../shipment/contract.ts'
import { StockConfirmed } from '../stock/contract.ts'
import { checkout } from './checkout.ts'
import { Order } from './contract.ts'
import { placeOrder } from './place.ts'
import { isOrdered, moveOrder } from './store/orders.ts'
import { deleteOrders, listOrders, openLines, ordersOf, orderTotals } from './store/reading.ts'
import { orderDatabase } from './store/tables.ts'
import { detailOf, lineOf, viewOf } from './views.ts'

const MOST_SHOWN = 100

/**
 * `saga`: it sees a checkout through itself, rather than that each service reacts to what another has done. `choreography`: as with `events`,
 * and the audit service follows each checkout.
 */
export type CheckoutForm = 'events' | 'choreography' | 'saga'

export const orderOf = (form: CheckoutForm): Service<typeof Order> =>
  service(Order, {
    database: orderDatabase,
    extensions: form === 'saga' ? [checkout] : [],
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
      ...(form === 'saga'
        ? [on(ReserveStock, async ({ data }, { tx }) => void (await tx.begin(checkout, data, { id: data.checkoutId })))]
        : [
            on(StockConfirmed, async ({ data }, { tx, clock }) => {
              if (!(await isOrdered(tx, data.checkoutId))) await placeOrder(tx, data, clock.now())
            }),
            on(PaymentConfirmed, ({ data: { customer, orderId, date } }, { tx }) =>
              moveOrder(tx, customer.customerId, orderId, 'PAYMENT_PROCESSED', timeOf(date)),
            ),
            on(PaymentFailed, ({ data: { customer, orderId }, time }, { tx }) =>
              moveOrder(tx, customer.customerId, orderId, 'PAYMENT_FAILED', time),
            ),
          ]),
      on(ShipmentNotification, ({ data: { customerId, orderId, eventDate, status } }, { tx }) =>
        moveOrder(tx, customerId, orderId, STAGE_OF[status], timeOf(eventDate)),
      ),
    ],
  })

export const order: Service<typeof Order> = orderOf('events')
