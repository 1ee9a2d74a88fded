import { contract, query } from 'dure/contract'
import { z } from 'zod'
import { Cart } from '../cart/contract.ts'
import { composedOf } from '../composed.ts'
import { Customer, CustomerNotFound } from '../customer/contract.ts'
import { Order } from '../order/contract.ts'
import { Product, ProductNotFound } from '../product/contract.ts'
import { Seller } from '../seller/contract.ts'
import { Shipment } from '../shipment/contract.ts'
import { Id, ProductKey } from '../values.ts'

const { output: CustomerView } = Customer.operations.get
const { element: OrderView } = Order.operations.ofCustomer.output
const { element: PackagesView } = Shipment.operations.packagesOf.output

/** The pages of the shop in a browser: whole tables, a page a call. */
export const Web = contract('web', {
  version: '1.0.0',
  owner: 'team-web',
  description: 'Pages for browsers',
  operations: {
    account: query({
      input: z.object({ customerId: Id }),
      output: composedOf(
        { customer: CustomerView.omit({ data: true }) },
        {
          cart: Cart.operations.get.output.shape.items,
          orders: z.array(OrderView.omit({ customerId: true, instanceId: true })),
          /** Of each order, in their order. */
          packages: z.array(PackagesView),
        },
      ),
      errors: { CustomerNotFound },
      http: 'GET /account/{customerId}',
      deadline: 2_000,
      description: "A customer's data, cart, and newest orders with their packages",
    }),
    product: query({
      input: ProductKey,
      output: composedOf(
        { product: Product.operations.get.output },
        {
          seller: Seller.operations.get.output.pick({ name: true, companyName: true, city: true, state: true }),
          available: z.int(),
        },
      ),
      errors: { ProductNotFound },
      http: 'GET /product/{sellerId}/{productId}',
      deadline: 2_000,
      description: 'A product, who sells it, and how many there are',
    }),
  },
})
