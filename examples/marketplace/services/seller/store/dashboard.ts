import { sql, type Kysely } from 'dure/data'
import type { EntryRow } from './entries.ts'
import type { SellerTables } from './tables.ts'

type Db = Kysely<SellerTables>

export type DashboardSums = {
  countOrders: number
  countItems: number
  totalAmount: number
  totalFreight: number
  totalIncentive: number
  totalInvoice: number
  totalItems: number
}

// The very words of the partial index, so that it serves the dashboard.
const isOpen = sql<boolean>`order_status in ('INVOICED', 'PAYMENT_PROCESSED', 'READY_FOR_SHIPMENT', 'IN_TRANSIT')`

/** A seller's open orders twice: summed up, and line by line. Ask both of one snapshot. */
export async function dashboardOf(read: Db, sellerId: number): Promise<{ sums: DashboardSums; entries: EntryRow[] }> {
  const sums = await read
    .selectFrom('order_entries')
    .select([
      sql<number>`count(distinct natural_key)`.as('countOrders'),
      sql<number>`count(*)`.as('countItems'),
      sql<number>`coalesce(sum(total_amount), 0)`.as('totalAmount'),
      sql<number>`coalesce(sum(freight_value), 0)`.as('totalFreight'),
      sql<number>`coalesce(sum(total_items - total_amount), 0)`.as('totalIncentive'),
      sql<number>`coalesce(sum(total_invoice), 0)`.as('totalInvoice'),
      sql<number>`coalesce(sum(total_items), 0)`.as('totalItems'),
    ])
    .where('seller_id', '=', sellerId)
    .where(isOpen)
    .executeTakeFirstOrThrow()
  const entries = await read.selectFrom('order_entries').selectAll().where('seller_id', '=', sellerId).where(isOpen).execute()
  return { sums, entries }
}
