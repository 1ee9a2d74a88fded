import { z } from 'zod'
import { command, contract, error, query, request, type DeclaredError } from '../contract/contract.ts'
import { testAdapter } from '../data/adapter.conformance.ts'
import { database } from '../data/data.ts'
import { start, system, service, type Running, type Service } from './service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'

export const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ left: z.int(), since: z.date() }) })
export const ReserveStock = request('reserve-stock', {
  key: ({ order }) => order,
  input: z.object({ order: z.string(), quantity: z.int() }),
  output: z.object({ left: z.int(), at: z.date() }),
  errors: { OutOfStock },
})

export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    place: command({
      input: z.object({ order: z.string(), quantity: z.int(), timeout: z.int().optional() }),
      output: z.string(),
    }),
    outcomes: query({ output: z.array(z.object({ order: z.string(), request: z.string(), outcome: z.string() })) }),
  },
})
export const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'tests',
  operations: { left: query({ output: z.object({ left: z.int(), noted: z.int() }) }) },
  requests: [ReserveStock],
})

/** Places orders, and notes how the stock has answered. */
export const orders: Service<typeof Orders> = service(Orders, {
  database: database<{ outcomes: { id: string; request: string; outcome: string } }>({
    migrations: { '001': 'CREATE TABLE outcomes (id TEXT NOT NULL, request TEXT NOT NULL, outcome TEXT NOT NULL)' },
  }),
  handlers: {
    place: ({ order, quantity, timeout }, { database: own }) =>
      own.transaction((tx) => tx.request(ReserveStock, { order, quantity }, timeout === undefined ? {} : { timeout })),
    outcomes: async (_input, { database: own }) =>
      (await own.read.selectFrom('outcomes').selectAll().execute()).map(({ id, ...others }) => ({ order: id, ...others })),
  },
  subscriptions: ({ replies }) => [
    replies(ReserveStock, async (reply, { tx }) => {
      const outcome = reply.ok
        ? `${reply.value.left} ${reply.value.at instanceof Date}`
        : reply.error.code === 'OUT_OF_STOCK'
          ? `OUT_OF_STOCK ${reply.error.data.left} ${reply.error.data.since instanceof Date}`
          : reply.error.code
      await tx.insertInto('outcomes').values({ id: reply.key, request: reply.request, outcome }).execute()
    }),
  ],
})

export type Where = 'before' | 'thrown' | 'returned' | 'poison' | 'killed' | 'wrong'

/** A stock of ten, with what the case does at an order. */
export const stock = (at: (order: string) => Where = () => 'thrown'): Service<typeof Stock> =>
  service(Stock, {
    database: database<{ stock: { quantity: number }; notes: { id: string } }>({
      migrations: {
        '001':
          'CREATE TABLE stock (quantity INTEGER NOT NULL); INSERT INTO stock VALUES (10); CREATE TABLE notes (id TEXT NOT NULL)',
      },
    }),
    handlers: {
      left: async (_input, { database: own }) => ({
        left: (await own.read.selectFrom('stock').select('quantity').executeTakeFirstOrThrow()).quantity,
        noted: (await own.read.selectFrom('notes').selectAll().execute()).length,
      }),
    },
    subscriptions: ({ work }) => [
      work(ReserveStock, {
        retry: { attempts: 2, first: 1 },
        handle: async ({ data: { order, quantity } }, { tx }) => {
          const where = at(order)
          if (where === 'poison') throw new Error('cannot stomach this')
          const { quantity: before } = await tx.selectFrom('stock').select('quantity').executeTakeFirstOrThrow()
          // Taken back where the refusal is thrown.
          await tx.insertInto('notes').values({ id: order }).execute()
          if (before < quantity) {
            const refusal: DeclaredError<'OUT_OF_STOCK', { left: number; since: Date }> = OutOfStock({
              left: before,
              since: new Date(0),
            })
            if (where === 'returned') return refusal
            throw refusal
          }
          const left = before - quantity
          await tx.updateTable('stock').set({ quantity: left }).execute()
          if (where === 'killed') process.kill(process.pid, 'SIGKILL')
          return where === 'wrong' ? ({ left: 'none' } as never) : { left, at: new Date(0) }
        },
      }),
    ],
  })

export const shop = (directory: string, at?: (order: string) => Where): Promise<Running> =>
  start(system('shop', { services: [orders, stock(at)], database: testAdapter as never }), { directory, log: silentLogger() })
