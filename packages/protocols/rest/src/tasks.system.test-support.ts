/** A shop whose stock is kept by a program in another language, which answers a queue of requests over this door. */
import { command, contract, error, query, request } from 'dure/contract'
import { database } from 'dure/data'
import { service, system, type System } from 'dure/service'
import { externalTasks } from 'dure/tasks'
import { z } from 'zod'
import { rest } from './rest.ts'

const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ left: z.int() }) })
const ReserveStock = request('reserve-stock', {
  key: ({ order }) => order,
  input: z.object({ order: z.string(), quantity: z.int() }),
  output: z.object({ left: z.int(), at: z.date() }),
  errors: { OutOfStock },
})
const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    place: command({ input: z.object({ order: z.string(), quantity: z.int() }), output: z.string(), http: 'POST /orders' }),
    outcomes: query({ output: z.record(z.string(), z.array(z.string())), http: 'GET /orders' }),
  },
})

const orders = service(Orders, {
  database: database<{ outcomes: { id: string; outcome: string } }>({
    migrations: { '001': 'CREATE TABLE outcomes (id TEXT NOT NULL, outcome TEXT NOT NULL)' },
  }),
  handlers: {
    place: (order, { database: own }) => own.transaction((tx) => tx.request(ReserveStock, order)),
    outcomes: async (_input, { database: own }) => {
      const rows = await own.read.selectFrom('outcomes').selectAll().execute()
      return Object.fromEntries([...Map.groupBy(rows, ({ id }) => id)].map(([id, of]) => [id, of.map(({ outcome }) => outcome)]))
    },
  },
  subscriptions: ({ replies }) => [
    replies(ReserveStock, async (reply, { tx }) => {
      const outcome = reply.ok ? `reserved, ${reply.value.left} left` : reply.error.code
      await tx.insertInto('outcomes').values({ id: reply.key, outcome }).execute()
    }),
  ],
})

const made: System = system('tasks', {
  services: [orders, externalTasks('stock-tasks', { requests: [ReserveStock], scope: 'stock:work' })],
  doors: [rest()],
  security: {
    authenticate: ({ header }) =>
      header('authorization') === 'Bearer worker'
        ? { kind: 'client', subject: 'worker', scopes: ['stock:work'], roles: [] }
        : undefined,
  },
})
export default made
