import { service, type Service } from 'dure/service'
import type { Kysely } from 'dure/data'
import { TransactionMark } from '../mark.ts'
import { toCents, toMoney } from '../money.ts'
import { partOf } from '../cursor.ts'
import { CatalogueChanged } from '../product/contract.ts'
import type { CartItem, ProductStatus } from '../values.ts'
import { Cart, CartEmpty, CartFull, CartNotFound, CheckoutNotFound, InvalidQuantity, ReserveStock } from './contract.ts'
import { MOST_LINES, settle, type Line } from './domain/cart.ts'
import {
  cartExists,
  cartTotals,
  checkoutOf,
  cleanCarts,
  emptyCart,
  putLine,
  recordCheckout,
  resetCarts,
  seenLines,
} from './store/carts.ts'
import { listReplicas, putReplica, reprice } from './store/replicas.ts'
import { cartDatabase, type CartTables } from './store/tables.ts'

export const cart: Service<typeof Cart> = service(Cart, {
  database: cartDatabase,
  handlers: {
    add: async ({ customerId, ...item }, { database }) => {
      if (item.quantity < 1) throw InvalidQuantity({ quantity: item.quantity })
      await database.transaction(async (tx) => {
        const fits = await putLine(tx, customerId, lineOf(item), MOST_LINES)
        if (!fits) throw CartFull({ customerId, most: MOST_LINES })
      })
    },

    // Emptied and sent in one transaction: a cart is never sent twice, and never lost between.
    checkout: ({ cardSecurityNumber: _, instanceId, ...customer }, { database, clock, ids }) =>
      database.transaction(async (tx) => {
        const { customerId } = customer
        // A client that did not hear the answer asks again, when the cart may hold lines for the next order.
        const answered = instanceId === undefined ? undefined : await answerOf(tx, customerId, instanceId)
        if (answered !== undefined) return answered
        const lines = await seenLines(tx, customerId)
        if (lines.length === 0)
          throw (await cartExists(tx, customerId)) ? CartEmpty({ customerId }) : CartNotFound({ customerId })
        const tid = instanceId ?? ids.next()
        const checkoutId = ids.next()
        const { kept, dropped } = settle(lines)
        const items = kept.map(itemOf)
        await emptyCart(tx, customerId)
        await recordCheckout(tx, { customerId, tid, checkoutId, items, dropped })
        if (items.length > 0) {
          const timestamp = new Date(clock.now()).toISOString()
          await tx.publish(ReserveStock, { timestamp, checkoutId, customerCheckout: customer, items, instanceId: tid })
        } else {
          const outcome = { type: 'CUSTOMER_SESSION', status: 'NOT_ACCEPTED', source: 'cart' } as const
          await tx.publish(TransactionMark, { tid, actorId: customerId, ...outcome })
        }
        return { instanceId: tid, items: items.length, dropped: [...dropped] }
      }),

    seal: ({ customerId }, { database }) =>
      database.transaction(async (tx) => {
        if (!(await cartExists(tx, customerId))) throw CartNotFound({ customerId })
        await emptyCart(tx, customerId)
      }),

    get: async ({ customerId }, { database }) => {
      const lines = await seenLines(database.read, customerId)
      if (lines.length === 0 && !(await cartExists(database.read, customerId))) throw CartNotFound({ customerId })
      return { customerId, status: 'OPEN', items: lines.map(({ line }) => itemOf(line)) }
    },

    history: async ({ customerId, tid }, { database }) => {
      const found = await checkoutOf(database.read, customerId, tid)
      if (found === undefined) throw CheckoutNotFound({ customerId, tid })
      return found.items as CartItem[]
    },

    replicas: async (page, { database }) => {
      const rows = await listReplicas(database.read, page)
      const items = rows.map((row) => ({
        sellerId: row.seller_id,
        productId: row.product_id,
        name: row.name,
        price: toMoney(row.price),
        version: row.version,
      }))
      return partOf(items, page.limit, (item) => [item.sellerId, item.productId])
    },

    totals: (_input, { database }) => database.snapshot(cartTotals),
    reset: (_input, { database }) => database.transaction(resetCarts),
    cleanup: (_input, { database }) => database.transaction(cleanCarts),
  },

  subscriptions: ({ on }) => [
    on(CatalogueChanged, async ({ data }, { tx }) => {
      const { sellerId, productId, version } = data
      const price = toCents(data.price)
      if (data.change !== 'price') {
        return putReplica(tx, { seller_id: sellerId, product_id: productId, name: data.name, price, version })
      }
      await reprice(tx, { sellerId, productId, version, price })
      const outcome = { type: 'PRICE_UPDATE', status: 'SUCCESS', source: 'cart' } as const
      await tx.publish(TransactionMark, { tid: data.instanceId, actorId: sellerId, ...outcome })
    }),
  ],
})

type Answer = { instanceId: string; items: number; dropped: ProductStatus[] }

/** The answer to a checkout that has been made already. */
async function answerOf(tx: Kysely<CartTables>, customerId: number, tid: string): Promise<Answer | undefined> {
  const done = await checkoutOf(tx, customerId, tid)
  return done && { instanceId: tid, items: done.items.length, dropped: done.dropped as ProductStatus[] }
}

function lineOf(item: CartItem): Line {
  const { unitPrice, freightValue, voucher } = item
  return { ...item, unitPrice: toCents(unitPrice), freightValue: toCents(freightValue), voucher: toCents(voucher) }
}

function itemOf(line: Line): CartItem {
  const { unitPrice, freightValue, voucher } = line
  return { ...line, unitPrice: toMoney(unitPrice), freightValue: toMoney(freightValue), voucher: toMoney(voucher) }
}
