import { sql, type MigrationStep } from 'dure/data'
import { toCents } from '../../money.ts'
import type { CartItem } from '../../values.ts'
import type { Line } from '../domain/cart.ts'

/** Customers whose carts are moved at once. */
const MANY = 500

/** Carts that were rows become events: first the checkouts that were made, then the lines that are open. */
export const cartsFromRows: Exclude<MigrationStep, string> = async (db) => {
  await sql`insert into cart_lines select customer_id, seller_id, product_id from cart_items`.execute(db)
  for (let after = -1; ;) {
    const select = (table: string) => db.selectFrom(table).selectAll().orderBy('customer_id')
    const carts = await select('carts').where('customer_id', '>', after).limit(MANY).execute()
    if (carts.length === 0) return
    const last: number = carts.at(-1)!['customer_id']
    const of = (table: string) => select(table).where('customer_id', '>', after).where('customer_id', '<=', last)
    const checkouts = await of('cart_history').orderBy('checkout_id').execute()
    const lines = await of('cart_items').orderBy('seller_id').orderBy('product_id').execute()
    const versions = new Map<number, number>()
    const store = async (customerId: number, type: string, data: object): Promise<number> => {
      const version = (versions.get(customerId) ?? 0) + 1
      versions.set(customerId, version)
      const id = `cart/${customerId}/${version}`
      const event = { stream: 'cart', stream_id: String(customerId), version, id, type, schema_version: 1, correlation_id: id }
      const time = sql`(select max(applied_at) from dure_migrations)`
      await db
        .insertInto('dure_events')
        .values({ ...event, time, data: JSON.stringify({ customerId, ...data }) })
        .execute()
      return version
    }
    for (const { customer_id, tid, checkout_id: checkoutId, ...kept } of checkouts) {
      const items = (JSON.parse(kept['items']) as CartItem[]).map(lineOf)
      const data = { tid, checkoutId, items, dropped: JSON.parse(kept['dropped']) as unknown }
      const version = await store(customer_id, 'cart.checked-out', data)
      await db.insertInto('cart_checkouts').values({ customer_id, tid, version }).execute()
    }
    for (const row of lines) {
      const { customer_id, seller_id: sellerId, product_id: productId, name: productName, quantity, version } = row
      const { unit_price: unitPrice, freight_value: freightValue, voucher } = row
      const line = { sellerId, productId, productName, unitPrice, freightValue, quantity, voucher, version }
      await store(customer_id, 'cart.line-put', { line })
    }
    after = last
  }
}

/** In whole cents. */
export function lineOf(item: CartItem): Line {
  const { unitPrice, freightValue, voucher } = item
  return { ...item, unitPrice: toCents(unitPrice), freightValue: toCents(freightValue), voucher: toCents(voucher) }
}
