import { sql, type Kysely } from 'dure/data'
import { rowsAfter } from '../../cursor.ts'
import { prepared } from '../../prepared.ts'
import type { CustomerTables } from './tables.ts'

type Db = Kysely<CustomerTables>
export type CustomerRow = CustomerTables['customers']
export type Count = Exclude<keyof CustomerTables['counts'], 'customer_id'>
export type CountedRow = CustomerRow & { [K in Count]: number | null }

export async function putCustomer(tx: Db, customer: CustomerRow): Promise<void> {
  await tx
    .insertInto('customers')
    .values(customer)
    .onConflict((conflict) => conflict.column('customer_id').doUpdateSet(customer))
    .execute()
}

/** Adds those that are not there yet; tells how many. */
export async function addCustomers(tx: Db, customers: readonly CustomerRow[]): Promise<number> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('customers')
    .values(customers)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return Number(numInsertedOrUpdatedRows ?? 0n)
}

export async function findCustomer(read: Db, customerId: number): Promise<CountedRow | undefined> {
  return counted(read).where('c.customer_id', '=', customerId).executeTakeFirst()
}

export async function findCustomers(read: Db, customerIds: readonly number[]): Promise<CountedRow[]> {
  return counted(read).where('c.customer_id', 'in', customerIds).execute()
}

export async function listCustomers(read: Db, page: { after?: string | undefined; limit: number }): Promise<CountedRow[]> {
  return rowsAfter(counted(read), ['c.customer_id'], page).execute()
}

function counted(read: Db) {
  return read
    .selectFrom('customers as c')
    .leftJoin('counts as n', 'n.customer_id', 'c.customer_id')
    .selectAll('c')
    .select(['n.success_payment_count', 'n.failed_payment_count', 'n.delivery_count', 'n.failed_reservation_count'])
}

const counting = (what: Count) =>
  prepared((_tx: Db, customerId: number) => {
    const column = sql.ref(what)
    return sql`insert into counts (customer_id, ${column}) values (${customerId}, 1)
      on conflict (customer_id) do update set ${column} = counts.${column} + 1`
  })
const COUNTING = {
  success_payment_count: counting('success_payment_count'),
  failed_payment_count: counting('failed_payment_count'),
  delivery_count: counting('delivery_count'),
  failed_reservation_count: counting('failed_reservation_count'),
} as const satisfies Record<Count, unknown>

/** Counts one more. */
export async function count(tx: Db, customerId: number, what: Count): Promise<void> {
  await COUNTING[what](tx, customerId)
}

export type CustomerTotals = {
  customers: number
  successPayments: number
  failedPayments: number
  deliveries: number
  failedReservations: number
}

export async function customerTotals(read: Db): Promise<CustomerTotals> {
  const { rows } = await sql<CustomerTotals>`select
    (select count(*) from customers) as customers,
    coalesce(sum(success_payment_count), 0) as "successPayments",
    coalesce(sum(failed_payment_count), 0) as "failedPayments",
    coalesce(sum(delivery_count), 0) as deliveries,
    coalesce(sum(failed_reservation_count), 0) as "failedReservations"
    from counts`.execute(read)
  return rows[0]!
}

export async function deleteCounts(tx: Db): Promise<void> {
  await tx.deleteFrom('counts').execute()
}

export async function deleteCustomers(tx: Db): Promise<void> {
  await deleteCounts(tx)
  await tx.deleteFrom('customers').execute()
}
