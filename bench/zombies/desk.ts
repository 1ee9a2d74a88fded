/**
 * What the copies run whose processes are stopped in the midst of their work. Started by a supervisor, this file is one process of
 * it. A desk files papers, each key of them numbered by its own rows, and announces them; an archive keeps what it hears.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { postgres } from '@dure/postgres'
import { command, contract, event } from 'dure/contract'
import { database } from 'dure/data'
import { embeddedBroker, type Broker } from 'dure/messaging'
import { keepAlive, realRuntime } from 'dure/runtime'
import { service, start, system, type System } from 'dure/service'
import { joinSupervisor } from 'dure/supervisor'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'

export const [DATABASE, OUTBOX] = ['ZOMBIES_DATABASE', 'ZOMBIES_OUTBOX']
/** What the broker was brought, in the system's directory. */
export const SENT = 'sent.jsonl'
export const PARTITIONS = 8
/** Milliseconds after which a relay that reads the log has lost it. */
const LEASE = 1_000

const Filed = event('desk.filed', { schema: z.object({ key: z.string(), n: z.int(), at: z.number() }), key: ({ key }) => key })

/** Milliseconds before the transaction, between its read and its write, and behind it. */
const Pauses = z.tuple([z.int(), z.int(), z.int()])

export const Desk = contract('desk', {
  version: '1.0.0',
  owner: 'bench',
  operations: {
    /** The next paper of a key. */
    file: command({ input: z.object({ key: z.string(), pauses: Pauses }), output: z.int() }),
    /** Once for each idempotency key; tells what it has kept. */
    pay: command({ input: z.object({ id: z.string(), pauses: Pauses }), output: z.string(), idempotent: true }),
  },
  events: [Filed],
})

const Archive = contract('archive', { version: '1.0.0', owner: 'bench', operations: {} })

const { timers } = realRuntime()

const desk = service(Desk, {
  database: database<{ counters: { key: string; n: number }; payments: { id: string; token: string } }>({
    migrations: {
      '001':
        'CREATE TABLE counters (key TEXT PRIMARY KEY, n BIGINT NOT NULL); CREATE TABLE payments (id TEXT NOT NULL, token TEXT NOT NULL)',
    },
  }),
  handlers: {
    file: async ({ key, pauses: [before, inside, after] }, { database, clock }) => {
      await timers.sleep(before)
      const filed = await database.transaction(async (tx) => {
        const found = await tx.selectFrom('counters').select('n').where('key', '=', key).executeTakeFirst()
        const n = (found?.n ?? 0) + 1
        await timers.sleep(inside)
        await tx
          .insertInto('counters')
          .values({ key, n })
          .onConflict((conflict) => conflict.column('key').doUpdateSet({ n }))
          .execute()
        await tx.publish(Filed, { key, n, at: clock.now() })
        return n
      })
      await timers.sleep(after)
      return filed
    },
    pay: async ({ id, pauses: [before, inside, after] }, { database, ids }) => {
      await timers.sleep(before)
      const token = ids.next()
      await database.transaction(async (tx) => {
        await tx.selectFrom('payments').select('token').limit(1).execute()
        await timers.sleep(inside)
        await tx.insertInto('payments').values({ id, token }).execute()
      })
      await timers.sleep(after)
      return token
    },
  },
})

const archive = service(Archive, {
  database: database<{ effects: { key: string; n: number } }>({
    migrations: {
      '001': 'CREATE TABLE effects (key TEXT NOT NULL, n BIGINT NOT NULL); CREATE INDEX effects_key ON effects (key, n)',
    },
  }),
  handlers: {},
  subscriptions: ({ on }) => [
    on(Filed, {
      retry: { attempts: 100, first: 100, max: 300 },
      handle: async ({ data: { key, n, at } }, { tx, clock }) => {
        // So that at every moment some keys are parked.
        if (n % 9 === 5 && clock.now() < at + 400) throw new Error('not yet')
        await tx.selectFrom('effects').select('n').where('key', '=', key).limit(1).execute()
        await timers.sleep(5)
        await tx.insertInto('effects').values({ key, n }).execute()
      },
    }),
  ],
})

export function desks(url: string, outbox: string): System {
  return system('zombies', {
    services: [desk, archive],
    database: postgres({
      ...{ url, writers: 8, readers: 2 },
      outbox: outbox === 'wal' ? { by: 'wal', limits: { lease: LEASE } } : 'polling',
    }),
    broker: noting,
  })
}

const open = embeddedBroker({ durability: 'process', partitions: PARTITIONS })

/** The embedded broker, in its process; what it is brought is noted in a file as well, in order. */
async function noting(world: Parameters<typeof open>[0]): Promise<Broker> {
  const broker = await open(world)
  return {
    ...broker,
    publish: (messages) => {
      const lines = messages.map(({ data }) => `${data}\n`)
      appendFileSync(join(world.directory, SENT), lines.join(''))
      return broker.publish(messages)
    },
  }
}

const supervised = joinSupervisor()
if (supervised !== undefined && (await supervised.loaded())) {
  const [directory, ...part] = process.argv.slice(2)
  const alive = keepAlive()
  const running = await start(desks(process.env[DATABASE]!, process.env[OUTBOX]!), {
    ...{ directory: directory!, part, copy: supervised.copy },
    ...(process.env['ZOMBIES_LOG'] === undefined ? { log: silentLogger() } : {}),
  })
  supervised.ready()
  await supervised.stopped
  await running.stop(supervised.manner())
  alive.stop()
  supervised.leave()
}
