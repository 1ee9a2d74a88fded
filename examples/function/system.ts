/** Orders that are paid later: a process with `dure start`, and a function with `function.ts`, from the same lines. */
import { natsBroker } from '@dure/nats'
import { postgres } from '@dure/postgres'
import { rest } from '@dure/rest'
import { command, contract, event, query } from 'dure/contract'
import { database } from 'dure/data'
import { queue } from 'dure/messaging'
import { service, system } from 'dure/service'
import { z } from 'zod'

const Order = z.object({ orderId: z.string(), paid: z.int() })
const OrderPlaced = event('order.placed', { schema: z.object({ orderId: z.string() }), key: ({ orderId }) => orderId })
const OrderPaid = event('order.paid', { schema: z.object({ orderId: z.string() }), key: ({ orderId }) => orderId })
const Payment = queue('payment', {
  schema: z.object({ orderId: z.string(), amount: z.int().positive() }),
  key: ({ orderId }) => orderId,
})

const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'team-checkout',
  operations: {
    place: command({ input: z.object({ orderId: z.string() }), output: Order, http: 'POST /orders' }),
    find: query({ input: z.object({ orderId: z.string() }), output: Order, http: 'GET /orders/{orderId}' }),
    wait: query({ input: z.object({ ms: z.coerce.number() }), output: z.string(), http: 'GET /wait/{ms}' }),
  },
  events: [OrderPlaced, OrderPaid],
})

const orders = service(Orders, {
  database: database<{ orders: { id: string; paid: number } }>({
    migrations: { '001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, paid INTEGER NOT NULL)' },
  }),
  handlers: {
    place: ({ orderId }, { database }) =>
      database.transaction(async (tx) => {
        await tx.insertInto('orders').values({ id: orderId, paid: 0 }).execute()
        await tx.publish(OrderPlaced, { orderId })
        return { orderId, paid: 0 }
      }),
    find: async ({ orderId }, { database }) => {
      const { paid } = await database.read.selectFrom('orders').select('paid').where('id', '=', orderId).executeTakeFirstOrThrow()
      return { orderId, paid }
    },
    wait: async ({ ms }) => {
      await new Promise((resolve) => setTimeout(resolve, ms))
      return 'waited'
    },
  },
  subscriptions: ({ work }) => [
    work(Payment, async ({ data: { orderId, amount } }, { tx }) => {
      await tx
        .updateTable('orders')
        .set((eb) => ({ paid: eb('paid', '+', amount) }))
        .where('id', '=', orderId)
        .execute()
      await tx.publish(OrderPaid, { orderId })
    }),
  ],
})

const { DATABASE_URL: url = 'postgres://127.0.0.1/shop', NATS_URL: servers = 'nats://127.0.0.1:4222' } = process.env

export default system('shop', {
  services: [orders],
  database: postgres({ url }),
  broker: natsBroker({ servers }),
  doors: [rest()],
  security: 'off',
})
