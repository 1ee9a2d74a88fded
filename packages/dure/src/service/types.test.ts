import assert from 'node:assert/strict'
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
        done.error.data.productId satisfies number
        done.error.code satisfies 'OUT_OF_STOCK'
      }
      const { left } = await stock.reserve({ id: 2 })
      left satisfies number
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
        left satisfies number
        await tx.insertInto('orders').values({ id: event.id }).execute()
      },
    }),
  ],
})
const client = undefined as unknown as Client<typeof Orders>

/** Never run: what matters is that it compiles, and that what must not compile does not. */
async function asked(): Promise<void> {
  for await (const one of client.watch()) one.id satisfies string
  await client.reset()
  const found = await client.find({ id: 'a' })
  found.id satisfies string
  // @ts-expect-error an input that the contract does not know
  await client.find({ name: 'a' })
  // @ts-expect-error a required input left out
  await client.find()
  // @ts-expect-error an operation that the contract does not have
  await client.drop()
}

test('a service’s types follow from its contract, its needs and its tables', () => {
  assert.equal(orders.contract, Orders)
  assert.equal(orders.reactions.length, 2)
  assert.equal(typeof asked, 'function')
})
