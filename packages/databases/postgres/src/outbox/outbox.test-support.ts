import { test } from 'node:test'
import { Client, Pool, type PoolClient } from 'pg'
import type { LocalServer } from '../server/server.ts'
import { missing15, testServer, type ServerVersion } from '../server.test-support.ts'
import {
  createPublisher,
  outboxSchema,
  pollingRelay,
  type NewMessage,
  type PollingRelay,
  type PollingRelayOptions,
} from './outbox.ts'

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
  /** A relay that stops with the test. */
  readonly relay: (deliver: PollingRelayOptions['deliver'], options?: Partial<PollingRelayOptions>) => PollingRelay
  readonly left: () => Promise<number>
}

export const publish = createPublisher({ source: 'test' })

/** `check(what, run)`: a test on a database of its own, of the file's servers. To be called once, at the top of a file. */
export async function onServers(
  versions: readonly ServerVersion[] = [18],
): Promise<(what: string, run: (place: Place) => Promise<void>, on?: readonly ServerVersion[]) => void> {
  const servers = new Map<ServerVersion, LocalServer>()
  for (const version of versions) {
    if (version === 15 && missing15 !== false) continue
    servers.set(version, await testServer({ version, settings: { max_prepared_transactions: 4, track_commit_timestamp: 'on' } }))
  }
  let databases = 0
  return (what, run, on = versions) => {
    for (const version of on) {
      test(`${what} (PostgreSQL ${version})`, { skip: version === 15 ? missing15 : false, timeout: 120_000 }, async () => {
        const place = await placeOn(servers.get(version)!, `outbox_${++databases}`)
        try {
          await run(place)
        } finally {
          await place.close()
        }
      })
    }
  }
}

async function placeOn(server: LocalServer, database: string): Promise<Place & { readonly close: () => Promise<void> }> {
  const url = server.url(database)
  const closing: (() => Promise<unknown>)[] = []
  const client = async (to = url): Promise<Client> => {
    const made = new Client({ connectionString: to })
    made.on('error', () => {})
    await made.connect()
    closing.push(() => made.end().catch(() => {}))
    return made
  }
  const root = await client(server.url())
  await root.query(`CREATE DATABASE ${database}`)
  const pool = new Pool({ connectionString: url, max: 20 })
  pool.on('error', () => {})
  closing.push(() => pool.end())
  await pool.query(outboxSchema)

  const transaction: Place['transaction'] = async (work) => {
    const one = await pool.connect()
    // A connection that is lost while it is out of the pool says so to whoever has it; its next statement fails as well.
    const ignore = (): void => {}
    one.on('error', ignore)
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
      one.removeListener('error', ignore)
    }
  }

  return {
    server,
    url,
    pool,
    client,
    transaction,
    publish: (...messages) => transaction((one) => publish(one, ...messages)),
    relay: (deliver, options) => {
      const relay = pollingRelay({ connection: url, deliver, ...options })
      closing.push(() => relay.stop({ timeout: 0 }))
      return relay
    },
    left: async () => Number((await pool.query<{ n: string }>('SELECT count(*) AS n FROM dure_outbox')).rows[0]!.n),
    close: async () => {
      for (const close of closing.splice(0).toReversed()) await close()
    },
  }
}
