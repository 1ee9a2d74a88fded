/** What tests of the chassis share: a small stock, and waiting for a system's end of work. */
import { z } from 'zod'
import { command, contract, error, query } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { service, type Running, type Service } from './service.ts'

export const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ left: z.int() }) })
export const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    reserve: command({ input: z.object({ quantity: z.int() }), output: z.object({ left: z.int() }), errors: { OutOfStock } }),
    left: query({ output: z.object({ left: z.int() }) }),
  },
})

/** A stock with so many pieces of its one thing. */
export const stockOf = (pieces: number): Service<typeof Stock> =>
  service(Stock, {
    database: database<{ stock: { id: number; quantity: number } }>({
      migrations: {
        '001': `CREATE TABLE stock (id INTEGER PRIMARY KEY, quantity INTEGER NOT NULL); INSERT INTO stock VALUES (1, ${pieces})`,
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
      left: async (_input, { database }) => ({
        left: (await database.read.selectFrom('stock').select('quantity').executeTakeFirstOrThrow()).quantity,
      }),
    },
  })

/** Waits for a condition; the test's own timeout is the bound. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  // A timer that keeps the process alive, unlike those of the runtime: a test must not end for want of other work.
  while (!(await condition())) await new Promise((resolve) => void setTimeout(resolve, 2))
}

/** Waits until nothing is on its way any more; a system that cannot tell is asked again. */
export const quiet = (running: Running): Promise<void> =>
  until(async () => (await running.status().catch(() => ({ quiet: false }))).quiet)
