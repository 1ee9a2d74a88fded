/**
 * What the copies run. Started by a supervisor, this file is one process of it; its environment says whether there is a database.
 */
import { postgres } from '@dure/postgres'
import { command, contract, event, query } from 'dure/contract'
import { database } from 'dure/data'
import { embeddedBroker } from 'dure/messaging'
import { keepAlive, realRuntime } from 'dure/runtime'
import { service, start, system, type System } from 'dure/service'
import { joinSupervisor } from 'dure/supervisor'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'

/** Where the PostgreSQL is; without one, the desk keeps nothing. */
export const DATABASE = 'RECOVERY_DATABASE'

const Filed = event('desk.filed', { schema: z.object({ id: z.string(), at: z.number() }), key: ({ id }) => id })

export const Desk = contract('desk', {
  version: '1.0.0',
  owner: 'bench',
  operations: {
    /** May be repeated; tells which process answered. */
    look: query({ output: z.int() }),
    /** May be repeated as well: a paper is filed once, however often it is sent. */
    file: command({ input: z.object({ id: z.string() }), output: z.int(), idempotent: true }),
    /** May not: each is one more. */
    count: command({ output: z.int() }),
  },
  events: [Filed],
})

export const Archive = contract('archive', {
  version: '1.0.0',
  owner: 'bench',
  operations: {
    /** Milliseconds from commit to effect of every paper filed since then, in order of size. */
    delays: query({ input: z.object({ since: z.number() }), output: z.array(z.number()) }),
  },
})

const { timers } = realRuntime()
/** About what a small transaction takes. */
const work = async (): Promise<number> => {
  await timers.sleep(2)
  return process.pid
}

const bare = service(Desk, { handlers: { look: work, file: work, count: work } })

const kept = service(Desk, {
  database: database<{ papers: { id: string }; counts: { id: string } }>({
    migrations: { '001': 'CREATE TABLE papers (id TEXT PRIMARY KEY); CREATE TABLE counts (id TEXT PRIMARY KEY)' },
  }),
  handlers: {
    look: async (_, { database }) => {
      await database.read.selectFrom('papers').select('id').limit(1).execute()
      return process.pid
    },
    file: ({ id }, { database, clock }) =>
      database.transaction(async (tx) => {
        const { numInsertedOrUpdatedRows: filed } = await tx
          .insertInto('papers')
          .values({ id })
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirstOrThrow()
        if (filed === 1n) await tx.publish(Filed, { id, at: clock.now() })
        return process.pid
      }),
    count: (_, { database, ids }) =>
      database.transaction(async (tx) => {
        await tx.insertInto('counts').values({ id: ids.next() }).execute()
        return process.pid
      }),
  },
})

const archive = service(Archive, {
  database: database<{ delays: { id: string; at: number; ms: number } }>({
    migrations: { '001': 'CREATE TABLE delays (id TEXT PRIMARY KEY, at BIGINT NOT NULL, ms BIGINT NOT NULL)' },
  }),
  handlers: {
    delays: async ({ since }, { database }) => {
      const rows = await database.read.selectFrom('delays').select('ms').where('at', '>=', since).orderBy('ms').execute()
      return rows.map(({ ms }) => ms)
    },
  },
  subscriptions: ({ on }) => [
    on(Filed, async ({ data: { id, at } }, { tx, clock }) => {
      await tx
        .insertInto('delays')
        .values({ id, at, ms: clock.now() - at })
        .execute()
    }),
  ],
})

/** @param url of a PostgreSQL, if it keeps what it is told */
export function desks(url: string | undefined): System {
  if (url === undefined) return system('desks', { services: [bare] })
  return system('desks', {
    services: [kept, archive],
    database: postgres({ url, writers: 8, readers: 4 }),
    broker: embeddedBroker({ durability: 'process' }),
  })
}

const supervised = joinSupervisor()
if (supervised !== undefined && (await supervised.loaded())) {
  const [directory, ...part] = process.argv.slice(2)
  const alive = keepAlive()
  const running = await start(desks(process.env[DATABASE]), {
    ...{ directory: directory!, part, copy: supervised.copy },
    ...(process.env['RECOVERY_LOG'] === undefined ? { log: silentLogger() } : {}),
  })
  supervised.ready()
  await supervised.stopped
  await running.stop(supervised.manner())
  alive.stop()
  supervised.leave()
}
