import { test } from 'node:test'
import { Client, Pool, type PoolClient } from 'pg'
import { createPublisher, outboxSchema, type NewMessage } from './outbox/outbox.ts'
import type { LocalServer } from './server/server.ts'
import { missing15, testServer, type ServerVersion } from './server.test-support.ts'

/** A database with an outbox, and what is needed to work with it; everything is gone after the test. */
export type Place = {
  readonly server: LocalServer
  readonly url: string
  readonly pool: Pool
  /** A connection that ends with the test. */
  readonly client: (url?: string) => Promise<Client>
  /** One transaction that publishes. */
  readonly publish: (...messages: readonly NewMessage[]) => Promise<void>
  readonly transaction: <T>(work: (client: PoolClient) => Promise<T>) => Promise<T>
  /** Messages in the table. */
  readonly left: () => Promise<number>
  /** Something else that ends with the test. */
  readonly closing: (end: () => Promise<unknown>) => void
  readonly close: () => Promise<void>
}

/** `check(what, run)`: a test on a database of its own, of the file's servers. */
export type Check<P> = (what: string, run: (place: P) => Promise<void>, on?: readonly ServerVersion[]) => void

export const publish = createPublisher({ source: 'test' })

/** To be called once, at the top of a file. `furnish` adds what tests of one way need. */
export async function onPlaces<P extends Place>(options: {
  readonly versions: readonly ServerVersion[]
  readonly settings: Readonly<Record<string, string | number>>
  readonly furnish: (place: Place) => P
}): Promise<Check<P>> {
  const { versions, settings, furnish } = options
  const servers = new Map<ServerVersion, LocalServer>()
  for (const version of versions) {
    if (version === 15 && missing15 !== false) continue
    servers.set(version, await testServer({ version, settings }))
  }
  let databases = 0
  return (what, run, on = versions) => {
    for (const version of on) {
      test(`${what} (PostgreSQL ${version})`, { skip: version === 15 ? missing15 : false, timeout: 180_000 }, async () => {
        const place = furnish(await placeOn(servers.get(version)!, `outbox_${++databases}`))
        try {
          await run(place)
        } finally {
          await place.close()
        }
      })
    }
  }
}

export async function placeOn(server: LocalServer, database: string): Promise<Place> {
  const url = server.url(database)
  const ends: (() => Promise<unknown>)[] = []
  const client = async (to = url): Promise<Client> => {
    const made = new Client({ connectionString: to })
    made.on('error', () => {})
    await made.connect()
    ends.push(() => made.end().catch(() => {}))
    return made
  }
  const root = new Client({ connectionString: server.url() })
  await root.connect()
  await root.query(`CREATE DATABASE ${database}`)
  await root.end()
  const pool = new Pool({ connectionString: url, max: 20 })
  // A connection that is lost says so to whoever has it as well; its next statement fails.
  pool.on('error', () => {})
  pool.on('connect', (one) => void one.on('error', () => {}))
  await pool.query(outboxSchema)

  const transaction: Place['transaction'] = async (work) => {
    const one = await pool.connect()
    let failure: unknown
    try {
      await one.query('BEGIN')
      const result = await work(one)
      await one.query('COMMIT')
      return result
    } catch (error) {
      await one.query('ROLLBACK').catch((lost: unknown) => (failure = lost))
      throw error
    } finally {
      one.release(failure !== undefined)
    }
  }

  return {
    ...{ server, url, pool, client, transaction },
    publish: (...messages) => transaction((one) => publish(one, ...messages)),
    left: async () => Number((await pool.query<{ n: string }>('SELECT count(*) AS n FROM dure_outbox')).rows[0]!.n),
    closing: (end) => void ends.push(end),
    close: async () => {
      for (const end of ends.splice(0).toReversed()) await end()
      await pool.end()
    },
  }
}
