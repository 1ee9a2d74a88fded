import { sql, type Kysely, type RawBuilder } from 'dure/data'
import { prepared } from '../../prepared.ts'
import { numbers } from '../../rows.ts'
import type { Shelf, Wish } from '../domain/reservation.ts'
import type { ReservationStatus, StockTables } from './tables.ts'

type Db = Kysely<StockTables>
type Piece = Omit<Wish, 'version'>

type Rows = readonly (readonly number[])[]

const selectShelves = prepared(
  (_tx: Db, keys: Rows) => sql<StockTables['stock_items']>`
    select s.* from ${numbers(keys)} join stock_items s on s.seller_id = v.column1 and s.product_id = v.column2
    order by s.seller_id, s.product_id`,
)

/** The shelves of the products asked for, in order of seller and product. */
export async function shelvesOf(tx: Db, wishes: readonly Wish[]): Promise<readonly Shelf[]> {
  const keys = wishes.map(({ sellerId, productId }) => [sellerId, productId])
  const { rows } = await selectShelves(tx, keys)
  return rows.map((row) => ({
    sellerId: row.seller_id,
    productId: row.product_id,
    available: row.qty_available,
    reserved: row.qty_reserved,
    version: row.version,
    active: row.active === 1,
  }))
}

const insertReservation = prepared((tx: Db, row: { checkout_id: string; customer_id: number }) =>
  tx
    .insertInto('reservations')
    .values({ ...row, status: 'reserved' })
    .onConflict((conflict) => conflict.doNothing()),
)

/** Takes note of a checkout. False when it was met before, under whatever message. */
export async function openReservation(tx: Db, checkoutId: string, customerId: number): Promise<boolean> {
  const { changed } = await insertReservation(tx, { checkout_id: checkoutId, customer_id: customerId })
  return changed > 0
}

const closeReservation = prepared((tx: Db, { checkoutId, status }: { checkoutId: string; status: ReservationStatus }) =>
  tx.updateTable('reservations').set({ status }).where('checkout_id', '=', checkoutId).where('status', '=', 'reserved'),
)

/** Ends a reservation. False when it had ended, or never was. */
export async function endReservation(tx: Db, checkoutId: string, status: ReservationStatus): Promise<boolean> {
  return (await closeReservation(tx, { checkoutId, status })).changed > 0
}

const ofEach = (rows: Rows): RawBuilder<unknown> =>
  sql`from ${numbers(rows)} where stock_items.seller_id = v.column1 and stock_items.product_id = v.column2`
const add = prepared((_tx: Db, rows: Rows) => sql`update stock_items set qty_reserved = qty_reserved + v.column3 ${ofEach(rows)}`)
const free = prepared(
  (_tx: Db, rows: Rows) => sql`update stock_items set qty_reserved = qty_reserved - v.column3 ${ofEach(rows)}`,
)
const sell = prepared(
  (_tx: Db, rows: Rows) => sql`update stock_items
    set qty_available = qty_available - v.column3, qty_reserved = qty_reserved - v.column3,
      order_count = order_count + 1, ytd = ytd + v.column3 ${ofEach(rows)}`,
)

/** In one order, so that of two checkouts that want the same products none waits for the other. */
const rowsOf = (pieces: readonly Piece[]): Rows =>
  pieces
    .map(({ sellerId, productId, quantity }) => [sellerId, productId, quantity] as const)
    .toSorted((a, b) => a[0] - b[0] || a[1] - b[1])

export async function addReserved(tx: Db, pieces: readonly Piece[]): Promise<void> {
  await add(tx, rowsOf(pieces))
}

/** What was reserved is sold. */
export async function sellReserved(tx: Db, pieces: readonly Piece[]): Promise<void> {
  await sell(tx, rowsOf(pieces))
}

/** What was reserved is free again: the compensation. */
export async function freeReserved(tx: Db, pieces: readonly Piece[]): Promise<void> {
  await free(tx, rowsOf(pieces))
}
