import { database, type DatabaseDefinition } from 'dure/data'

export type StockTables = {
  stock_items: {
    seller_id: number
    product_id: number
    qty_available: number
    qty_reserved: number
    qty_initial: number
    order_count: number
    ytd: number
    data: string
    version: string
    active: number
  }
  reservations: { checkout_id: string; customer_id: number; status: ReservationStatus }
}

/** `rejected`: nothing of the checkout could be reserved. */
export type ReservationStatus = 'reserved' | 'confirmed' | 'cancelled' | 'rejected'

export const stockDatabase: DatabaseDefinition<StockTables> = database<StockTables>({
  migrations: {
    '001-stock': `
      CREATE TABLE stock_items (
        seller_id INTEGER NOT NULL,
        product_id INTEGER NOT NULL,
        qty_available INTEGER NOT NULL,
        qty_reserved INTEGER NOT NULL DEFAULT 0 CHECK (qty_reserved >= 0),
        qty_initial INTEGER NOT NULL,
        order_count INTEGER NOT NULL DEFAULT 0,
        ytd INTEGER NOT NULL DEFAULT 0,
        data TEXT NOT NULL,
        version TEXT NOT NULL,
        active INTEGER NOT NULL DEFAULT 1,
        PRIMARY KEY (seller_id, product_id),
        CHECK (qty_available >= qty_reserved)
      );
      CREATE TABLE reservations (
        checkout_id TEXT PRIMARY KEY,
        customer_id INTEGER NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('reserved', 'confirmed', 'cancelled', 'rejected'))
      );`,
  },
})
