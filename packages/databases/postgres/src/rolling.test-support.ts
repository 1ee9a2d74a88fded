/**
 * A small shop in two releases: the later one has one more column, one more optional field, one more operation and one more
 * event. As a program, one process of the release that the file `release` of its directory names.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { command, contract, event, query } from 'dure/contract'
import { database } from 'dure/data'
import { embeddedBroker } from 'dure/messaging'
import { keepAlive } from 'dure/runtime'
import { service, start, system, type System } from 'dure/service'
import { joinSupervisor } from 'dure/supervisor'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { postgres } from './postgres.ts'

export type Release = 'old' | 'new'

const order = z.object({ id: z.string() })
const noted = z.object({ id: z.string(), note: z.string().optional() })

const Placed = event('order.placed', { schema: order, key: ({ id }) => id })
const PlacedNoted = event('order.placed', { schema: noted, key: ({ id }) => id })
const Noted = event('order.noted', { schema: z.object({ id: z.string(), note: z.string() }), key: ({ id }) => id })

export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  operations: { place: command({ input: order, output: z.int(), idempotent: true }) },
  events: [Placed],
})
export const NewOrders = contract('orders', {
  version: '1.1.0',
  owner: 'tests',
  operations: {
    place: command({ input: noted, output: z.int(), idempotent: true }),
    note: query({ input: order, output: z.object({ note: z.string().nullable(), pid: z.int() }) }),
  },
  events: [PlacedNoted, Noted],
})
export const Mail = contract('mail', {
  version: '1.0.0',
  owner: 'tests',
  operations: { sent: query({ output: z.array(z.string()) }) },
})

const ORDERS = { '001': 'CREATE TABLE orders (id TEXT PRIMARY KEY)' }
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

const newOrders = service(NewOrders, {
  database: database<{ orders: { id: string; note: string | null } }>({
    migrations: { ...ORDERS, '002': 'ALTER TABLE orders ADD COLUMN note TEXT' },
  }),
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

const mailOf = (release: Release) =>
  service(Mail, {
    database: database<Letters>({ migrations: LETTERS }),
    handlers: {
      sent: async (_, { database }) =>
        (await database.read.selectFrom('letters').selectAll().execute()).map(({ id, kind }) => `${kind} ${id}`),
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
    services: [release === 'old' ? oldOrders : newOrders, mailOf(release)],
    database: postgres({ url, writers: 4, readers: 2 }),
    broker: embeddedBroker({ durability: 'process' }),
  })
}

const supervised = joinSupervisor()
if (supervised !== undefined && (await supervised.loaded())) {
  const [directory, url, ...part] = process.argv.slice(2) as [string, string, ...string[]]
  const release = readFileSync(join(directory, 'release'), 'utf8') as Release
  const alive = keepAlive()
  const running = await start(shop(release, url), { directory, part, log: silentLogger(), copy: supervised.copy })
  supervised.ready()
  await supervised.stopped
  await running.stop(supervised.manner())
  alive.stop()
  supervised.leave()
}
