import { sql, type Kysely } from 'dure/data'
import { rowsAfter } from '../../cursor.ts'
import { tallyOf } from '../../tally.ts'
import type { EntryRow } from './entries.ts'
import type { SellerTables } from './tables.ts'

type Db = Kysely<SellerTables>
export type SellerRow = SellerTables['sellers']
type Page = { after?: string | undefined; limit: number }

export async function putSeller(tx: Db, seller: SellerRow): Promise<void> {
  await tx
    .insertInto('sellers')
    .values(seller)
    .onConflict((conflict) => conflict.column('seller_id').doUpdateSet(seller))
    .execute()
}

/** Adds those that are not there yet; tells how many. */
export async function addSellers(tx: Db, sellers: readonly SellerRow[]): Promise<number> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('sellers')
    .values(sellers)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return Number(numInsertedOrUpdatedRows ?? 0n)
}

export async function findSeller(read: Db, sellerId: number): Promise<SellerRow | undefined> {
  return read.selectFrom('sellers').selectAll().where('seller_id', '=', sellerId).executeTakeFirst()
}

export async function listSellers(read: Db, page: Page): Promise<SellerRow[]> {
  return rowsAfter(read.selectFrom('sellers').selectAll(), ['seller_id'], page).execute()
}

export async function listEntries(read: Db, page: Page): Promise<EntryRow[]> {
  return rowsAfter(
    read.selectFrom('order_entries').selectAll(),
    ['customer_id', 'order_id', 'seller_id', 'product_id'],
    page,
  ).execute()
}

export type SellerTotals = {
  sellers: number
  entries: number
  delivered: number
  early: number
  totalInvoice: number
  byStatus: Record<string, number>
}

export async function sellerTotals(read: Db): Promise<SellerTotals> {
  const statuses = await read
    .selectFrom('order_entries')
    .select(['order_status as name', sql<number>`count(*)`.as('count')])
    .groupBy('order_status')
    .execute()
  const { rows } = await sql<Omit<SellerTotals, 'byStatus'>>`select
    (select count(*) from sellers) as sellers,
    (select count(*) from early_notices) as early,
    count(*) as entries,
    coalesce(sum(case when delivery_status = 'delivered' then 1 else 0 end), 0) as delivered,
    coalesce(sum(total_invoice), 0) as "totalInvoice"
    from order_entries`.execute(read)
  return { ...rows[0]!, byStatus: tallyOf(statuses) }
}

export async function deleteEntries(tx: Db): Promise<void> {
  await tx.deleteFrom('order_entries').execute()
  await tx.deleteFrom('early_notices').execute()
}

export async function deleteAll(tx: Db): Promise<void> {
  await deleteEntries(tx)
  await tx.deleteFrom('sellers').execute()
}
