import { sql, type Kysely } from 'dure/data'
import { prepared } from '../../prepared.ts'
import { advance, isBehind } from '../../progress.ts'
import type { OrderStatus } from '../../values.ts'
import type { PricedLine, Totals } from '../domain/totals.ts'
import type { OrderTables } from './tables.ts'

type Db = Kysely<OrderTables>

const selectOrdered = prepared((tx: Db, checkoutId: string) =>
  tx.selectFrom('orders').select('order_id').where('checkout_id', '=', checkoutId),
)

export async function isOrdered(tx: Db, checkoutId: string): Promise<boolean> {
  return (await selectOrdered(tx, checkoutId)).rows.length > 0
}

const takeNext = prepared((tx: Db, customerId: number) =>
  tx
    .insertInto('customer_orders')
    .values({ customer_id: customerId, next_order_id: 2 })
    .onConflict((conflict) =>
      conflict.column('customer_id').doUpdateSet({ next_order_id: sql`customer_orders.next_order_id + 1` }),
    )
    .returning('next_order_id'),
)

/** The customer's next order number. Taken in the order's own transaction, so none is ever skipped. */
export async function takeOrderId(tx: Db, customerId: number): Promise<number> {
  const { rows } = await takeNext(tx, customerId)
  return rows[0]!.next_order_id - 1
}

const insertRow = prepared(
  (tx: Db, row: Omit<OrderTables['orders'], 'payment_date' | 'delivered_carrier_date' | 'delivered_customer_date'>) =>
    tx.insertInto('orders').values(row),
)
const insertItems = prepared((tx: Db, rows: readonly OrderTables['order_items'][]) => tx.insertInto('order_items').values(rows))
const insertHistory = prepared((tx: Db, rows: readonly OrderTables['order_history'][]) =>
  tx
    .insertInto('order_history')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .columns(['customer_id', 'order_id', 'status'])
        .doUpdateSet((eb) => ({ created_at: eb.ref('excluded.created_at') })),
    ),
)
const selectStatus = prepared((tx: Db, { customerId, orderId }: { customerId: number; orderId: number }) =>
  tx.selectFrom('orders').select('status').where('customer_id', '=', customerId).where('order_id', '=', orderId),
)

const DAYS_TO_DELIVER = 5 * 24 * 60 * 60 * 1000

export async function insertOrder(
  tx: Db,
  order: {
    customerId: number
    orderId: number
    checkoutId: string
    instanceId: string
    invoiceNumber: string
    now: number
    lines: readonly PricedLine[]
    totals: Totals
  },
): Promise<void> {
  const { customerId, orderId, now, lines, totals } = order
  const key = { customer_id: customerId, order_id: orderId }
  const row = {
    ...key,
    checkout_id: order.checkoutId,
    instance_id: order.instanceId,
    invoice_number: order.invoiceNumber,
    status: 'INVOICED' as const,
    purchase_date: now,
    estimated_delivery_date: now + DAYS_TO_DELIVER,
    count_items: lines.length,
    total_items: totals.totalItems,
    total_incentive: totals.totalIncentive,
    total_amount: totals.totalAmount,
    total_freight: totals.totalFreight,
    total_invoice: totals.totalInvoice,
  }
  const items = lines.map((line) => ({
    ...key,
    order_item_id: line.orderItemId,
    seller_id: line.sellerId,
    product_id: line.productId,
    product_name: line.productName,
    unit_price: line.unitPrice,
    quantity: line.quantity,
    freight_value: line.freightValue,
    total_items: line.totalItems,
    total_incentive: line.totalIncentive,
    total_amount: line.totalAmount,
  }))
  // Sent together and done in this order.
  await Promise.all([
    insertRow(tx, row),
    insertItems(tx, items),
    insertHistory(tx, [{ ...key, status: 'INVOICED', created_at: now }]),
  ])
}

type DateColumn = 'payment_date' | 'delivered_carrier_date' | 'delivered_customer_date'

const DATE_OF: Partial<Record<OrderStatus, DateColumn>> = {
  PAYMENT_PROCESSED: 'payment_date',
  IN_TRANSIT: 'delivered_carrier_date',
  DELIVERED: 'delivered_customer_date',
}

/** One query for each set of columns that change together. */
const updates = new Map<string, ReturnType<typeof updateOf>>()

type Changes = { status?: OrderStatus } & Partial<Record<DateColumn, number>>

const updateOf = () =>
  prepared((tx: Db, { key, changes }: { key: { customer_id: number; order_id: number }; changes: Changes }) =>
    tx.updateTable('orders').set(changes).where('customer_id', '=', key.customer_id).where('order_id', '=', key.order_id),
  )

/**
 * Takes an order on to a status it was told of. News that is overtaken by later news changes no status, but it
 * knows best when its own step was.
 */
export async function moveOrder(tx: Db, customerId: number, orderId: number, to: OrderStatus, at: number): Promise<void> {
  const [order] = (await selectStatus(tx, { customerId, orderId })).rows
  if (order === undefined) return
  const passed = advance(order.status, to)
  if (passed.length === 0 && !isBehind(order.status, to)) return
  const steps = passed.length > 0 ? passed : [to]
  const changes: Changes = passed.length > 0 ? { status: to } : {}
  for (const step of steps) {
    const date = DATE_OF[step]
    if (date !== undefined) changes[date] = at
  }
  const columns = Object.keys(changes).join()
  let update = updates.get(columns)
  if (update === undefined) updates.set(columns, (update = updateOf()))
  const key = { customer_id: customerId, order_id: orderId }
  await Promise.all([
    columns === '' ? undefined : update(tx, { key, changes }),
    insertHistory(
      tx,
      steps.map((status) => ({ ...key, status, created_at: at })),
    ),
  ])
}
