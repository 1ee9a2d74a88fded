import { database, type DatabaseDefinition } from 'dure/data'
import { cartsFromRows } from './from-rows.ts'

/** Carts are events; what is kept beside them finds the right ones. */
export type CartTables = {
  /** What is in carts. */
  cart_lines: { customer_id: number; seller_id: number; product_id: number }
  /** Which event of its customer's cart a checkout is. */
  cart_checkouts: { customer_id: number; tid: string; version: number }
  product_replicas: { seller_id: number; product_id: number; name: string; price: number; version: string }
}

/** Money is whole cents. */
export const cartDatabase: DatabaseDefinition<CartTables> = database<CartTables>({
  migrations: {
    // As carts were before they were events.
    '001-carts': `
      CREATE TABLE carts (customer_id INTEGER PRIMARY KEY, checkouts INTEGER NOT NULL DEFAULT 0);
      CREATE TABLE cart_items (
        customer_id INTEGER NOT NULL REFERENCES carts (customer_id) ON DELETE CASCADE,
        seller_id INTEGER NOT NULL,
        product_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        unit_price BIGINT NOT NULL CHECK (unit_price >= 0),
        freight_value BIGINT NOT NULL CHECK (freight_value >= 0),
        quantity INTEGER NOT NULL CHECK (quantity > 0),
        voucher BIGINT NOT NULL CHECK (voucher >= 0),
        version TEXT NOT NULL,
        PRIMARY KEY (customer_id, seller_id, product_id)
      );
      CREATE INDEX cart_items_of_product ON cart_items (seller_id, product_id);
      CREATE TABLE product_replicas (
        seller_id INTEGER NOT NULL,
        product_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        price BIGINT NOT NULL,
        version TEXT NOT NULL,
        PRIMARY KEY (seller_id, product_id)
      );
      CREATE TABLE cart_history (
        customer_id INTEGER NOT NULL,
        tid TEXT NOT NULL,
        checkout_id TEXT NOT NULL,
        items TEXT NOT NULL,
        dropped TEXT NOT NULL,
        PRIMARY KEY (customer_id, tid)
      );`,
    '002-lines': `
      CREATE TABLE cart_lines (
        customer_id INTEGER NOT NULL,
        seller_id INTEGER NOT NULL,
        product_id INTEGER NOT NULL,
        PRIMARY KEY (customer_id, seller_id, product_id)
      );
      CREATE INDEX cart_lines_of_product ON cart_lines (seller_id, product_id);
      CREATE TABLE cart_checkouts (
        customer_id INTEGER NOT NULL,
        tid TEXT NOT NULL,
        version BIGINT NOT NULL,
        PRIMARY KEY (customer_id, tid)
      );`,
    '003-events': { contracts: true, run: cartsFromRows },
    '004-rows': 'DROP TABLE cart_items; DROP TABLE carts; DROP TABLE cart_history;',
  },
})
