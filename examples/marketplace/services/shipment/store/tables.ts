import { database, type DatabaseDefinition } from 'dure/data'
import type { PackageStatus, ShipmentStatus } from '../../values.ts'

export type ShipmentTables = {
  shipments: {
    customer_id: number
    order_id: number
    package_count: number
    delivered_count: number
    total_freight_value: number
    request_date: number
    status: ShipmentStatus
    first_name: string
    last_name: string
    street: string
    complement: string
    city: string
    state: string
    zip_code: string
  }
  packages: {
    customer_id: number
    order_id: number
    package_id: number
    seller_id: number
    product_id: number
    product_name: string
    freight_value: number
    quantity: number
    shipping_date: number
    delivery_date: number | null
    status: PackageStatus
  }
}

/** Money is whole cents, moments are milliseconds since the epoch. */
export const shipmentDatabase: DatabaseDefinition<ShipmentTables> = database<ShipmentTables>({
  migrations: {
    '001-shipments': `
      CREATE TABLE shipments (
        customer_id INTEGER NOT NULL,
        order_id INTEGER NOT NULL,
        package_count INTEGER NOT NULL CHECK (package_count > 0),
        delivered_count INTEGER NOT NULL DEFAULT 0 CHECK (delivered_count <= package_count),
        total_freight_value BIGINT NOT NULL,
        request_date BIGINT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('approved', 'delivery_in_progress', 'concluded')),
        first_name TEXT NOT NULL,
        last_name TEXT NOT NULL,
        street TEXT NOT NULL,
        complement TEXT NOT NULL,
        city TEXT NOT NULL,
        state TEXT NOT NULL,
        zip_code TEXT NOT NULL,
        PRIMARY KEY (customer_id, order_id)
      );
      CREATE TABLE packages (
        customer_id INTEGER NOT NULL,
        order_id INTEGER NOT NULL,
        package_id INTEGER NOT NULL,
        seller_id INTEGER NOT NULL,
        product_id INTEGER NOT NULL,
        product_name TEXT NOT NULL,
        freight_value BIGINT NOT NULL,
        quantity INTEGER NOT NULL,
        shipping_date BIGINT NOT NULL,
        delivery_date BIGINT,
        status TEXT NOT NULL CHECK (status IN ('shipped', 'delivered')),
        PRIMARY KEY (customer_id, order_id, package_id),
        FOREIGN KEY (customer_id, order_id) REFERENCES shipments (customer_id, order_id)
      );
      CREATE INDEX packages_under_way ON packages (seller_id, shipping_date, customer_id, order_id) WHERE status = 'shipped';`,
  },
})
