/** Ours: a service on PostgreSQL or on SQLite, with a saga of three steps that write a row each. */
import { postgres } from '@dure/postgres'
import { command, contract } from 'dure/contract'
import { database, sqlite } from 'dure/data'
import { saga } from 'dure/saga'
import { service, start, system, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { Pool } from 'pg'
import { z } from 'zod'
import { contend } from './load.ts'

const shop = database<{ lines: { saga: string; step: string }; dure_sagas: { saga: string; id: string; state: string } }>({
  migrations: { '001': 'CREATE TABLE lines (saga TEXT NOT NULL, step TEXT NOT NULL)' },
})

const checkout = saga('checkout', {
  database: shop,
  input: z.string(),
  output: z.string(),
  run: async (s, name) => {
    for (const step of ['order', 'stock', 'pay'])
      await s.step(step, {
        transaction: (tx) =>
          tx
            .insertInto('lines')
            .values({ saga: name, step })
            .execute()
            .then(() => step),
        undo: (tx) => tx.deleteFrom('lines').where('saga', '=', name).where('step', '=', step).execute(),
      })
    return name
  },
})

/** Sleeps for a day. */
export const sleeper = saga('sleeper', { input: z.string(), run: (s) => s.sleep('night', 86_400_000) })

export const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'bench',
  operations: {
    begin: command({ input: z.string(), output: z.boolean(), idempotent: true }),
    sleep: command({ input: z.string(), output: z.boolean(), idempotent: true }),
    ended: command({ input: z.array(z.string()), output: z.array(z.string()), idempotent: true }),
  },
})

/** The service in a system of its own. */
export function openShop(url: string | undefined, directory: string): Promise<Running> {
  const shopping = service(Shop, {
    database: shop,
    extensions: [checkout, sleeper],
    handlers: {
      begin: (name, { database }) => database.transaction((tx) => tx.begin(checkout, name, { id: name })),
      sleep: (name, { database }) => database.transaction((tx) => tx.begin(sleeper, name, { id: name })),
      ended: async (names, { database }) => {
        // By its key: whoever asks while it is measured must not take the time of who is measured.
        const ended = database.read
          .selectFrom('dure_sagas')
          .select('id')
          .where('saga', '=', 'checkout')
          .where('state', '=', 'completed')
        return (await ended.where('id', 'in', names).execute()).map(({ id }) => id)
      },
    },
  })
  const store = url === undefined ? sqlite() : postgres({ url: () => url })
  return start(system('bench', { services: [shopping], database: store }), { directory, log: silentLogger() })
}

/** Resolves for each when it has ended: whoever waits is looked for by one question after the other. */
function ends(ask: (names: readonly string[]) => Promise<readonly string[]>): (name: string) => Promise<void> {
  const waiting = new Map<string, () => void>()
  let asking = false
  const look = async (): Promise<void> => {
    asking = true
    while (waiting.size > 0) {
      for (const name of await ask([...waiting.keys()])) {
        waiting.get(name)!()
        waiting.delete(name)
      }
      // Asked all the time it would be work for the server; where one waits alone, a pause would be in the time that is measured.
      if (waiting.size > 1) await new Promise((resolve) => setTimeout(resolve, 2))
      else await new Promise((resolve) => setImmediate(resolve))
    }
    asking = false
  }
  return (name) =>
    new Promise((resolve) => {
      waiting.set(name, resolve)
      if (!asking) void look()
    })
}

if (import.meta.main) {
  await contend(async ({ url, folder }) => {
    const onSqlite = process.env['SAGA_STORE'] === 'sqlite'
    const client = (await openShop(onSqlite ? undefined : url, folder)).client(Shop)
    const pool = new Pool({ connectionString: url, max: 1 })
    const sql = "SELECT id FROM dure_sagas WHERE saga = 'checkout' AND id = ANY($1) AND state = 'completed'"
    const ended = ends(
      onSqlite
        ? (names) => client.ended([...names])
        : async (names) =>
            (await pool.query<{ id: string }>({ name: 'ended', text: sql, values: [names] })).rows.map(({ id }) => id),
    )
    return async (name) => {
      await client.begin(name)
      await ended(name)
    }
  })
}
