import { database, type DatabaseDefinition } from 'dure/data'

export type ProductTables = {
  products: {
    seller_id: number
    product_id: number
    name: string
    sku: string
    category: string
    description: string
    price: number
    freight_value: number
    status: string
    version: string
  }
}

/** Money is whole cents. */
export const productDatabase: DatabaseDefinition<ProductTables> = database<ProductTables>({
  migrations: {
    '001-products': `
      CREATE TABLE products (
        seller_id INTEGER NOT NULL,
        product_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        sku TEXT NOT NULL,
        category TEXT NOT NULL,
        description TEXT NOT NULL,
        price BIGINT NOT NULL CHECK (price >= 0),
        freight_value BIGINT NOT NULL CHECK (freight_value >= 0),
        status TEXT NOT NULL,
        version TEXT NOT NULL,
        PRIMARY KEY (seller_id, product_id)
      );`,
  },
})
