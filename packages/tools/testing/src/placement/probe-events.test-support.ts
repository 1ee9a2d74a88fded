/** Two services of the probe system that know each other by events only; one of them has an operation with a key. */
import { command, contract, event, query, type AnyContract } from 'dure/contract'
import { database } from 'dure/data'
import { keyedState, service, type Service } from 'dure/service'
import { z } from 'zod'

const Line = z.object({ key: z.string(), n: z.int(), at: z.date(), big: z.bigint() })
const Written = event('probe.written', { schema: Line, key: ({ key }) => key })

const writer = contract('writer', {
  version: '1.0.0',
  owner: 'testing',
  operations: {
    write: command({ input: Line.pick({ key: true, n: true }) }),
    /** How many calls of its key there were, this one included. */
    next: command({ input: z.object({ key: z.unknown() }), output: z.int(), key: ({ key }) => key as string }),
  },
  events: [Written],
})
const reader = contract('reader', {
  version: '1.0.0',
  owner: 'testing',
  operations: {
    arrived: query({ input: z.string(), output: z.array(z.int()) }),
    carried: query({ input: z.string(), output: z.array(Line) }),
  },
})

export const Writer: AnyContract = writer
export const Reader: AnyContract = reader

const ROWS = 'CREATE TABLE lines (place INTEGER PRIMARY KEY, key TEXT, n INTEGER, at INTEGER, big TEXT) STRICT'
type Rows = { lines: { place?: number; key: string; n: number; at: number; big: string } }

/** Anew for every copy, as everything of the probe system. */
export function eventServices(): readonly Service[] {
  const written = database<{ written: { n: number } }>({ migrations: { '001': 'CREATE TABLE written (n INTEGER) STRICT' } })
  const count = keyedState('count', { load: () => 0 })
  return [
    service(writer, {
      database: written,
      extensions: [count],
      handlers: {
        next: async (_, context) => {
          const n = (await count.of(context)) + 1
          return context.database.transaction(async (tx) => {
            await tx.insertInto('written').values({ n }).execute()
            count.set(tx, n)
            return n
          })
        },
        write: ({ key, n }, { database: own }) =>
          own.transaction(async (tx) => {
            await tx.insertInto('written').values({ n }).execute()
            await tx.publish(Written, { key, n, at: new Date(5), big: 2n ** 70n })
            if (n < 0) throw new Error('Undone')
          }),
      },
    }),
    service(reader, {
      database: database<Rows>({ migrations: { '001': ROWS } }),
      handlers: {
        arrived: async (key, { database: own }) => {
          const rows = await own.read.selectFrom('lines').select('n').where('key', '=', key).orderBy('place').execute()
          return rows.map(({ n }) => n)
        },
        carried: async (key, { database: own }) => {
          const rows = await own.read.selectFrom('lines').selectAll().where('key', '=', key).orderBy('place').execute()
          return rows.map(({ n, at, big }) => ({ key, n, at: new Date(at), big: BigInt(big) }))
        },
      },
      subscriptions: ({ on }) => [
        on(Written, async ({ data }, { tx }) => {
          const { key, n, at, big } = data
          await tx
            .insertInto('lines')
            .values({ key, n, at: at.getTime(), big: String(big) })
            .execute()
        }),
      ],
    }),
  ]
}
