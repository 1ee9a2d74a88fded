import { service, type Service } from 'dure/service'
import { eventsOf } from 'dure/eventsourcing'
import { TransactionMark } from '../mark.ts'
import { toCents, toMoney } from '../money.ts'
import { partOf } from '../cursor.ts'
import { CatalogueChanged } from '../product/contract.ts'
import type { CartItem, ProductStatus } from '../values.ts'
import { cart, cartOf } from './store/events.ts'
import { lineOf } from './store/from-rows.ts'
import { Cart, CartEmpty, CartFilled, CartNotFound, CheckoutNotFound, ReserveStock } from './contract.ts'
import { settle, type Checkout, type Line } from './domain/cart.ts'
import { cartTotals, checkOut, checkoutVersion, cleanCarts, emptyCart, putLine, resetCarts, seenProducts } from './store/carts.ts'
import { listReplicas, putReplica, reprice } from './store/replicas.ts'
import { cartDatabase } from './store/tables.ts'

/** `tellsFilled`: it says when a line is put into a cart, for whoever asks which are abandoned. */
export const cartServiceOf = ({ tellsFilled = false } = {}): Service<typeof Cart> =>
  service(Cart, {
    database: cartDatabase,
    extensions: [cart],
    handlers: {
      add: ({ customerId, ...item }, { database }) =>
        database.transaction(async (tx) => {
          await putLine(tx, customerId, lineOf(item))
          const { sellerId, productId, quantity } = item
          if (tellsFilled) await tx.publish(CartFilled, { customerId, sellerId, productId, quantity })
        }),

      // Emptied and sent in one transaction: a cart is never sent twice, and never lost between.
      checkout: ({ cardSecurityNumber: _, instanceId, ...customer }, { database, clock, ids }) =>
        database.transaction(async (tx) => {
          const { customerId } = customer
          // A client that did not hear the answer asks again, when the cart may hold lines for the next order.
          const answered = instanceId === undefined ? undefined : await checkoutVersion(tx, customerId, instanceId)
          if (answered !== undefined) return answerOf(await storedCheckout(database, customerId, answered))
          const { state, version } = await tx.load(cartOf(customerId))
          if (state.lines.length === 0) throw version > 0 ? CartEmpty({ customerId }) : CartNotFound({ customerId })
          const settled = settle(state.lines, await seenProducts(tx, customerId))
          const checkout = { customerId, tid: instanceId ?? ids.next(), checkoutId: ids.next(), ...settled }
          await checkOut(tx, version, checkout)
          const { tid, checkoutId } = checkout
          if (settled.items.length > 0) {
            const timestamp = new Date(clock.now()).toISOString()
            const items = settled.items.map(itemOf)
            await tx.publish(ReserveStock, { timestamp, checkoutId, customerCheckout: customer, items, instanceId: tid })
          } else {
            const outcome = { type: 'CUSTOMER_SESSION', status: 'NOT_ACCEPTED', source: 'cart' } as const
            await tx.publish(TransactionMark, { tid, actorId: customerId, ...outcome })
          }
          return answerOf(checkout)
        }),

      seal: ({ customerId }, { database }) =>
        database.transaction(async (tx) => {
          if (!(await emptyCart(tx, customerId))) throw CartNotFound({ customerId })
        }),

      get: async ({ customerId }, { database }) => {
        const { state, version } = await eventsOf(database).load(cartOf(customerId))
        if (version === 0) throw CartNotFound({ customerId })
        return { customerId, status: 'OPEN', items: state.lines.map(itemOf) }
      },

      history: async ({ customerId, tid }, { database }) => {
        const version = await checkoutVersion(database.read, customerId, tid)
        if (version === undefined) throw CheckoutNotFound({ customerId, tid })
        return (await storedCheckout(database, customerId, version)).items.map(itemOf)
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
        await reprice(tx, { kind: 'reprice', sellerId, productId, version, price })
        const outcome = { type: 'PRICE_UPDATE', status: 'SUCCESS', source: 'cart' } as const
        await tx.publish(TransactionMark, { tid: data.instanceId, actorId: sellerId, ...outcome })
      }),
    ],
  })

export const cartService: Service<typeof Cart> = cartServiceOf()

/** A checkout as it was sent: that event of the cart. */
async function storedCheckout(database: { readonly read: object }, customerId: number, version: number): Promise<Checkout> {
  for await (const { type, data } of eventsOf(database).read(cartOf(customerId), { from: version, limit: 1 }))
    if (type === 'cart.checked-out') return data
  throw new Error(`Event ${version} of the cart of customer ${customerId} is no checkout, though it is kept as one`)
}

const answerOf = ({ tid, items, dropped }: Checkout): { instanceId: string; items: number; dropped: ProductStatus[] } => ({
  instanceId: tid,
  items: items.length,
  dropped: [...dropped],
})

function itemOf(line: Line): CartItem {
  const { unitPrice, freightValue, voucher } = line
  return { ...line, unitPrice: toMoney(unitPrice), freightValue: toMoney(freightValue), voucher: toMoney(voucher) }
}
