import { database, type DatabaseDefinition } from 'dure/data'
import type { z } from 'zod'
import type { CardBrand } from '../../values.ts'

export type CustomerTables = {
  customers: {
    customer_id: number
    first_name: string
    last_name: string
    street: string
    complement: string
    city: string
    state: string
    zip_code: string
    card_digits: string
    card_holder_name: string
    card_expiration: string
    card_brand: z.output<typeof CardBrand> | null
    data: string
  }
  /** By customer, whether or not we know who that is: orders come from carts, which know nobody. */
  counts: {
    customer_id: number
    success_payment_count: number
    failed_payment_count: number
    delivery_count: number
    failed_reservation_count: number
  }
}

/** Of a card's number only the last four digits are kept. */
export const customerDatabase: DatabaseDefinition<CustomerTables> = database<CustomerTables>({
  migrations: {
    '001-customers': `
      CREATE TABLE customers (
        customer_id INTEGER PRIMARY KEY,
        first_name TEXT NOT NULL,
        last_name TEXT NOT NULL,
        street TEXT NOT NULL,
        complement TEXT NOT NULL,
        city TEXT NOT NULL,
        state TEXT NOT NULL,
        zip_code TEXT NOT NULL,
        card_digits TEXT NOT NULL,
        card_holder_name TEXT NOT NULL,
        card_expiration TEXT NOT NULL,
        card_brand TEXT,
        data TEXT NOT NULL
      );
      CREATE TABLE counts (
        customer_id INTEGER PRIMARY KEY,
        success_payment_count INTEGER NOT NULL DEFAULT 0,
        failed_payment_count INTEGER NOT NULL DEFAULT 0,
        delivery_count INTEGER NOT NULL DEFAULT 0,
        failed_reservation_count INTEGER NOT NULL DEFAULT 0
      );`,
  },
})
