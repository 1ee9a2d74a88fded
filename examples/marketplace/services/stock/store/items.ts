import { sql, type Kysely } from 'dure/data'
import { rowsAfter } from '../../cursor.ts'
import type { StockTables } from './tables.ts'

type Db = Kysely<StockTables>
type Item = StockTables['stock_items']
export type NewItem = { sellerId: number; productId: number; qtyAvailable: number; data: string; version: string }

const rowOf = ({ sellerId, productId, qtyAvailable, data, version }: NewItem): Item => ({
  seller_id: sellerId,
  product_id: productId,
  qty_available: qtyAvailable,
  qty_reserved: 0,
  qty_initial: qtyAvailable,
  order_count: 0,
  ytd: 0,
  data,
  version,
  active: 1,
})

/** Says how many there are. What comes or goes by it counts as supply, so that available and sold still make it up. */
export async function putItem(tx: Db, item: NewItem): Promise<void> {
  await tx
    .insertInto('stock_items')
    .values(rowOf(item))
    .onConflict((conflict) =>
      conflict.columns(['seller_id', 'product_id']).doUpdateSet((eb) => ({
        qty_initial: sql<number>`stock_items.qty_initial + excluded.qty_available - stock_items.qty_available`,
        qty_available: eb.ref('excluded.qty_available'),
        data: eb.ref('excluded.data'),
        version: eb.ref('excluded.version'),
      })),
    )
    .execute()
}

/** Adds those that are not there yet; tells how many. */
export async function addItems(tx: Db, items: readonly NewItem[]): Promise<number> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('stock_items')
    .values(items.map(rowOf))
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return Number(numInsertedOrUpdatedRows ?? 0n)
}

export async function findItem(db: Db, sellerId: number, productId: number): Promise<Item | undefined> {
  return db
    .selectFrom('stock_items')
    .selectAll()
    .where('seller_id', '=', sellerId)
    .where('product_id', '=', productId)
    .executeTakeFirst()
}

export async function listItems(read: Db, page: { after?: string | undefined; limit: number }): Promise<Item[]> {
  return rowsAfter(read.selectFrom('stock_items').selectAll(), ['seller_id', 'product_id'], page).execute()
}

export async function setVersion(tx: Db, sellerId: number, productId: number, version: string): Promise<void> {
  await tx
    .updateTable('stock_items')
    .set({ version })
    .where('seller_id', '=', sellerId)
    .where('product_id', '=', productId)
    .execute()
}

export type StockTotals = {
  items: number
  initial: number
  available: number
  reserved: number
  sold: number
  unbalanced: number
  reservations: { reserved: number; confirmed: number; cancelled: number }
}

export async function stockTotals(read: Db): Promise<StockTotals> {
  const sums = await read
    .selectFrom('stock_items')
    .select([
      sql<number>`count(*)`.as('items'),
      sql<number>`coalesce(sum(qty_initial), 0)`.as('initial'),
      sql<number>`coalesce(sum(qty_available), 0)`.as('available'),
      sql<number>`coalesce(sum(qty_reserved), 0)`.as('reserved'),
      sql<number>`coalesce(sum(ytd), 0)`.as('sold'),
      sql<number>`coalesce(sum(case when qty_available + ytd <> qty_initial then 1 else 0 end), 0)`.as('unbalanced'),
    ])
    .executeTakeFirstOrThrow()
  const counts = await read
    .selectFrom('reservations')
    .select(['status', sql<number>`count(*)`.as('count')])
    .groupBy('status')
    .execute()
  const count = (status: string): number => counts.find((row) => row.status === status)?.count ?? 0
  const reservations = { reserved: count('reserved'), confirmed: count('confirmed'), cancelled: count('cancelled') }
  return { ...sums, reservations }
}

/** All that was ever supplied is there again. */
export async function resetStock(tx: Db): Promise<void> {
  await tx
    .updateTable('stock_items')
    .set({ version: '0', qty_reserved: 0, qty_available: sql`qty_initial`, order_count: 0, ytd: 0 })
    .execute()
  await tx.deleteFrom('reservations').execute()
}

export async function cleanStock(tx: Db): Promise<void> {
  await tx.deleteFrom('stock_items').execute()
  await tx.deleteFrom('reservations').execute()
}
