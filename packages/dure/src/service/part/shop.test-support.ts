/** A small shop to be split: orders need stock, mail reacts to orders. */
import { z } from 'zod'
import { command, contract, error, event, query } from '../../contract/contract.ts'
import { database, sqlite } from '../../data/data.ts'
import { embeddedBroker } from '../../messaging/messaging.ts'
import { service, system, type Placement, type System } from '../service.ts'

const Placed = event('order.placed', { schema: z.object({ orderId: z.string(), quantity: z.int() }), key: (e) => e.orderId })
export const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ left: z.int() }) })

export const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    reserve: command({ input: z.object({ quantity: z.int() }), output: z.object({ left: z.int() }), errors: { OutOfStock } }),
  },
})
export const Orders = contract('orders', {
  version: '2.0.0',
  owner: 'tests',
  operations: {
    place: command({
      input: z.object({ orderId: z.string(), quantity: z.int() }),
      output: z.object({ orderId: z.string(), pid: z.int() }),
      errors: { OutOfStock },
    }),
    count: query({ output: z.object({ count: z.int() }) }),
  },
  events: [Placed],
})
export const Mail = contract('mail', {
  version: '1.0.0',
  owner: 'tests',
  operations: { sent: query({ output: z.array(z.string()) }) },
})

const stock = service(Stock, {
  database: database<{ stock: { id: number; quantity: number } }>({
    migrations: {
      '001': 'CREATE TABLE stock (id INTEGER PRIMARY KEY, quantity INTEGER NOT NULL); INSERT INTO stock VALUES (1, 1000000)',
    },
  }),
  handlers: {
    reserve: ({ quantity }, { database }) =>
      database.transaction(async (tx) => {
        const { quantity: before } = await tx.selectFrom('stock').select('quantity').executeTakeFirstOrThrow()
        if (before < quantity) throw OutOfStock({ left: before })
        const left = before - quantity
        await tx.updateTable('stock').set({ quantity: left }).execute()
        return { left }
      }),
  },
})

const orders = service(Orders, {
  needs: { stock: Stock },
  database: database<{ orders: { id: string } }>({ migrations: { '001': 'CREATE TABLE orders (id TEXT PRIMARY KEY)' } }),
  handlers: {
    place: async ({ orderId, quantity }, { database, stock }) => {
      await stock.reserve({ quantity })
      await database.transaction(async (tx) => {
        await tx.insertInto('orders').values({ id: orderId }).execute()
        await tx.publish(Placed, { orderId, quantity })
      })
      return { orderId, pid: process.pid }
    },
    count: async (_input, { database }) => ({ count: (await database.read.selectFrom('orders').select('id').execute()).length }),
  },
})

const mail = service(Mail, {
  database: database<{ letters: { id: string; at: number } }>({
    migrations: { '001': 'CREATE TABLE letters (id TEXT NOT NULL, at INTEGER PRIMARY KEY AUTOINCREMENT)' },
  }),
  handlers: {
    sent: async (_input, { database }) =>
      (await database.read.selectFrom('letters').select('id').orderBy('at').execute()).map(({ id }) => id),
  },
  subscriptions: ({ on }) => [
    on(Placed, {
      retry: { attempts: 1 },
      handle: async ({ data }, { tx }) => {
        if (data.orderId === 'cursed') throw new Error('A curse lies on it')
        await tx
          .insertInto('letters')
          .values({ id: data.orderId } as never)
          .execute()
      },
    }),
  ],
})

export function shop(placement: Placement = 'each'): System {
  const durability = 'process'
  return system('shop', {
    services: [orders, stock, mail],
    placement,
    database: sqlite({ durability }),
    broker: embeddedBroker({ durability }),
  })
}
