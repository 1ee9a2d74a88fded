import { command, contract, query } from 'dure/contract'
import { database } from 'dure/data'
import { keyedState, service, system, type System } from 'dure/service'
import { z } from 'zod'
import { postgres } from './postgres.ts'

const name = z.object({ name: z.string() })
const key = (input: { readonly name: string }): string => input.name
export const Counter = contract('counter', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    add: command({ input: name, output: z.int(), key, deadline: 10_000 }),
    read: query({ input: name, output: z.int(), key }),
  },
})

type Tables = {
  counters: { name: string; value: number }
  increments: { name: string; value: number; copy: number }
}
const tables = database<Tables>({
  migrations: {
    // Nothing of it refuses a value that comes twice.
    '001': `CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL);
      CREATE TABLE increments (place BIGSERIAL PRIMARY KEY, name TEXT NOT NULL, value BIGINT NOT NULL, copy BIGINT NOT NULL)`,
  },
})

/** What a test has to do with one increment: awaited before its transaction, and told when that was refused. */
export type Watch = {
  readonly before?: (name: string) => Promise<void>
  readonly refused?: (name: string, error: unknown) => void
}

/** A counter whose value is in memory: what is written is what was there before and one more, whatever the table says. */
export function counting(url: string, { before, refused }: Watch = {}): System {
  const value = keyedState('value', {
    database: tables,
    load: async (of, read) =>
      Number((await read.selectFrom('counters').select('value').where('name', '=', of).executeTakeFirst())?.value ?? 0),
  })
  const counter = service(Counter, {
    ...{ database: tables, store: postgres({ url }), extensions: [value] },
    handlers: {
      add: async ({ name: of }, context) => {
        const next = (await value.of(context)) + 1
        await before?.(of)
        const committed = context.database.transaction(async (tx) => {
          await tx.insertInto('increments').values({ name: of, value: next, copy: process.pid }).execute()
          const row = { name: of, value: next }
          const counters = tx.insertInto('counters').values(row)
          await counters.onConflict((it) => it.column('name').doUpdateSet(row)).execute()
          value.set(tx, next)
          await tx.answer(next)
          return next
        })
        committed.catch((error: unknown) => refused?.(of, error))
        return committed
      },
      read: (_, context) => value.of(context),
    },
  })
  return system('counting', { services: [counter], telemetry: false })
}
