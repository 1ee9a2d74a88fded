import { saga } from 'dure/saga'
import { CheckedOut } from '../cart/contract.ts'
import { timeOf } from '../moment.ts'
import { PayOrder } from '../payment/contract.ts'
import { Shipment } from '../shipment/contract.ts'
import { Stock } from '../stock/contract.ts'
import { placeOrder } from './place.ts'
import { moveOrder } from './store/orders.ts'
import { orderDatabase } from './store/tables.ts'

/** Who is away for an hour must cost nobody an order. */
const retry = { attempts: 10_000, first: 50, factor: 2, max: 2_000 }

/**
 * A checkout from its reservation to its shipment. A payment that is refused takes back what was done before: the order fails,
 * and what was reserved is free again.
 */
export const checkout = saga('checkout', {
  needs: { stock: Stock, shipment: Shipment },
  requests: [PayOrder],
  database: orderDatabase,
  input: CheckedOut,
  run: async (s, data) => {
    const { checkoutId, timestamp } = data
    const { customerId } = data.customerCheckout
    const { items } = await s.step('reserve', {
      retry,
      do: ({ stock }) => stock.reserve(data),
      undo: ({ stock }, reserved) => stock.release({ checkoutId, items: reserved?.items ?? [] }),
    })
    if (items.length === 0) return
    const invoice = await s.step('order', {
      transaction: (tx) => placeOrder(tx, { ...data, items }, timeOf(timestamp)),
      undo: (tx, { orderId, issueDate }) => moveOrder(tx, customerId, orderId, 'PAYMENT_FAILED', timeOf(issueDate)),
    })
    const paid = await s.request('pay', PayOrder, invoice)
    await s.step('confirm', { retry, do: ({ stock }) => stock.confirm({ checkoutId, items }) })
    await s.step('paid', {
      transaction: (tx) => moveOrder(tx, customerId, invoice.orderId, 'PAYMENT_PROCESSED', timeOf(paid.date)),
    })
    await s.step('ship', { retry, do: ({ shipment }) => shipment.ship(paid) })
  },
})
