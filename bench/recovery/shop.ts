/**
 * A small shop in three releases: the new one has one more column, one more optional field, one more operation and one more
 * event; the narrow one takes the column away that old copies write. As a program, one process of the release that the file
 * `release` of its directory names, the old one where there is none.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { postgres } from '@dure/postgres'
import { command, contract, event, query } from 'dure/contract'
import { database } from 'dure/data'
import { embeddedBroker } from 'dure/messaging'
import { keepAlive } from 'dure/runtime'
import { service, start, system, type System } from 'dure/service'
import { joinSupervisor } from 'dure/supervisor'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'

export type Release = 'old' | 'new' | 'narrow'

/** Where the PostgreSQL is, for a process of it. */
export const DATABASE = 'SHOP_DATABASE'

/** What the narrow release brings, and no older copy has. */
export const NARROWS = '003-without-place'

const order = z.object({ id: z.string() })
const noted = z.object({ id: z.string(), note: z.string().optional() })

const Placed = event('order.placed', { schema: order, key: ({ id }) => id })
const PlacedNoted = event('order.placed', { schema: noted, key: ({ id }) => id })
const Noted = event('order.noted', { schema: z.object({ id: z.string(), note: z.string() }), key: ({ id }) => id })

export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'bench',
  operations: { place: command({ input: order, output: z.int(), idempotent: true }) },
  events: [Placed],
})
export const NewOrders = contract('orders', {
  version: '1.1.0',
  owner: 'bench',
  operations: {
    place: command({ input: noted, output: z.int(), idempotent: true }),
    note: query({ input: order, output: z.object({ note: z.string().nullable(), pid: z.int() }) }),
  },
  events: [PlacedNoted, Noted],
})
export const Mail = contract('mail', {
  version: '1.0.0',
  owner: 'bench',
  operations: {
    /** The orders of which a letter of that kind was sent, each as often as it was. */
    sent: query({ input: z.object({ kind: z.enum(['placed', 'noted']) }), output: z.array(z.string()) }),
  },
})

const ORDERS = { '001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, place TEXT)' }
const LETTERS = { '001': 'CREATE TABLE letters (id TEXT NOT NULL, kind TEXT NOT NULL)' }
type Letters = { letters: { id: string; kind: string } }

const oldOrders = service(Orders, {
  database: database<{ orders: { id: string } }>({ migrations: ORDERS }),
  handlers: {
    place: ({ id }, { database }) =>
      database.transaction(async (tx) => {
        await tx.insertInto('orders').values({ id }).execute()
        await tx.publish(Placed, { id })
        return process.pid
      }),
  },
})

const newOrders = (migrations: Readonly<Record<string, string>>) =>
  service(NewOrders, {
    database: database<{ orders: { id: string; note: string | null } }>({ migrations }),
    handlers: {
      place: ({ id, note }, { database }) =>
        database.transaction(async (tx) => {
          await tx
            .insertInto('orders')
            .values({ id, note: note ?? null })
            .execute()
          await tx.publish(PlacedNoted, { id, ...(note === undefined ? {} : { note }) })
          if (note !== undefined) await tx.publish(Noted, { id, note })
          return process.pid
        }),
      note: async ({ id }, { database }) => {
        const row = await database.read.selectFrom('orders').select('note').where('id', '=', id).executeTakeFirst()
        return { note: row?.note ?? null, pid: process.pid }
      },
    },
  })

const WITH_NOTE = { ...ORDERS, '002-note': 'ALTER TABLE orders ADD COLUMN note TEXT' }
const ordersOf = (release: Release) =>
  release === 'old'
    ? oldOrders
    : newOrders(release === 'new' ? WITH_NOTE : { ...WITH_NOTE, [NARROWS]: 'ALTER TABLE orders DROP COLUMN place' })

const mailOf = (release: Release) =>
  service(Mail, {
    database: database<Letters>({ migrations: LETTERS }),
    handlers: {
      sent: async ({ kind }, { database }) =>
        (await database.read.selectFrom('letters').select('id').where('kind', '=', kind).execute()).map(({ id }) => id),
    },
    subscriptions: ({ on }) => [
      on(release === 'old' ? Placed : PlacedNoted, async ({ data: { id } }, { tx }) => {
        await tx.insertInto('letters').values({ id, kind: 'placed' }).execute()
      }),
      ...(release === 'old'
        ? []
        : [
            on(Noted, async ({ data: { id } }, { tx }) => {
              await tx.insertInto('letters').values({ id, kind: 'noted' }).execute()
            }),
          ]),
    ],
  })

export function shop(release: Release, url: string): System {
  return system('shop', {
    services: [ordersOf(release), mailOf(release)],
    database: postgres({ url, writers: 4, readers: 2 }),
    broker: embeddedBroker({ durability: 'process' }),
  })
}

/** From now on processes of it that start are of this release. */
export const release = (directory: string, which: Release): void => writeFileSync(join(directory, 'release'), which)

function released(directory: string): Release {
  try {
    return readFileSync(join(directory, 'release'), 'utf8') as Release
  } catch {
    return 'old'
  }
}

const supervised = joinSupervisor()
if (supervised !== undefined && (await supervised.loaded())) {
  const [directory, ...part] = process.argv.slice(2) as [string, ...string[]]
  const alive = keepAlive()
  const running = await start(shop(released(directory), process.env[DATABASE]!), {
    directory,
    part,
    log: silentLogger(),
    copy: supervised.copy,
  })
  supervised.ready()
  await supervised.stopped
  await running.stop(supervised.manner())
  alive.stop()
  supervised.leave()
}
