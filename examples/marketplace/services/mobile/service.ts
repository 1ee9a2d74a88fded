import { compose } from 'dure/query'
import { service, type Service } from 'dure/service'
import { Cart } from '../cart/contract.ts'
import { itemsOf, packagesOf } from '../composed.ts'
import { Customer } from '../customer/contract.ts'
import { toCents, toMoney } from '../money.ts'
import { Order } from '../order/contract.ts'
import { Shipment } from '../shipment/contract.ts'
import type { CartItem } from '../values.ts'
import { Mobile } from './contract.ts'

/** Orders on the home screen. */
const SHOWN = 5
/** Bytes that all parts of a screen may have: orders come with their lines. */
const MEMORY = 1_048_576

export const mobile: Service<typeof Mobile> = service(Mobile, {
  needs: { cart: Cart, customer: Customer, order: Order, shipment: Shipment },
  handlers: {
    home: ({ customerId }, context) =>
      compose(context, {
        memory: MEMORY,
        parts: {
          customer: { ask: ({ customer }) => customer.get({ customerId }) },
          cart: { ask: async ({ cart }) => sumOf(await itemsOf(cart, customerId)) },
          orders: { ask: async ({ order }) => (await order.ofCustomer({ customerId })).slice(0, SHOWN) },
        },
        next: ({ orders = [] }) => ({
          deliveries: {
            ask: async ({ shipment }: typeof context) =>
              (await packagesOf(shipment, orders)).map((packages) => ({
                packages: packages.length,
                delivered: packages.filter(({ status }) => status === 'delivered').length,
              })),
          },
        }),
      }),
  },
})

function sumOf(items: readonly CartItem[]): { readonly lines: number; readonly total: number } {
  const cents = items.map(
    ({ unitPrice, quantity, freightValue, voucher }) =>
      Math.max(0, toCents(unitPrice) * quantity - toCents(voucher)) + toCents(freightValue),
  )
  return { lines: items.length, total: toMoney(cents.reduce((sum, each) => sum + each, 0)) }
}
