import { compose } from 'dure/query'
import { service, type Service } from 'dure/service'
import { Cart } from '../cart/contract.ts'
import { itemsOf, packagesOf } from '../composed.ts'
import { Customer } from '../customer/contract.ts'
import { Order } from '../order/contract.ts'
import { Product } from '../product/contract.ts'
import { Seller } from '../seller/contract.ts'
import { Shipment } from '../shipment/contract.ts'
import { Stock } from '../stock/contract.ts'
import { Web } from './contract.ts'

export const web: Service<typeof Web> = service(Web, {
  needs: { cart: Cart, customer: Customer, order: Order, product: Product, seller: Seller, shipment: Shipment, stock: Stock },
  handlers: {
    account: ({ customerId }, context) =>
      compose(context, {
        parts: {
          customer: { ask: ({ customer }) => customer.get({ customerId }), required: true },
          cart: { ask: ({ cart }) => itemsOf(cart, customerId) },
          orders: { ask: ({ order }) => order.ofCustomer({ customerId }) },
        },
        next: ({ orders = [] }) => ({
          packages: { ask: ({ shipment }: typeof context) => packagesOf(shipment, orders) },
        }),
      }),
    product: (key, context) =>
      compose(context, {
        parts: {
          product: { ask: ({ product }) => product.get(key), required: true },
          seller: { ask: ({ seller }) => seller.get({ sellerId: key.sellerId }) },
          available: {
            ask: async ({ stock }) => {
              const found = await stock.get.attempt(key)
              return found.ok ? found.value.qtyAvailable - found.value.qtyReserved : 0
            },
          },
        },
      }),
  },
})
