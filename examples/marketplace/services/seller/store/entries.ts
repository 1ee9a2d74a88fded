import { sql, type Kysely } from 'dure/data'
import { before } from '../../progress.ts'
import type { Entry, Notice } from '../domain/entries.ts'
import type { SellerTables } from './tables.ts'

type Db = Kysely<SellerTables>
export type EntryRow = SellerTables['order_entries']

/** Keeps an order's entries, unless they are there. */
export async function insertEntries(tx: Db, customerId: number, orderId: number, entries: readonly Entry[]): Promise<void> {
  await tx
    .insertInto('order_entries')
    .values(
      entries.map((entry) => ({
        customer_id: customerId,
        order_id: orderId,
        seller_id: entry.sellerId,
        product_id: entry.productId,
        natural_key: `${customerId}_${orderId}`,
        package_id: entry.packageId,
        product_name: entry.productName,
        unit_price: entry.unitPrice,
        quantity: entry.quantity,
        total_items: entry.totalItems,
        total_incentive: entry.totalIncentive,
        total_amount: entry.totalAmount,
        freight_value: entry.freightValue,
        total_invoice: entry.totalAmount + entry.freightValue,
        shipment_date: entry.shipmentDate,
        delivery_date: entry.deliveryDate,
        order_status: entry.orderStatus,
        delivery_status: entry.deliveryStatus,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Takes what was heard of an order before it came. */
export async function takeEarly(tx: Db, customerId: number, orderId: number): Promise<readonly Notice[]> {
  const rows = await tx
    .deleteFrom('early_notices')
    .where('customer_id', '=', customerId)
    .where('order_id', '=', orderId)
    .returning('notice')
    .execute()
  return rows.map(({ notice }) => JSON.parse(notice) as Notice)
}

/** Applies a notice to an order's entries, or keeps it until they come. What `follow` says, in SQL. */
export async function applyNotice(tx: Db, customerId: number, orderId: number, notice: Notice): Promise<void> {
  const changed =
    notice.kind === 'delivery'
      ? await markDelivered(tx, customerId, orderId, notice)
      : await moveEntries(tx, customerId, orderId, notice)
  if (changed) return
  const known = await tx
    .selectFrom('order_entries')
    .select('order_id')
    .where('customer_id', '=', customerId)
    .where('order_id', '=', orderId)
    .limit(1)
    .executeTakeFirst()
  if (known !== undefined) return
  await tx
    .insertInto('early_notices')
    .values({ customer_id: customerId, order_id: orderId, notice: JSON.stringify(notice) })
    .execute()
}

async function markDelivered(
  tx: Db,
  customerId: number,
  orderId: number,
  notice: Notice & { kind: 'delivery' },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('order_entries')
    .set({ package_id: notice.packageId, delivery_date: notice.at, delivery_status: 'delivered' })
    .where('customer_id', '=', customerId)
    .where('order_id', '=', orderId)
    .where('seller_id', '=', notice.sellerId)
    .where('product_id', '=', notice.productId)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

async function moveEntries(
  tx: Db,
  customerId: number,
  orderId: number,
  { status, at }: Notice & { kind: 'status' },
): Promise<boolean> {
  const ready = status === 'READY_FOR_SHIPMENT'
  const order_status = sql<
    EntryRow['order_status']
  >`case when order_status in (${sql.join(before(status))}) then ${status} else order_status end`
  const shipped = { shipment_date: at, delivery_status: sql<EntryRow['delivery_status']>`coalesce(delivery_status, 'shipped')` }
  const { numUpdatedRows } = await tx
    .updateTable('order_entries')
    .set({ order_status, ...(ready && shipped) })
    .where('customer_id', '=', customerId)
    .where('order_id', '=', orderId)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}
