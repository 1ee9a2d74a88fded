import { sql, type Kysely } from 'dure/data'
import { rowsAfter } from '../../cursor.ts'
import { OPEN } from '../../progress.ts'
import { tallyOf } from '../../tally.ts'
import type { OrderTables } from './tables.ts'

type Db = Kysely<OrderTables>
type Row = OrderTables['orders']
export type WholeOrder = { order: Row; items: OrderTables['order_items'][]; history: OrderTables['order_history'][] }

/** A customer's newest orders, newest first. */
export async function ordersOf(read: Db, customerId: number, limit: number): Promise<WholeOrder[]> {
  const orders = await read
    .selectFrom('orders')
    .selectAll()
    .where('customer_id', '=', customerId)
    .orderBy('order_id', 'desc')
    .limit(limit)
    .execute()
  const oldest = orders.at(-1)?.order_id
  if (oldest === undefined) return []
  const items = await read
    .selectFrom('order_items')
    .selectAll()
    .where('customer_id', '=', customerId)
    .where('order_id', '>=', oldest)
    .orderBy('order_id')
    .orderBy('order_item_id')
    .execute()
  const history = await read
    .selectFrom('order_history')
    .selectAll()
    .where('customer_id', '=', customerId)
    .where('order_id', '>=', oldest)
    .execute()
  const [itemsOf, historyOf] = [Map.groupBy(items, (row) => row.order_id), Map.groupBy(history, (row) => row.order_id)]
  return orders.map((order) => ({
    order,
    items: itemsOf.get(order.order_id) ?? [],
    history: historyOf.get(order.order_id) ?? [],
  }))
}

/** A line of an order under way, with the order's status. */
export type OpenLine = OrderTables['order_items'] & Pick<Row, 'status'>

export async function openLines(read: Db, sellerId: number): Promise<OpenLine[]> {
  return read
    .selectFrom('order_items')
    .innerJoin('orders', (join) =>
      join.onRef('orders.customer_id', '=', 'order_items.customer_id').onRef('orders.order_id', '=', 'order_items.order_id'),
    )
    .selectAll('order_items')
    .select('orders.status')
    .where('seller_id', '=', sellerId)
    .where('orders.status', 'in', OPEN)
    .execute()
}

export async function listOrders(read: Db, page: { after?: string | undefined; limit: number }): Promise<Row[]> {
  return rowsAfter(read.selectFrom('orders').selectAll(), ['customer_id', 'order_id'], page).execute()
}

export type OrderTotals = {
  orders: number
  customers: number
  customersWithHoles: number
  byStatus: Record<string, number>
  totalInvoice: number
  totalIncentive: number
  paid: { orders: number; totalInvoice: number; totalIncentive: number }
}

export async function orderTotals(read: Db): Promise<OrderTotals> {
  const sums = await read
    .selectFrom('orders')
    .select([
      sql<number>`count(*)`.as('orders'),
      sql<number>`coalesce(sum(total_invoice), 0)`.as('totalInvoice'),
      sql<number>`coalesce(sum(total_incentive), 0)`.as('totalIncentive'),
    ])
    .executeTakeFirstOrThrow()
  const paid = await read
    .selectFrom('orders')
    .select([
      sql<number>`count(*)`.as('orders'),
      sql<number>`coalesce(sum(total_invoice), 0)`.as('totalInvoice'),
      sql<number>`coalesce(sum(total_incentive), 0)`.as('totalIncentive'),
    ])
    .where('status', 'not in', ['INVOICED', 'PAYMENT_FAILED'])
    .executeTakeFirstOrThrow()
  const statuses = await read
    .selectFrom('orders')
    .select(['status as name', sql<number>`count(*)`.as('count')])
    .groupBy('status')
    .execute()
  // Numbers from 1 to n without a hole: as many orders as the highest number, and one less than the next.
  const { rows: holes } = await sql<{ customers: number; customersWithHoles: number }>`
    select count(*) as customers, coalesce(sum(case when n <> highest or highest <> next - 1 then 1 else 0 end), 0) as "customersWithHoles"
    from (
      select count(*) as n, max(o.order_id) as highest, max(c.next_order_id) as next
      from orders o join customer_orders c on c.customer_id = o.customer_id group by o.customer_id
    ) as per_customer`.execute(read)
  return { ...sums, ...holes[0]!, byStatus: tallyOf(statuses), paid }
}

export async function deleteOrders(tx: Db): Promise<void> {
  await tx.deleteFrom('order_history').execute()
  await tx.deleteFrom('order_items').execute()
  await tx.deleteFrom('orders').execute()
  await tx.deleteFrom('customer_orders').execute()
}
