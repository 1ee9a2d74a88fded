import { command, contract, error, query } from 'dure/contract'
import { z } from 'zod'
import { Added, CardBrand, Id, Page, pageOf, Text } from '../values.ts'
import numbers from './numbers.json' with { type: 'json' }

export const CustomerNotFound = error('CUSTOMER_NOT_FOUND', {
  data: z.object({ customerId: Id }),
  status: 'NOT_FOUND',
  message: ({ customerId }) => `There is no customer ${customerId}`,
})

const Person = z.object({
  customerId: Id,
  firstName: Text.min(1),
  lastName: Text.min(1),
  street: Text.default(''),
  complement: Text.default(''),
  city: Text.default(''),
  state: Text.default(''),
  zipCode: Text.default(''),
  cardHolderName: Text.default(''),
  /** MMyy */
  cardExpiration: z.string().max(7).default(''),
  cardBrand: CardBrand.optional(),
  data: Text.default(''),
})
export const NewCustomer = Person.extend({
  cardNumber: z.string().max(32).default(''),
  /** Taken and dropped: a card's security number is not kept anywhere. */
  cardSecurityNumber: z.string().max(4).optional(),
})
export const CustomerView = Person.extend({
  /** The last four digits; the others are not shown. */
  cardNumber: z.string(),
  successPaymentCount: z.int(),
  failedPaymentCount: z.int(),
  deliveryCount: z.int(),
  /** Checkouts of which some line could not be reserved. */
  failedReservationCount: z.int(),
}).meta({ id: 'Customer' })

export const Customer = contract('customer', {
  numbers,
  version: '1.0.0',
  owner: 'team-customers',
  description: 'Customers, and how their orders went',
  operations: {
    put: command({ input: NewCustomer, idempotent: true, http: { routes: 'POST /customer', status: 201 } }),
    putAll: command({
      input: z.object({ items: z.array(NewCustomer).min(1).max(1_000) }),
      output: Added,
      idempotent: true,
      http: { routes: 'POST /customer/batch', status: 201 },
    }),
    get: query({
      input: z.object({ customerId: Id }),
      output: CustomerView,
      errors: { CustomerNotFound },
      http: 'GET /customer/{customerId}',
    }),
    byIds: query({
      input: z.object({ customerIds: z.array(Id).min(1).max(500) }),
      output: z.array(CustomerView),
      description: 'Those of these customers that there are, in no order',
    }),
    list: query({ input: Page, output: pageOf(CustomerView), http: 'GET /customers' }),
    totals: query({
      output: z.object({
        customers: z.int(),
        successPayments: z.int(),
        failedPayments: z.int(),
        deliveries: z.int(),
        failedReservations: z.int(),
      }),
      http: 'GET /customers/totals',
      description: 'Counts over everybody who ordered, known as a customer or not',
    }),
    reset: command({ idempotent: true, http: 'PATCH /customer/reset', description: 'Counts start again; keeps the customers' }),
    cleanup: command({ idempotent: true, http: 'PATCH /customer/cleanup', description: 'Deletes everything' }),
  },
})
