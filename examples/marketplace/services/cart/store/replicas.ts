import { sql, type Kysely } from 'dure/data'
import { rowsAfter } from '../../cursor.ts'
import type { CartTables } from './tables.ts'

type Db = Kysely<CartTables>
type Replica = CartTables['product_replicas']

/** The product as its owner announced it, in place of what was known. */
export async function putReplica(tx: Db, replica: Replica): Promise<void> {
  const { name, price, version } = replica
  await tx
    .insertInto('product_replicas')
    .values(replica)
    .onConflict((conflict) => conflict.columns(['seller_id', 'product_id']).doUpdateSet({ name, price, version }))
    .execute()
}

/**
 * A new price, for the version it was made for and no other. Lines in open carts follow: their customers keep the old
 * price when it was lower, as a voucher for the difference on every piece.
 */
export async function reprice(
  tx: Db,
  change: { sellerId: number; productId: number; version: string; price: number },
): Promise<void> {
  const { sellerId, productId, version, price } = change
  await tx
    .updateTable('product_replicas')
    .set({ price })
    .where('seller_id', '=', sellerId)
    .where('product_id', '=', productId)
    .where('version', '=', version)
    .execute()
  await tx
    .updateTable('cart_items')
    .set({
      voucher: sql<number>`voucher + case when unit_price < ${price} then (${price} - unit_price) * quantity else 0 end`,
      unit_price: price,
    })
    .where('seller_id', '=', sellerId)
    .where('product_id', '=', productId)
    .where('version', '=', version)
    .execute()
}

export async function listReplicas(read: Db, page: { after?: string | undefined; limit: number }): Promise<Replica[]> {
  return rowsAfter(read.selectFrom('product_replicas').selectAll(), ['seller_id', 'product_id'], page).execute()
}
