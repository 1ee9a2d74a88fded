/** Orders in PostgreSQL, in releases that do what their version says: for a proof that runs them side by side. */
import { postgres } from '@dure/postgres'
import { rest } from '@dure/rest'
import { command, contract } from 'dure/contract'
import { database } from 'dure/data'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'

const version = process.env['RELEASE'] ?? ''
const kind = version.split('-')[0]
/** What a release that leaks never lets go. */
const held: Buffer[] = []
let calls = 0

const order = z.object({ id: z.string() })
const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'team-checkout',
  operations: {
    place: command({ input: order, output: z.object({ release: z.string() }), idempotent: true, http: 'POST /orders' }),
  },
})

const orders = service(Orders, {
  database: database<{ orders: { id: string } }>({ migrations: { '001': 'CREATE TABLE orders (id TEXT PRIMARY KEY)' } }),
  handlers: {
    place: async ({ id }, { database }) => {
      calls++
      if (kind === 'fails' && calls % 4 === 0) throw new Error('It fails')
      if (kind === 'leaks') held.push(Buffer.alloc(1), ...Array.from({ length: 20_000 }, () => Buffer.from('leaked')))
      if (kind === 'falls' && calls % 20 === 0) process.kill(process.pid, 'SIGKILL')
      if (kind === 'slow') await new Promise((resolve) => setTimeout(resolve, 1_500))
      return database.transaction(async (tx) => {
        await tx.insertInto('orders').values({ id }).execute()
        // Its copy may be killed between the commit and the answer, which is asked for again.
        await tx.answer({ release: version })
        return { release: version }
      })
    },
  },
})

if (kind === 'crash') throw new Error('It crashes')
// It is loaded for ever.
if (kind === 'never') await new Promise((resolve) => setTimeout(resolve, 1_000_000))

const shop: System = system('orders', {
  services: [orders],
  database: postgres({ url: process.env['DATABASE_URL'] ?? 'postgres://nobody@127.0.0.1:1/none' }),
  doors: [rest()],
})
export default shop
