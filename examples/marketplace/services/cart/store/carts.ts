import { sql, type Kysely, type Transaction } from 'dure/data'
import type { EventTransaction, Loaded } from 'dure/eventsourcing'
import { prepared } from '../../prepared.ts'
import { productOf, type Change, type Checkout, type Line, type Seen } from '../domain/cart.ts'
import { cartOf } from './events.ts'
import type { CartTables } from './tables.ts'

type Db = Kysely<CartTables>
type Tx = Transaction<CartTables> & EventTransaction

const insertLine = prepared((tx: Db, row: CartTables['cart_lines']) =>
  tx
    .insertInto('cart_lines')
    .values(row)
    .onConflict((conflict) => conflict.columns(['customer_id', 'seller_id', 'product_id']).doNothing()),
)

const deleteLines = prepared((tx: Db, customerId: number) => tx.deleteFrom('cart_lines').where('customer_id', '=', customerId))

/** Puts a line in place of one for the same product. */
export async function putLine(tx: Tx, customerId: number, line: Line): Promise<void> {
  await changeCart(tx, customerId, { kind: 'put', line })
  await insertLine(tx, { customer_id: customerId, seller_id: line.sellerId, product_id: line.productId })
}

/** Gives a cart up; false when there is none. */
export async function emptyCart(tx: Tx, customerId: number): Promise<boolean> {
  const { version } = await changeCart(tx, customerId, { kind: 'empty' })
  await deleteLines(tx, customerId)
  return version > 0
}

export const changeCart = (tx: Tx, customerId: number, what: Change): Promise<Loaded<unknown>> =>
  tx.decide(cartOf(customerId), { customerId, ...what })

const selectSeen = prepared((db: Db, customerId: number) =>
  db
    .selectFrom('cart_lines as i')
    .innerJoin('product_replicas as r', (join) =>
      join.onRef('r.seller_id', '=', 'i.seller_id').onRef('r.product_id', '=', 'i.product_id'),
    )
    .select(['r.seller_id', 'r.product_id', 'r.price', 'r.version'])
    .where('i.customer_id', '=', customerId),
)

/** The products in a cart as they are known here. */
export async function seenProducts(db: Db, customerId: number): Promise<Seen> {
  const { rows } = await selectSeen(db, customerId)
  return new Map(
    rows.map(({ seller_id, product_id, price, version }) => [
      productOf({ sellerId: seller_id, productId: product_id }),
      { price, version },
    ]),
  )
}

const insertCheckout = prepared((tx: Db, row: CartTables['cart_checkouts']) => tx.insertInto('cart_checkouts').values(row))

/** Stores what was sent as the next event of the cart, whose lines are gone. */
export async function checkOut(tx: Tx, before: number, checkout: Checkout): Promise<void> {
  const { customerId, tid } = checkout
  const version = await tx.append(cartOf(customerId), [{ type: 'cart.checked-out', data: checkout }], { expected: before })
  await deleteLines(tx, customerId)
  await insertCheckout(tx, { customer_id: customerId, tid, version })
}

const selectCheckout = prepared((db: Db, { customerId, tid }: { customerId: number; tid: string }) =>
  db.selectFrom('cart_checkouts').select('version').where('customer_id', '=', customerId).where('tid', '=', tid),
)

/** Which event of the cart a checkout is; undefined when there was none. */
export async function checkoutVersion(db: Db, customerId: number, tid: string): Promise<number | undefined> {
  return (await selectCheckout(db, { customerId, tid })).rows[0]?.version
}

export type CartTotals = { carts: number; items: number; checkouts: number; replicas: number }

export async function cartTotals(read: Db): Promise<CartTotals> {
  const { rows } = await sql<CartTotals>`select
    (select count(distinct customer_id) from cart_lines) as carts,
    (select count(*) from cart_lines) as items,
    (select count(*) from cart_checkouts) as checkouts,
    (select count(*) from product_replicas) as replicas`.execute(read)
  return rows[0]!
}

/** Gives every cart up; the products stay, as new. */
export async function resetCarts(tx: Tx): Promise<void> {
  const carts = await tx.selectFrom('cart_lines').select('customer_id').distinct().execute()
  for (const { customer_id: customerId } of carts) await emptyCart(tx, customerId)
  await tx.deleteFrom('cart_checkouts').execute()
  await tx.updateTable('product_replicas').set({ version: '0' }).execute()
}

export async function cleanCarts(tx: Tx): Promise<void> {
  await resetCarts(tx)
  await tx.deleteFrom('product_replicas').execute()
}
