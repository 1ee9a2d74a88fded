import { database, type DatabaseDefinition } from 'dure/data'
import type { OrderStatus } from '../../values.ts'

export type OrderTables = {
  orders: {
    customer_id: number
    order_id: number
    checkout_id: string
    instance_id: string
    invoice_number: string
    status: OrderStatus
    purchase_date: number
    payment_date: number | null
    delivered_carrier_date: number | null
    delivered_customer_date: number | null
    estimated_delivery_date: number
    count_items: number
    total_items: number
    total_incentive: number
    total_amount: number
    total_freight: number
    total_invoice: number
  }
  order_items: {
    customer_id: number
    order_id: number
    order_item_id: number
    seller_id: number
    product_id: number
    product_name: string
    unit_price: number
    quantity: number
    freight_value: number
    total_items: number
    total_incentive: number
    total_amount: number
  }
  order_history: { customer_id: number; order_id: number; status: OrderStatus; created_at: number }
  customer_orders: { customer_id: number; next_order_id: number }
}

/** Money is whole cents, moments are milliseconds since the epoch. */
export const orderDatabase: DatabaseDefinition<OrderTables> = database<OrderTables>({
  migrations: {
    '001-orders': `
      CREATE TABLE customer_orders (customer_id INTEGER PRIMARY KEY, next_order_id INTEGER NOT NULL);
      CREATE TABLE orders (
        customer_id INTEGER NOT NULL REFERENCES customer_orders (customer_id),
        order_id INTEGER NOT NULL,
        checkout_id TEXT NOT NULL UNIQUE,
        instance_id TEXT NOT NULL,
        invoice_number TEXT NOT NULL,
        status TEXT NOT NULL,
        purchase_date BIGINT NOT NULL,
        payment_date BIGINT,
        delivered_carrier_date BIGINT,
        delivered_customer_date BIGINT,
        estimated_delivery_date BIGINT NOT NULL,
        count_items INTEGER NOT NULL,
        total_items BIGINT NOT NULL,
        total_incentive BIGINT NOT NULL,
        total_amount BIGINT NOT NULL,
        total_freight BIGINT NOT NULL,
        total_invoice BIGINT NOT NULL,
        PRIMARY KEY (customer_id, order_id)
      );
      CREATE TABLE order_items (
        customer_id INTEGER NOT NULL,
        order_id INTEGER NOT NULL,
        order_item_id INTEGER NOT NULL,
        seller_id INTEGER NOT NULL,
        product_id INTEGER NOT NULL,
        product_name TEXT NOT NULL,
        unit_price BIGINT NOT NULL,
        quantity INTEGER NOT NULL,
        freight_value BIGINT NOT NULL,
        total_items BIGINT NOT NULL,
        total_incentive BIGINT NOT NULL,
        total_amount BIGINT NOT NULL,
        PRIMARY KEY (customer_id, order_id, order_item_id),
        FOREIGN KEY (customer_id, order_id) REFERENCES orders (customer_id, order_id)
      );
      CREATE TABLE order_history (
        customer_id INTEGER NOT NULL,
        order_id INTEGER NOT NULL,
        status TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        PRIMARY KEY (customer_id, order_id, status),
        FOREIGN KEY (customer_id, order_id) REFERENCES orders (customer_id, order_id)
      );`,
    '002-open-lines': 'CREATE INDEX lines_of_seller ON order_items (seller_id)',
  },
})
