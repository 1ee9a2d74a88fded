/** A small shop in several processes, this one the process of the part that its words name. */
import { command, contract, event, query } from 'dure/contract'
import { database, sqlite } from 'dure/data'
import { keepAlive } from 'dure/runtime'
import { service, start, system, type System } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { rest } from './rest.ts'

const Bought = event('bought', { schema: z.object({ id: z.string() }), key: ({ id }) => id })
const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'tests',
  operations: { left: query({ output: z.int(), http: 'GET /stock' }) },
})
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    buy: command({ http: 'POST /buy' }),
    note: command({ http: 'POST /note' }),
    notes: query({ output: z.int(), http: 'GET /notes' }),
  },
  events: [Bought],
})

const shop = service(Shop, {
  needs: { stock: Stock },
  database: database<{ notes: { id: string } }>({ migrations: { '001': 'CREATE TABLE notes (id TEXT NOT NULL)' } }),
  handlers: {
    buy: async (_input, { stock }) => void (await stock.left()),
    note: (_input, { database: own }) =>
      own.transaction(async (tx) => {
        await tx.insertInto('notes').values({ id: 'n' }).execute()
        await tx.publish(Bought, { id: 'n' })
      }),
    notes: async (_input, { database: own }) => (await own.read.selectFrom('notes').select('id').execute()).length,
  },
})
const stock = service(Stock, { handlers: { left: () => 1 } })

export function shopSystem(): System {
  return system('inside', {
    services: [shop, stock],
    placement: 'each',
    database: sqlite({ durability: 'process' }),
    doors: [rest().at({ port: 0 })],
  })
}

const [directory, ...part] = process.argv.slice(2)
if (import.meta.main && directory !== undefined) {
  keepAlive()
  await start(shopSystem(), { directory, part, log: silentLogger(), shutdownTimeout: 2_000 })
  process.stdout.write('up\n')
}
