import { channel, command, contract, error, event, query, stream } from 'dure/contract'
import { database } from 'dure/data'
import { queue } from 'dure/messaging'
import { service, type Service } from 'dure/service'
import { z } from 'zod'

/** A service that needs, announces, listens and works, to be tested alone. */
export const Declined = error('DECLINED', { data: z.object({ reason: z.string() }) })
export const Lost = error('LOST')

export const Payment = contract('payment', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    charge: command({
      input: z.object({ orderId: z.string(), amount: z.int() }),
      output: z.object({ receipt: z.string() }),
      errors: { Declined },
      deadline: 300,
    }),
    receipts: stream({ input: z.string(), output: z.string() }),
    count: channel({ incoming: z.int(), output: z.int() }),
  },
})

const Id = z.object({ orderId: z.string() })
export const Packed = event('packed', { schema: Id.extend({ at: z.date() }), key: ({ orderId }) => orderId })
export const Warehouse = contract('warehouse', { version: '1.0.0', owner: 'tests', operations: {}, events: [Packed] })
export const Placed = event('placed', { schema: Id.extend({ receipt: z.string() }), key: ({ orderId }) => orderId })
export const Shipped = event('shipped', { schema: Id.extend({ at: z.date() }), key: ({ orderId }) => orderId })
export const Print = queue('print', { schema: Id, key: ({ orderId }) => orderId })

export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    place: command({ input: Id, output: Id, errors: { Declined } }),
    list: query({ output: z.array(z.object({ id: z.string(), state: z.string() })) }),
    receipts: stream({ input: z.string(), output: z.string() }),
    now: query({ output: z.date() }),
    closed: command({ scope: 'orders:close', output: z.string() }),
    outside: query({ output: z.string() }),
  },
  events: [Placed, Shipped],
})

type Tables = { orders: { id: string; state: string } }

export const orders: Service<typeof Orders> = service(Orders, {
  needs: { payment: Payment },
  database: database<Tables>({ migrations: { '001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, state TEXT NOT NULL)' } }),
  handlers: {
    place: async ({ orderId }, { payment, database }) => {
      const { receipt } = await payment.charge({ orderId, amount: 7 })
      await database.transaction(async (tx) => {
        await tx.insertInto('orders').values({ id: orderId, state: 'placed' }).execute()
        await tx.publish(Placed, { orderId, receipt })
        await tx.send(Print, { orderId })
      })
      return { orderId }
    },
    list: (_, { database }) => database.read.selectFrom('orders').selectAll().orderBy('id').execute(),
    receipts: (of, { payment }) => payment.receipts(of),
    now: (_, { clock }) => new Date(clock.now()),
    closed: () => 'closed',
    outside: async (_, { fetch }) => (await fetch('http://weather.test/now')).text(),
  },
  subscriptions: ({ on, work }) => [
    on(Packed, {
      retry: { first: 1_000, attempts: 3 },
      handle: async ({ data: { orderId, at } }, { tx }) => {
        if (orderId === 'cursed') throw new Error('It cannot be shipped')
        await tx.updateTable('orders').set({ state: 'shipped' }).where('id', '=', orderId).execute()
        await tx.publish(Shipped, { orderId, at })
      },
    }),
    work(Print, async ({ data }, { tx }) => {
      await tx.updateTable('orders').set({ state: 'printed' }).where('id', '=', data.orderId).execute()
    }),
  ],
})
