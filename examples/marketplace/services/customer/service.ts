import { service, type Service } from 'dure/service'
import { partOf } from '../cursor.ts'
import { PaymentConfirmed, PaymentFailed } from '../payment/contract.ts'
import { DeliveryNotification } from '../shipment/contract.ts'
import { ReserveStockFailed } from '../stock/contract.ts'
import { Customer, CustomerNotFound } from './contract.ts'
import {
  addCustomers,
  count,
  customerTotals,
  deleteCounts,
  deleteCustomers,
  findCustomer,
  findCustomers,
  listCustomers,
  putCustomer,
} from './store/customers.ts'
import { customerDatabase } from './store/tables.ts'
import { rowOf, viewOf } from './views.ts'

export const customer: Service<typeof Customer> = service(Customer, {
  database: customerDatabase,
  handlers: {
    put: (input, { database }) => database.transaction((tx) => putCustomer(tx, rowOf(input))),
    putAll: async ({ items }, { database }) => ({
      added: await database.transaction((tx) => addCustomers(tx, items.map(rowOf))),
    }),
    get: async ({ customerId }, { database }) => {
      const row = await findCustomer(database.read, customerId)
      if (row === undefined) throw CustomerNotFound({ customerId })
      return viewOf(row)
    },
    byIds: async ({ customerIds }, { database }) => (await findCustomers(database.read, customerIds)).map(viewOf),
    list: async (page, { database }) => {
      const rows = await listCustomers(database.read, page)
      return partOf(rows.map(viewOf), page.limit, (each) => [each.customerId])
    },
    totals: (_input, { database }) => database.snapshot(customerTotals),
    reset: (_input, { database }) => database.transaction(deleteCounts),
    cleanup: (_input, { database }) => database.transaction(deleteCustomers),
  },

  // The inbox keeps each of these to once: a count has no other way to know that it counted already.
  subscriptions: ({ on }) => [
    on(PaymentConfirmed, ({ data }, { tx }) => count(tx, data.customer.customerId, 'success_payment_count')),
    on(PaymentFailed, ({ data }, { tx }) => count(tx, data.customer.customerId, 'failed_payment_count')),
    on(DeliveryNotification, ({ data }, { tx }) => count(tx, data.customerId, 'delivery_count')),
    on(ReserveStockFailed, ({ data }, { tx }) => count(tx, data.customerCheckout.customerId, 'failed_reservation_count')),
  ],
})
