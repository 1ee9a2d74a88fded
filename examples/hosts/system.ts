/**
 * Three services, each of which may be on a host of its own: `dure start orders --listen 10.0.0.2 --tls DIR --registry URL`. Events go
 * through NATS, which all of them reach; each keeps its data where it runs.
 */
import { natsBroker } from '@dure/nats'
import { rest } from '@dure/rest'
import { command, contract, event, query } from 'dure/contract'
import { database } from 'dure/data'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'

const Placed = event('order.placed', { schema: z.object({ orderId: z.string(), pieces: z.int() }), key: (e) => e.orderId })

export const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'team-warehouse',
  operations: {
    reserve: command({
      input: z.object({ orderId: z.string(), pieces: z.int().min(1) }),
      output: z.object({ left: z.int() }),
      idempotent: true,
      deadline: 1_000,
    }),
    left: query({ output: z.object({ left: z.int() }), deadline: 1_000, http: 'GET /stock' }),
  },
})
export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'team-orders',
  operations: {
    place: command({
      input: z.object({ orderId: z.string(), pieces: z.int().min(1) }),
      output: z.object({ left: z.int() }),
      idempotent: true,
      deadline: 2_000,
      http: 'PUT /orders/{orderId}',
    }),
    count: query({ output: z.object({ orders: z.int() }), deadline: 1_000, http: 'GET /orders' }),
  },
  events: [Placed],
})
export const Mail = contract('mail', {
  version: '1.0.0',
  owner: 'team-mail',
  operations: { sent: query({ output: z.object({ letters: z.int() }), deadline: 1_000, http: 'GET /mail' }) },
})

const stock = service(Stock, {
  database: database<{ stock: { id: number; pieces: number }; reserved: { order_id: string } }>({
    migrations: {
      '001': `CREATE TABLE stock (id INTEGER PRIMARY KEY, pieces INTEGER NOT NULL);
        CREATE TABLE reserved (order_id TEXT PRIMARY KEY);
        INSERT INTO stock VALUES (1, 1000000)`,
    },
  }),
  handlers: {
    reserve: ({ orderId, pieces }, { database }) =>
      database.transaction(async (tx) => {
        const { numInsertedOrUpdatedRows: added } = await tx
          .insertInto('reserved')
          .values({ order_id: orderId })
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirstOrThrow()
        const { pieces: before } = await tx.selectFrom('stock').select('pieces').executeTakeFirstOrThrow()
        const left = before - (added === 1n ? pieces : 0)
        await tx.updateTable('stock').set({ pieces: left }).execute()
        return { left }
      }),
    left: async (_input, { database }) => ({
      left: (await database.read.selectFrom('stock').select('pieces').executeTakeFirstOrThrow()).pieces,
    }),
  },
})

const orders = service(Orders, {
  needs: { stock: Stock },
  database: database<{ orders: { id: string } }>({ migrations: { '001': 'CREATE TABLE orders (id TEXT PRIMARY KEY)' } }),
  handlers: {
    place: async ({ orderId, pieces }, { stock, database }) => {
      const { left } = await stock.reserve({ orderId, pieces })
      await database.transaction(async (tx) => {
        const { numInsertedOrUpdatedRows: added } = await tx
          .insertInto('orders')
          .values({ id: orderId })
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirstOrThrow()
        if (added === 1n) await tx.publish(Placed, { orderId, pieces })
      })
      return { left }
    },
    count: async (_input, { database }) => ({
      orders: (await database.read.selectFrom('orders').select('id').execute()).length,
    }),
  },
})

const mail = service(Mail, {
  database: database<{ letters: { order_id: string } }>({
    migrations: { '001': 'CREATE TABLE letters (order_id TEXT NOT NULL)' },
  }),
  handlers: {
    sent: async (_input, { database }) => ({
      letters: (await database.read.selectFrom('letters').select('order_id').execute()).length,
    }),
  },
  subscriptions: ({ on }) => [
    on(Placed, async ({ data }, { tx }) => {
      await tx.insertInto('letters').values({ order_id: data.orderId }).execute()
    }),
  ],
})

const hosts: System = system('hosts', {
  services: [orders, stock, mail],
  broker: natsBroker({ servers: process.env['NATS_URL'] ?? 'nats://127.0.0.1:4222' }),
  // A host that does not answer costs its callers their whole deadline: a few of them, and not all.
  policies: { stock: { breaker: { minimumCalls: 3, open: { first: 500, max: 2_000 } } } },
  doors: [rest({ host: process.env['SHOP_HOST'] ?? '127.0.0.1', port: 8080 })],
})
// The one thing that the command line loads.
export default hosts
