import { database, type DatabaseDefinition } from 'dure/data'
import type { z } from 'zod'
import type { CardBrand, PaymentType } from '../../values.ts'

export type PaymentTables = {
  order_payments: {
    customer_id: number
    order_id: number
    sequential: number
    type: z.output<typeof PaymentType>
    installments: number
    value: number
    status: 'succeeded' | 'declined'
  }
  order_payment_cards: {
    customer_id: number
    order_id: number
    sequential: number
    last_digits: string
    holder: string
    expiration: string
    brand: z.output<typeof CardBrand> | null
  }
}

/** Money is whole cents. Of a card's number only the last four digits are kept. */
export const paymentDatabase: DatabaseDefinition<PaymentTables> = database<PaymentTables>({
  migrations: {
    '001-payments': `
      CREATE TABLE order_payments (
        customer_id INTEGER NOT NULL,
        order_id INTEGER NOT NULL,
        sequential INTEGER NOT NULL,
        type TEXT NOT NULL,
        installments INTEGER NOT NULL,
        value BIGINT NOT NULL CHECK (value >= 0),
        status TEXT NOT NULL CHECK (status IN ('succeeded', 'declined')),
        PRIMARY KEY (customer_id, order_id, sequential)
      );
      CREATE TABLE order_payment_cards (
        customer_id INTEGER NOT NULL,
        order_id INTEGER NOT NULL,
        sequential INTEGER NOT NULL,
        last_digits TEXT NOT NULL,
        holder TEXT NOT NULL,
        expiration TEXT NOT NULL,
        brand TEXT,
        PRIMARY KEY (customer_id, order_id, sequential),
        FOREIGN KEY (customer_id, order_id, sequential) REFERENCES order_payments (customer_id, order_id, sequential)
      );`,
  },
})
