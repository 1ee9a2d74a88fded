import { sql, type Kysely } from 'dure/data'
import { rowsAfter } from '../../cursor.ts'
import type { ProductTables } from './tables.ts'

type Db = Kysely<ProductTables>
export type ProductRow = ProductTables['products']
type Key = { seller_id: number; product_id: number }

/** Adds those that are not there yet, and answers with them. */
export async function addProducts(tx: Db, products: readonly ProductRow[]): Promise<readonly Key[]> {
  return tx
    .insertInto('products')
    .values(products)
    .onConflict((conflict) => conflict.doNothing())
    .returning(['seller_id', 'product_id'])
    .execute()
}

/** Sets a price if the version is the present one. False when there is no such product in any version. */
export async function setPrice(tx: Db, sellerId: number, productId: number, version: string, price: number): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('products')
    .set({ price: sql<number>`case when version = ${version} then ${price} else price end` })
    .where('seller_id', '=', sellerId)
    .where('product_id', '=', productId)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Puts a product in place of another. False when there was none. */
export async function replaceProduct(tx: Db, product: ProductRow): Promise<boolean> {
  const { seller_id, product_id, ...rest } = product
  const { numUpdatedRows } = await tx
    .updateTable('products')
    .set(rest)
    .where('seller_id', '=', seller_id)
    .where('product_id', '=', product_id)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

export async function findProduct(read: Db, sellerId: number, productId: number): Promise<ProductRow | undefined> {
  return productsOf(read, sellerId).where('product_id', '=', productId).executeTakeFirst()
}

export async function findProducts(
  read: Db,
  keys: readonly { readonly sellerId: number; readonly productId: number }[],
): Promise<ProductRow[]> {
  return read
    .selectFrom('products')
    .selectAll()
    .where(({ eb, or, and }) =>
      or(keys.map(({ sellerId, productId }) => and([eb('seller_id', '=', sellerId), eb('product_id', '=', productId)]))),
    )
    .execute()
}

export async function sellersProducts(read: Db, sellerId: number): Promise<ProductRow[]> {
  return productsOf(read, sellerId).orderBy('product_id').limit(MOST_OF_SELLER).execute()
}

/** No answer is without bound; whoever has more products is read through the list. */
const MOST_OF_SELLER = 1_000

function productsOf(read: Db, sellerId: number) {
  return read.selectFrom('products').selectAll().where('seller_id', '=', sellerId)
}

export async function listProducts(read: Db, page: { after?: string | undefined; limit: number }): Promise<ProductRow[]> {
  return rowsAfter(read.selectFrom('products').selectAll(), ['seller_id', 'product_id'], page).execute()
}

export async function productTotals(read: Db): Promise<{ products: number; sellers: number }> {
  return read
    .selectFrom('products')
    .select([sql<number>`count(*)`.as('products'), sql<number>`count(distinct seller_id)`.as('sellers')])
    .executeTakeFirstOrThrow()
}

export async function resetVersions(tx: Db): Promise<void> {
  await tx.updateTable('products').set({ version: '0' }).execute()
}

export async function deleteProducts(tx: Db): Promise<void> {
  await tx.deleteFrom('products').execute()
}
