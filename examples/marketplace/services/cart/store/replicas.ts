import type { Kysely, Transaction } from 'dure/data'
import type { EventTransaction } from 'dure/eventsourcing'
import { rowsAfter } from '../../cursor.ts'
import type { Change } from '../domain/cart.ts'
import { changeCart } from './carts.ts'
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
 * A new price, for the version it was made for and no other. Lines in open carts follow.
 */
export async function reprice(
  tx: Transaction<CartTables> & EventTransaction,
  change: Change & { kind: 'reprice' },
): Promise<void> {
  const { sellerId, productId, version, price } = change
  await tx
    .updateTable('product_replicas')
    .set({ price })
    .where('seller_id', '=', sellerId)
    .where('product_id', '=', productId)
    .where('version', '=', version)
    .execute()
  const carts = await tx
    .selectFrom('cart_lines')
    .select('customer_id')
    .where('seller_id', '=', sellerId)
    .where('product_id', '=', productId)
    .orderBy('customer_id')
    .execute()
  for (const { customer_id: customerId } of carts) await changeCart(tx, customerId, change)
}

export async function listReplicas(read: Db, page: { after?: string | undefined; limit: number }): Promise<Replica[]> {
  return rowsAfter(read.selectFrom('product_replicas').selectAll(), ['seller_id', 'product_id'], page).execute()
}
