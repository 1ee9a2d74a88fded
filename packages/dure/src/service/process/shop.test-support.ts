/** A small shop to be split: orders need stock, mail reacts to orders. */
import { z } from 'zod'
import { command, contract, event, query } from '../../contract/contract.ts'
import { database, sqlite } from '../../data/data.ts'
import { embeddedBroker } from '../../messaging/messaging.ts'
import { OutOfStock, Stock, stockOf } from '../rig.test-support.ts'
import { service, system, type Placement, type System } from '../service.ts'

const Placed = event('order.placed', { schema: z.object({ orderId: z.string(), quantity: z.int() }), key: (e) => e.orderId })
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

const stock = stockOf(1_000_000)

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
        if (data.quantity === 13) throw new Error('A curse lies on it')
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
