/** A system whose desk fails at some orders, dies of others, and prints on a printer that is out of paper. */
import { command, contract, event, query } from 'dure/contract'
import { database, sqlite } from 'dure/data'
import { embeddedBroker, queue } from 'dure/messaging'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'

const Order = z.object({ orderId: z.string(), quantity: z.int() })
const Placed = event('order.placed', { schema: Order, key: ({ orderId }) => orderId })
const Print = queue('invoice.print', { schema: z.object({ orderId: z.string(), copies: z.int().positive() }) })

const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: { place: command({ input: Order }), print: command({ input: z.object({ orderId: z.string(), copies: z.int() }) }) },
  events: [Placed],
})
const Desk = contract('desk', {
  version: '1.0.0',
  owner: 'tests',
  operations: { seen: query({ output: z.array(z.string()) }) },
})

/** Quantities that the desk cannot take: it fails, or its process ends. */
const [FAILS, ENDS] = [13, 666]

const shop = service(Shop, {
  database: database<{ orders: { id: string } }>({ migrations: { '001': 'CREATE TABLE orders (id TEXT)' } }),
  handlers: {
    place: (order, { database }) => database.transaction((tx) => tx.publish(Placed, order)),
    print: (job, { database }) => database.transaction((tx) => tx.send(Print, job)),
  },
})

const desk = service(Desk, {
  database: database<{ seen: { at: number | undefined; what: string } }>({
    migrations: { '001': 'CREATE TABLE seen (at INTEGER PRIMARY KEY, what TEXT)' },
  }),
  handlers: {
    seen: async (_input, { database }) =>
      (await database.read.selectFrom('seen').select('what').orderBy('at').execute()).map(({ what }) => what),
  },
  subscriptions: ({ on, work }) => [
    on(Placed, {
      retry: { attempts: 4, first: 1 },
      handle: async ({ data: { orderId, quantity } }, { tx }) => {
        const what = `${orderId} ${quantity}`
        await tx.insertInto('seen').values({ at: undefined, what }).execute()
        if (quantity === ENDS) process.kill(process.pid, 'SIGKILL')
        if (quantity === FAILS) throw new Error(`Out of stock: "${orderId}" wants ${quantity}`)
      },
    }),
    work(Print, {
      retry: { attempts: 1 },
      handle: async ({ data: { orderId, copies } }, { tx }) => {
        if (copies > 1) throw new Error(`No paper for ${copies} copies`)
        await tx
          .insertInto('seen')
          .values({ at: undefined, what: `printed ${orderId}` })
          .execute()
      },
    }),
  ],
})

const durability = 'process'
export const counter: System = system('counter', {
  services: [shop, desk],
  database: sqlite({ durability }),
  broker: embeddedBroker({ durability }),
})
