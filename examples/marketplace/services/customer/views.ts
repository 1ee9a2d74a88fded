import type { z } from 'zod'
import type { CustomerView, NewCustomer } from './contract.ts'
import type { CountedRow, CustomerRow } from './store/customers.ts'

/** A customer as it is kept: the card's security number and most of its number are not. */
export function rowOf(customer: z.output<typeof NewCustomer>): CustomerRow {
  return {
    customer_id: customer.customerId,
    first_name: customer.firstName,
    last_name: customer.lastName,
    street: customer.street,
    complement: customer.complement,
    city: customer.city,
    state: customer.state,
    zip_code: customer.zipCode,
    card_digits: customer.cardNumber.slice(-4),
    card_holder_name: customer.cardHolderName,
    card_expiration: customer.cardExpiration,
    card_brand: customer.cardBrand ?? null,
    data: customer.data,
  }
}

export function viewOf(row: CountedRow): z.output<typeof CustomerView> {
  return {
    customerId: row.customer_id,
    firstName: row.first_name,
    lastName: row.last_name,
    street: row.street,
    complement: row.complement,
    city: row.city,
    state: row.state,
    zipCode: row.zip_code,
    cardNumber: row.card_digits,
    cardHolderName: row.card_holder_name,
    cardExpiration: row.card_expiration,
    cardBrand: row.card_brand ?? undefined,
    data: row.data,
    successPaymentCount: row.success_payment_count ?? 0,
    failedPaymentCount: row.failed_payment_count ?? 0,
    deliveryCount: row.delivery_count ?? 0,
    failedReservationCount: row.failed_reservation_count ?? 0,
  }
}
