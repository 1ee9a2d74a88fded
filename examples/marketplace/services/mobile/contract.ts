import { contract, query } from 'dure/contract'
import { z } from 'zod'
import { composedOf } from '../composed.ts'
import { Customer } from '../customer/contract.ts'
import { Order } from '../order/contract.ts'
import { Id, Money } from '../values.ts'

/** The screens of the shop on a telephone: one call a screen, and no field that it does not show. */
export const Mobile = contract('mobile', {
  version: '1.0.0',
  owner: 'team-mobile',
  description: 'Screens for telephones',
  operations: {
    home: query({
      input: z.object({ customerId: Id }),
      output: composedOf(
        {},
        {
          customer: Customer.operations.get.output.pick({ firstName: true }),
          cart: z.object({ lines: z.int(), total: Money }),
          orders: z.array(Order.operations.ofCustomer.output.element.pick({ orderId: true, status: true, totalInvoice: true })),
          /** Of each order, in their order. */
          deliveries: z.array(z.object({ packages: z.int(), delivered: z.int() })),
        },
      ),
      http: 'GET /home/{customerId}',
      deadline: 1_000,
      description: 'What is in the cart, and how the newest five orders are',
    }),
  },
})
