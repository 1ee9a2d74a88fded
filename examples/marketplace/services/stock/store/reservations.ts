import { sql, type Kysely } from 'dure/data'
import { numbers } from '../../rows.ts'
import type { Shelf, Wish } from '../domain/reservation.ts'
import type { ReservationStatus, StockTables } from './tables.ts'

type Db = Kysely<StockTables>
type Piece = Omit<Wish, 'version'>

/** The shelves of the products asked for, in order of seller and product. */
export async function shelvesOf(tx: Db, wishes: readonly Wish[]): Promise<readonly Shelf[]> {
  const keys = wishes.map(({ sellerId, productId }) => [sellerId, productId])
  const { rows } = await sql<StockTables['stock_items']>`
    select s.* from ${numbers(keys)} join stock_items s on s.seller_id = v.column1 and s.product_id = v.column2
    order by s.seller_id, s.product_id`.execute(tx)
  return rows.map((row) => ({
    sellerId: row.seller_id,
    productId: row.product_id,
    available: row.qty_available,
    reserved: row.qty_reserved,
    version: row.version,
    active: row.active === 1,
  }))
}

/** Takes note of a checkout. False when it was met before, under whatever message. */
export async function openReservation(tx: Db, checkoutId: string, customerId: number): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('reservations')
    .values({ checkout_id: checkoutId, customer_id: customerId, status: 'reserved' })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return (numInsertedOrUpdatedRows ?? 0n) > 0n
}

/** Ends a reservation. False when it had ended, or never was. */
export async function endReservation(tx: Db, checkoutId: string, status: ReservationStatus): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('reservations')
    .set({ status })
    .where('checkout_id', '=', checkoutId)
    .where('status', '=', 'reserved')
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

export async function addReserved(tx: Db, pieces: readonly Piece[]): Promise<void> {
  await sql`update stock_items set qty_reserved = qty_reserved + v.column3 ${ofEach(pieces)}`.execute(tx)
}

/** What was reserved is sold. */
export async function sellReserved(tx: Db, pieces: readonly Piece[]): Promise<void> {
  await sql`update stock_items
    set qty_available = qty_available - v.column3, qty_reserved = qty_reserved - v.column3,
      order_count = order_count + 1, ytd = ytd + v.column3 ${ofEach(pieces)}`.execute(tx)
}

/** What was reserved is free again: the compensation. */
export async function freeReserved(tx: Db, pieces: readonly Piece[]): Promise<void> {
  await sql`update stock_items set qty_reserved = qty_reserved - v.column3 ${ofEach(pieces)}`.execute(tx)
}

function ofEach(pieces: readonly Piece[]): ReturnType<typeof numbers> {
  const rows = pieces.map(({ sellerId, productId, quantity }) => [sellerId, productId, quantity])
  return sql`from ${numbers(rows)} where stock_items.seller_id = v.column1 and stock_items.product_id = v.column2`
}
