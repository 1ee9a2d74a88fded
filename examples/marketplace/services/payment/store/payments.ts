import { sql, type Kysely } from 'dure/data'
import { rowsAfter } from '../../cursor.ts'
import { prepared } from '../../prepared.ts'
import type { PaymentLine } from '../domain/lines.ts'
import type { PaymentTables } from './tables.ts'

type Db = Kysely<PaymentTables>
type Card = Omit<PaymentTables['order_payment_cards'], 'customer_id' | 'order_id' | 'sequential'>
export type PaymentRow = PaymentTables['order_payments'] & { [K in keyof Card]: Card[K] | null }

const insertLines = prepared((tx: Db, rows: readonly PaymentTables['order_payments'][]) =>
  tx
    .insertInto('order_payments')
    .values(rows)
    .onConflict((conflict) => conflict.doNothing()),
)
const insertCard = prepared((tx: Db, row: PaymentTables['order_payment_cards']) =>
  tx.insertInto('order_payment_cards').values(row),
)

/** Keeps an order's payment. False when it was kept before. */
export async function insertPayment(
  tx: Db,
  payment: { customerId: number; orderId: number; lines: readonly PaymentLine[]; card: Card | undefined },
): Promise<boolean> {
  const { customerId, orderId, lines, card } = payment
  const key = { customer_id: customerId, order_id: orderId }
  const { changed } = await insertLines(
    tx,
    lines.map((line) => ({ ...key, ...line })),
  )
  if (changed === 0) return false
  if (card !== undefined) {
    await insertCard(tx, { ...key, sequential: 1, ...card })
  }
  return true
}

export async function paymentOf(read: Db, customerId: number, orderId: number): Promise<PaymentRow[]> {
  return withCards(read)
    .where('p.customer_id', '=', customerId)
    .where('p.order_id', '=', orderId)
    .orderBy('p.sequential')
    .execute()
}

export async function listPayments(read: Db, page: { after?: string | undefined; limit: number }): Promise<PaymentRow[]> {
  return rowsAfter(withCards(read), ['p.customer_id', 'p.order_id', 'p.sequential'], page).execute()
}

function withCards(read: Db) {
  return read
    .selectFrom('order_payments as p')
    .leftJoin('order_payment_cards as c', (join) =>
      join
        .onRef('c.customer_id', '=', 'p.customer_id')
        .onRef('c.order_id', '=', 'p.order_id')
        .onRef('c.sequential', '=', 'p.sequential'),
    )
    .selectAll('p')
    .select(['c.last_digits', 'c.holder', 'c.expiration', 'c.brand'])
}

export type PaymentTotals = { succeeded: number; declined: number; amount: number; vouchers: number }

export async function paymentTotals(read: Db): Promise<PaymentTotals> {
  const { rows } = await sql<PaymentTotals>`select
    coalesce(sum(case when sequential = 1 and status = 'succeeded' then 1 else 0 end), 0) as succeeded,
    coalesce(sum(case when sequential = 1 and status = 'declined' then 1 else 0 end), 0) as declined,
    coalesce(sum(case when sequential = 1 and status = 'succeeded' then value else 0 end), 0) as amount,
    coalesce(sum(case when sequential > 1 then value else 0 end), 0) as vouchers
    from order_payments`.execute(read)
  return rows[0]!
}

export async function deletePayments(tx: Db): Promise<void> {
  await tx.deleteFrom('order_payment_cards').execute()
  await tx.deleteFrom('order_payments').execute()
}
