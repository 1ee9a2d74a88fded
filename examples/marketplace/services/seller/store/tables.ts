import { database, type DatabaseDefinition } from 'dure/data'
import type { OrderStatus, PackageStatus } from '../../values.ts'

export type SellerTables = {
  sellers: {
    seller_id: number
    name: string
    company_name: string
    email: string
    phone: string
    street: string
    complement: string
    city: string
    state: string
    zip_code: string
  }
  order_entries: {
    customer_id: number
    order_id: number
    seller_id: number
    product_id: number
    natural_key: string
    package_id: number | null
    product_name: string
    unit_price: number
    quantity: number
    total_items: number
    total_incentive: number
    total_amount: number
    freight_value: number
    total_invoice: number
    shipment_date: number | null
    delivery_date: number | null
    order_status: OrderStatus
    delivery_status: PackageStatus | null
  }
  /** Notices that came before their order. */
  early_notices: { customer_id: number; order_id: number; notice: string }
}

const ENTRIES = `CREATE TABLE order_entries (
        customer_id INTEGER NOT NULL,
        order_id INTEGER NOT NULL,
        seller_id INTEGER NOT NULL,
        product_id INTEGER NOT NULL,
        natural_key TEXT NOT NULL,
        package_id INTEGER,
        product_name TEXT NOT NULL,
        unit_price BIGINT NOT NULL,
        quantity INTEGER NOT NULL,
        total_items BIGINT NOT NULL,
        total_incentive BIGINT NOT NULL,
        total_amount BIGINT NOT NULL,
        freight_value BIGINT NOT NULL,
        total_invoice BIGINT NOT NULL,
        shipment_date BIGINT,
        delivery_date BIGINT,
        order_status TEXT NOT NULL,
        delivery_status TEXT,
        PRIMARY KEY (customer_id, order_id, seller_id, product_id)
      );
      CREATE INDEX open_entries ON order_entries (seller_id)
        WHERE order_status IN ('INVOICED', 'PAYMENT_PROCESSED', 'READY_FOR_SHIPMENT', 'IN_TRANSIT');
      CREATE TABLE early_notices (customer_id INTEGER NOT NULL, order_id INTEGER NOT NULL, notice TEXT NOT NULL);
      CREATE INDEX early_notices_of_order ON early_notices (customer_id, order_id);`

/** Money is whole cents, moments are milliseconds since the epoch. */
export const sellerDatabase: DatabaseDefinition<SellerTables> = database<SellerTables>({
  migrations: {
    '001-sellers': `
      CREATE TABLE sellers (
        seller_id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        company_name TEXT NOT NULL,
        email TEXT NOT NULL,
        phone TEXT NOT NULL,
        street TEXT NOT NULL,
        complement TEXT NOT NULL,
        city TEXT NOT NULL,
        state TEXT NOT NULL,
        zip_code TEXT NOT NULL
      );
      ${ENTRIES}`,
  },
})

/** The same entries, in the store of a read model. */
export const entriesDatabase: DatabaseDefinition<SellerTables> = database<SellerTables>({
  migrations: { '001-entries': ENTRIES },
})
