import { command, contract, error, event, query, request } from 'dure/contract'
import { z } from 'zod'
import { TransactionMark } from '../mark.ts'
import { InvoiceIssued } from '../order/contract.ts'
import { CardBrand, Id, InstanceId, Moment, Money, OrderItem, Page, pageOf, PaymentType, Recipient } from '../values.ts'
import numbers from './numbers.json' with { type: 'json' }

const paid = z.object({
  customer: Recipient,
  orderId: Id,
  totalAmount: Money,
  items: z.array(OrderItem),
  checkoutId: z.string(),
  instanceId: InstanceId,
})

/** An order was paid. */
export const PaymentConfirmed = event('payment.confirmed', {
  schema: paid.extend({ date: Moment }),
  key: ({ customer }) => customer.customerId,
})
/** The provider would not take the payment. */
export const PaymentFailed = event('payment.failed', {
  schema: paid.extend({ status: z.string() }),
  key: ({ customer }) => customer.customerId,
})

export const PaymentRefused = error('PAYMENT_REFUSED', {
  data: z.object({ reason: z.string() }),
  message: ({ reason }) => `The provider would not take the payment: ${reason}`,
})

/** Takes what an order costs, once for each order. */
export const PayOrder = request('payment.pay', {
  input: InvoiceIssued.schema,
  key: ({ customer }) => customer.customerId,
  output: PaymentConfirmed.schema,
  errors: { PaymentRefused },
})

const PaymentLine = z.object({
  customerId: Id,
  orderId: Id,
  /** Counts the lines of one order from 1. */
  sequential: z.int(),
  type: PaymentType,
  installments: z.int(),
  value: Money,
  status: z.enum(['succeeded', 'declined']),
  card: z.object({ lastDigits: z.string(), holder: z.string(), expiration: z.string(), brand: CardBrand.optional() }).optional(),
})

export const Payment = contract('payment', {
  numbers,
  version: '1.0.0',
  owner: 'team-payments',
  description: 'Payments of orders, taken through an outside provider',
  operations: {
    ofOrder: query({
      input: z.object({ customerId: Id, orderId: Id }),
      output: z.array(PaymentLine),
      http: 'GET /payment/{customerId}/{orderId}',
    }),
    list: query({ input: Page, output: pageOf(PaymentLine), http: 'GET /payments' }),
    totals: query({
      output: z.object({
        /** Orders with a payment that succeeded, or was declined. */
        succeeded: z.int(),
        declined: z.int(),
        /** Paid by card or boleto, and by voucher. */
        amount: Money,
        vouchers: Money,
      }),
      http: 'GET /payments/totals',
    }),
    reset: command({ idempotent: true, http: 'PATCH /payment/reset', description: "Deletes the payments, the provider's too" }),
    cleanup: command({ idempotent: true, http: 'PATCH /payment/cleanup', description: "Deletes everything, the provider's too" }),
  },
  events: [PaymentConfirmed, PaymentFailed, TransactionMark],
  requests: [PayOrder],
})
