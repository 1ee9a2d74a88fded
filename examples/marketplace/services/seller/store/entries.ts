import { sql, type Kysely } from 'dure/data'
import { prepared } from '../../prepared.ts'
import { before } from '../../progress.ts'
import type { OrderStatus } from '../../values.ts'
import type { Entry, Notice } from '../domain/entries.ts'
import type { SellerTables } from './tables.ts'

type Db = Kysely<SellerTables>
export type EntryRow = SellerTables['order_entries']

const insertRows = prepared((tx: Db, rows: readonly EntryRow[]) =>
  tx
    .insertInto('order_entries')
    .values(rows)
    .onConflict((conflict) => conflict.doNothing()),
)

/** Keeps an order's entries, unless they are there. */
export async function insertEntries(tx: Db, customerId: number, orderId: number, entries: readonly Entry[]): Promise<void> {
  await insertRows(
    tx,
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
}

type OrderKey = { readonly customerId: number; readonly orderId: number }

const deleteEarly = prepared((tx: Db, { customerId, orderId }: OrderKey) =>
  tx.deleteFrom('early_notices').where('customer_id', '=', customerId).where('order_id', '=', orderId).returning('notice'),
)

/** Takes what was heard of an order before it came. */
export async function takeEarly(tx: Db, customerId: number, orderId: number): Promise<readonly Notice[]> {
  const { rows } = await deleteEarly(tx, { customerId, orderId })
  return rows.map(({ notice }) => JSON.parse(notice) as Notice)
}

/** Applies a notice to an order's entries, or keeps it until they come. What `follow` says, in SQL. */
export async function applyNotice(tx: Db, customerId: number, orderId: number, notice: Notice): Promise<void> {
  const key = { customerId, orderId }
  const changed = notice.kind === 'delivery' ? await markDelivered(tx, key, notice) : await moveEntries(tx, key, notice)
  if (changed || (await isKnown(tx, key))) return
  await tx
    .insertInto('early_notices')
    .values({ customer_id: customerId, order_id: orderId, notice: JSON.stringify(notice) })
    .execute()
}

async function isKnown(tx: Db, { customerId, orderId }: OrderKey): Promise<boolean> {
  const known = await tx
    .selectFrom('order_entries')
    .select('order_id')
    .where('customer_id', '=', customerId)
    .where('order_id', '=', orderId)
    .limit(1)
    .executeTakeFirst()
  return known !== undefined
}

type Delivery = Notice & { kind: 'delivery' }

const updateDelivered = prepared((tx: Db, values: OrderKey & Omit<Delivery, 'kind'>) =>
  tx
    .updateTable('order_entries')
    .set({ package_id: values.packageId, delivery_date: values.at, delivery_status: 'delivered' })
    .where('customer_id', '=', values.customerId)
    .where('order_id', '=', values.orderId)
    .where('seller_id', '=', values.sellerId)
    .where('product_id', '=', values.productId),
)

async function markDelivered(tx: Db, key: OrderKey, { kind: _, ...delivery }: Delivery): Promise<boolean> {
  const { sellerId, productId, packageId, at } = delivery
  return (await updateDelivered(tx, { ...key, sellerId, productId, packageId, at })).changed > 0
}

/** One query a status, because each has statuses of its own that come before it. */
const moving = new Map<OrderStatus, ReturnType<typeof movingTo>>()

const movingTo = (status: OrderStatus) =>
  prepared((tx: Db, { customerId, orderId, at }: OrderKey & { at: number }) => {
    const order_status = sql<OrderStatus>`case when order_status in (${sql.join(before(status))}) then ${status} else order_status end`
    const shipped = { shipment_date: at, delivery_status: sql<EntryRow['delivery_status']>`coalesce(delivery_status, 'shipped')` }
    return tx
      .updateTable('order_entries')
      .set({ order_status, ...(status === 'READY_FOR_SHIPMENT' && shipped) })
      .where('customer_id', '=', customerId)
      .where('order_id', '=', orderId)
  })

async function moveEntries(
  tx: Db,
  { customerId, orderId }: OrderKey,
  { status, at }: Notice & { kind: 'status' },
): Promise<boolean> {
  let move = moving.get(status)
  if (move === undefined) moving.set(status, (move = movingTo(status)))
  return (await move(tx, { customerId, orderId, at })).changed > 0
}
