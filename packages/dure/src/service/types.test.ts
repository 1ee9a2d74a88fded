import { test } from 'node:test'
import { z } from 'zod'
import { command, contract, error, event, query, stream } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import type { Client } from '../call/call.ts'
import { service } from './service.ts'

const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ productId: z.int() }) })
const Placed = event('order.placed', { schema: z.object({ orderId: z.string(), at: z.date() }), key: (e) => e.orderId })
const Stock = contract('stock', {
  version: '1.0.0',
  owner: 't',
  operations: {
    reserve: command({
      input: z.object({ id: z.int(), n: z.int().default(1) }),
      output: z.object({ left: z.int() }),
      errors: { OutOfStock },
    }),
  },
})
const Orders = contract('orders', {
  version: '1.0.0',
  owner: 't',
  operations: {
    find: query({ input: z.object({ id: z.string() }), output: z.object({ id: z.string() }) }),
    watch: stream({ output: z.object({ id: z.string() }) }),
    reset: command({}),
  },
  events: [Placed],
})
type Tables = { orders: { id: string } }
const orders = service(Orders, {
  needs: { stock: Stock },
  database: database<Tables>({ migrations: {} }),
  handlers: {
    find: async (input, { database, stock }) => {
      const done = await stock.reserve.attempt({ id: 1 })
      if (!done.ok) {
        const n: number = done.error.data.productId
        void n
        const c: 'OUT_OF_STOCK' = done.error.code
        void c
      }
      const { left } = await stock.reserve({ id: 2 })
      const l: number = left
      void l
      return database.transaction(async (tx) => {
        await tx.insertInto('orders').values({ id: input.id }).execute()
        await tx.publish(Placed, { orderId: 'x', at: new Date(0) })
        return { id: input.id }
      })
    },
    watch: async function* () {
      yield { id: 'x' }
    },
    reset: () => {},
  },
  subscriptions: ({ on }) => [
    on(Placed, async (event, { tx }) => {
      await tx.insertInto('orders').values({ id: event.data.orderId }).execute()
    }),
    on(Placed, {
      name: 'b',
      prepare: async (event, { stock }) => (await stock.reserve({ id: event.data.at.getTime() })).left,
      handle: async (event, { tx }, left) => {
        const n: number = left
        void n
        void event
        void tx
      },
    }),
  ],
})
const client = undefined as unknown as Client<typeof Orders>
test('types', () => {
  void orders
  const f = async () => {
    for await (const x of client.watch()) {
      const s: string = x.id
      void s
    }
    await client.reset()
    const y = await client.find({ id: 'a' })
    y.id.length
  }
  void f
})
