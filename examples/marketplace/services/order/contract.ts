import { contract, command, event, query } from 'dure/contract'
import { z } from 'zod'
import { CheckoutCustomer, Id, InstanceId, Moment, Money, OrderItem, OrderStatus, Page, pageOf } from '../values.ts'
import numbers from './numbers.json' with { type: 'json' }

/** An order was made and is to be paid. */
export const InvoiceIssued = event('invoice.issued', {
  schema: z.object({
    customer: CheckoutCustomer,
    orderId: Id,
    invoiceNumber: z.string(),
    issueDate: Moment,
    totalInvoice: Money,
    items: z.array(OrderItem),
    checkoutId: z.string(),
    instanceId: InstanceId,
  }),
  key: ({ customer }) => customer.customerId,
})

export const OrderView = z.object({
  customerId: Id,
  /** Counts from 1 for each customer, without a hole. */
  orderId: Id,
  invoiceNumber: z.string(),
  instanceId: InstanceId,
  status: OrderStatus,
  purchaseDate: Moment,
  paymentDate: Moment.optional(),
  deliveredCarrierDate: Moment.optional(),
  deliveredCustomerDate: Moment.optional(),
  estimatedDeliveryDate: Moment,
  countItems: z.int(),
  /** Price times quantity, of all lines. */
  totalItems: Money,
  totalIncentive: Money,
  /** After vouchers. */
  totalAmount: Money,
  totalFreight: Money,
  /** After vouchers, with freight: what is to be paid. */
  totalInvoice: Money,
})

const OrderDetail = OrderView.extend({
  items: z.array(OrderItem),
  history: z.array(z.object({ status: OrderStatus, createdAt: Moment })),
})

export const Order = contract('order', {
  numbers,
  version: '1.0.0',
  owner: 'team-orders',
  description: 'Orders, their totals and what became of them',
  operations: {
    ofCustomer: query({
      input: z.object({ customerId: Id }),
      output: z.array(OrderDetail),
      http: 'GET /order/{customerId}',
      description: "A customer's newest 100 orders, newest first, with lines and history",
    }),
    openOfSeller: query({
      input: z.object({ sellerId: Id }),
      output: z.array(OrderItem.extend({ customerId: Id, orderId: Id, orderStatus: OrderStatus })),
      policy: { bulkhead: { concurrency: 50, queue: 200 } },
      description: 'The lines of all orders under way that one seller has to serve',
    }),
    list: query({ input: Page, output: pageOf(OrderView), http: 'GET /orders', policy: { priority: 'low' } }),
    totals: query({
      output: z.object({
        orders: z.int(),
        customers: z.int(),
        /** Customers whose order numbers have a hole. */
        customersWithHoles: z.int(),
        byStatus: z.record(z.string(), z.int()),
        totalInvoice: Money,
        totalIncentive: Money,
        /** Invoices and vouchers of orders that were paid. */
        paid: z.object({ orders: z.int(), totalInvoice: Money, totalIncentive: Money }),
      }),
      http: 'GET /orders/totals',
    }),
    reset: command({ idempotent: true, http: 'PATCH /order/reset', description: 'Deletes the orders; numbers start again' }),
    cleanup: command({ idempotent: true, http: 'PATCH /order/cleanup', description: 'Deletes everything' }),
  },
  events: [InvoiceIssued],
})
