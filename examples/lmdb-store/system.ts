/** Carts are kept in LMDB, and stock in SQLite; each hears of the other by events. */
import { command, contract, event, query } from 'dure/contract'
import { clientDatabase, database } from 'dure/data'
import { retryPolicy } from 'dure/messaging'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'
import { lmdb, type Client, type Reader } from './store.ts'

const Line = z.object({ cartId: z.string(), sku: z.string() })
const key = ({ cartId }: { readonly cartId: string }): string => cartId
export const Ordered = event('cart.ordered', { schema: Line, key })
export const Reserved = event('stock.reserved', { schema: z.object({ cartId: z.string(), left: z.int() }), key })

export const Cart = z.object({ orders: z.int(), reserved: z.int(), left: z.int().optional() })
export const Carts = contract('carts', {
  version: '1.0.0',
  owner: 'team-checkout',
  operations: {
    order: command({ input: Line, output: Cart, idempotent: true }),
    find: query({ input: z.string(), output: Cart }),
  },
  events: [Ordered],
})
export const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'team-stock',
  operations: { reserved: query({ input: z.string(), output: z.int() }) },
  events: [Reserved],
})

type Cart = z.infer<typeof Cart>
const cartIn = (reader: Reader, id: string): Cart => (reader.get(['carts', id]) as Cart | undefined) ?? { orders: 0, reserved: 0 }

/** @param broken whether an event of stock cannot be taken now */
export const cartsWith = (broken: (cartId: string) => boolean = () => false) =>
  service(Carts, {
    store: lmdb({ durability: 'process' }),
    database: clientDatabase<Client, Reader>(),
    handlers: {
      order: ({ cartId, sku }, { database: own }) =>
        own.transaction(async (tx) => {
          const before = cartIn(tx.client, cartId)
          const cart = { ...before, orders: before.orders + 1 }
          tx.client.put(['carts', cartId], cart)
          await tx.publish(Ordered, { cartId, sku })
          return cart
        }),
      find: async (cartId, { database: own }) => cartIn(own.read, cartId),
    },
    subscriptions: ({ on }) => [
      on(Reserved, {
        retry: retryPolicy({ attempts: 2, first: 1, max: 1 }),
        handle: ({ data: { cartId, left } }, { tx }) => {
          const cart = cartIn(tx.client, cartId)
          tx.client.put(['carts', cartId], { ...cart, reserved: cart.reserved + 1, left })
          if (broken(cartId)) throw new Error('The cart cannot be written now')
        },
      }),
    ],
  })

export const stock = service(Stock, {
  database: database<{ reservations: { cart: string; sku: string } }>({
    migrations: { '001': 'CREATE TABLE reservations (cart TEXT NOT NULL, sku TEXT NOT NULL)' },
  }),
  handlers: {
    reserved: async (cartId, { database: own }) =>
      (await own.read.selectFrom('reservations').select('sku').where('cart', '=', cartId).execute()).length,
  },
  subscriptions: ({ on }) => [
    on(Ordered, async ({ data: { cartId, sku } }, { tx }) => {
      await tx.insertInto('reservations').values({ cart: cartId, sku }).execute()
      const all = await tx.selectFrom('reservations').select('sku').execute()
      await tx.publish(Reserved, { cartId, left: 1_000 - all.length })
    }),
  ],
})

export const shop = (carts = cartsWith()): System => system('shop', { services: [carts, stock] })

export default shop()
