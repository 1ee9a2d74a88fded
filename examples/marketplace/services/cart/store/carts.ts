import { sql, type Kysely } from 'dure/data'
import { prepared } from '../../prepared.ts'
import type { Line, SeenLine } from '../domain/cart.ts'
import type { CartTables } from './tables.ts'

type Db = Kysely<CartTables>

const openCart = prepared((tx: Db, customerId: number) =>
  tx
    .insertInto('carts')
    .values({ customer_id: customerId, checkouts: 0 })
    .onConflict((conflict) => conflict.column('customer_id').doNothing()),
)

const upsertLine = prepared((tx: Db, row: CartTables['cart_items']) =>
  tx
    .insertInto('cart_items')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['customer_id', 'seller_id', 'product_id']).doUpdateSet((eb) => ({
        name: eb.ref('excluded.name'),
        unit_price: eb.ref('excluded.unit_price'),
        freight_value: eb.ref('excluded.freight_value'),
        quantity: eb.ref('excluded.quantity'),
        voucher: eb.ref('excluded.voucher'),
        version: eb.ref('excluded.version'),
      })),
    ),
)

const countLines = prepared((tx: Db, customerId: number) =>
  tx
    .selectFrom('cart_items')
    .select((eb) => eb.fn.countAll<number>().as('lines'))
    .where('customer_id', '=', customerId),
)

/** Puts a line in place of one for the same product. False when the cart then has more than `most` lines. */
export async function putLine(tx: Db, customerId: number, line: Line, most: number): Promise<boolean> {
  const { sellerId, productId, productName, unitPrice, freightValue, quantity, voucher, version } = line
  const before = await linesOf(tx, customerId)
  if (before === 0) await openCart(tx, customerId)
  await upsertLine(tx, {
    customer_id: customerId,
    seller_id: sellerId,
    product_id: productId,
    name: productName,
    unit_price: unitPrice,
    freight_value: freightValue,
    quantity,
    voucher,
    version,
  })
  return before < most || (await linesOf(tx, customerId)) <= most
}

async function linesOf(tx: Db, customerId: number): Promise<number> {
  const { rows } = await countLines(tx, customerId)
  return rows[0]!.lines
}

const selectSeen = prepared((db: Db, customerId: number) =>
  db
    .selectFrom('cart_items as i')
    .leftJoin('product_replicas as r', (join) =>
      join.onRef('r.seller_id', '=', 'i.seller_id').onRef('r.product_id', '=', 'i.product_id'),
    )
    .selectAll('i')
    .select(['r.price as seen_price', 'r.version as seen_version'])
    .where('i.customer_id', '=', customerId)
    .orderBy('i.seller_id')
    .orderBy('i.product_id'),
)

/** The lines of a cart in order of seller and product, each beside the product as it is known here. */
export async function seenLines(db: Db, customerId: number): Promise<readonly SeenLine[]> {
  const { rows } = await selectSeen(db, customerId)
  return rows.map((row) => ({
    line: {
      sellerId: row.seller_id,
      productId: row.product_id,
      productName: row.name,
      unitPrice: row.unit_price,
      freightValue: row.freight_value,
      quantity: row.quantity,
      voucher: row.voucher,
      version: row.version,
    },
    seen: row.seen_version === null ? undefined : { price: row.seen_price!, version: row.seen_version },
  }))
}

export async function cartExists(db: Db, customerId: number): Promise<boolean> {
  const row = await db.selectFrom('carts').select('customer_id').where('customer_id', '=', customerId).executeTakeFirst()
  return row !== undefined
}

const deleteLines = prepared((tx: Db, customerId: number) => tx.deleteFrom('cart_items').where('customer_id', '=', customerId))

export async function emptyCart(tx: Db, customerId: number): Promise<void> {
  await deleteLines(tx, customerId)
}

const upsertHistory = prepared((tx: Db, row: CartTables['cart_history']) =>
  tx
    .insertInto('cart_history')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['customer_id', 'tid']).doUpdateSet((eb) => ({
        checkout_id: eb.ref('excluded.checkout_id'),
        items: eb.ref('excluded.items'),
        dropped: eb.ref('excluded.dropped'),
      })),
    ),
)

const countCheckout = prepared((tx: Db, customerId: number) =>
  tx
    .updateTable('carts')
    .set({ checkouts: sql`checkouts + 1` })
    .where('customer_id', '=', customerId),
)

/** Keeps what was sent, and counts the checkout. `items` and `dropped` are kept as they were shown. */
export async function recordCheckout(
  tx: Db,
  checkout: { customerId: number; tid: string; checkoutId: string; items: unknown; dropped: unknown },
): Promise<void> {
  const { customerId, tid, checkoutId } = checkout
  const [items, dropped] = [JSON.stringify(checkout.items), JSON.stringify(checkout.dropped)]
  await upsertHistory(tx, { customer_id: customerId, tid, checkout_id: checkoutId, items, dropped })
  await countCheckout(tx, customerId)
}

const selectCheckout = prepared((db: Db, { customerId, tid }: { customerId: number; tid: string }) =>
  db.selectFrom('cart_history').select(['items', 'dropped']).where('customer_id', '=', customerId).where('tid', '=', tid),
)

/** A checkout as it was sent. */
export async function checkoutOf(
  db: Db,
  customerId: number,
  tid: string,
): Promise<{ items: unknown[]; dropped: unknown[] } | undefined> {
  const [row] = (await selectCheckout(db, { customerId, tid })).rows
  return row && { items: JSON.parse(row.items) as unknown[], dropped: JSON.parse(row.dropped) as unknown[] }
}

export type CartTotals = { carts: number; items: number; checkouts: number; replicas: number }

export async function cartTotals(read: Db): Promise<CartTotals> {
  const { rows } = await sql<CartTotals>`select
    (select count(*) from carts) as carts,
    (select count(*) from cart_items) as items,
    (select coalesce(sum(checkouts), 0) from carts) as checkouts,
    (select count(*) from product_replicas) as replicas`.execute(read)
  return rows[0]!
}

/** Gives every cart up; the products stay, as new. */
export async function resetCarts(tx: Db): Promise<void> {
  await tx.deleteFrom('cart_items').execute()
  await tx.deleteFrom('carts').execute()
  await tx.deleteFrom('cart_history').execute()
  await tx.updateTable('product_replicas').set({ version: '0' }).execute()
}

export async function cleanCarts(tx: Db): Promise<void> {
  await resetCarts(tx)
  await tx.deleteFrom('product_replicas').execute()
}
