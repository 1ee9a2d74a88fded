import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, Pool, type PoolClient } from 'pg'
import type { OutboxMessage } from 'dure/data'
import type { Logger } from 'dure/telemetry'
import type { LocalServer } from '../server/server.ts'
import { missing15, RELAXED, testServer, type ServerVersion } from '../server.test-support.ts'
import { createPublisher, outboxSchema, pollingRelay, type NewMessage, type PollingRelay } from '../outbox/outbox.ts'
import { logRelay, type LogRelay, type LogRelayOptions } from './log.ts'

/** A database with an outbox and a server that writes its log for reading; everything is gone after the test. */
export type Place = {
  readonly server: LocalServer
  readonly url: string
  readonly pool: Pool
  /** One transaction that publishes. */
  readonly publish: (...messages: readonly NewMessage[]) => Promise<void>
  readonly transaction: <T>(work: (client: PoolClient) => Promise<T>) => Promise<T>
  readonly relay: (deliver: LogRelayOptions['deliver'], options?: Partial<LogRelayOptions>) => LogRelay
  readonly polling: (deliver: LogRelayOptions['deliver']) => PollingRelay
  readonly left: () => Promise<number>
  readonly slots: () => Promise<readonly { readonly name: string; readonly status: string; readonly confirmed: string }[]>
  /** Resolves when the query answers with a row whose first column is true. */
  readonly until: (sql: string, values?: readonly unknown[]) => Promise<void>
  /** What was said, as `level message`. */
  readonly said: readonly string[]
}

const publish = createPublisher({ source: 'test' })

export const LOGICAL = { ...RELAXED, wal_level: 'logical', max_replication_slots: 12, max_wal_senders: 12 } as const

/** Limits under which tests need not wait. */
export const QUICK = { lease: 1_000, heartbeat: 200, comeBack: [20, 200], backoff: [20, 200], poll: 100 } as const

/** `check(what, run)`: a test on a database of its own. To be called once, at the top of a file. */
export async function onServers(
  versions: readonly ServerVersion[] = [18],
  settings: Readonly<Record<string, string | number>> = {},
): Promise<(what: string, run: (place: Place) => Promise<void>, on?: readonly ServerVersion[]) => void> {
  const servers = new Map<ServerVersion, LocalServer>()
  for (const version of versions) {
    if (version === 15 && missing15 !== false) continue
    servers.set(version, await testServer({ version, settings: { ...LOGICAL, ...settings } }))
  }
  let databases = 0
  return (what, run, on = versions) => {
    for (const version of on) {
      test(`${what} (PostgreSQL ${version})`, { skip: version === 15 ? missing15 : false, timeout: 180_000 }, async () => {
        const place = await placeOn(servers.get(version)!, `log_${++databases}`)
        try {
          await run(place)
        } finally {
          await place.close()
        }
      })
    }
  }
}

export async function placeOn(server: LocalServer, database: string): Promise<Place & { readonly close: () => Promise<void> }> {
  const url = server.url(database)
  const closing: (() => Promise<unknown>)[] = []
  const root = new Client({ connectionString: server.url() })
  await root.connect()
  await root.query(`CREATE DATABASE ${database}`)
  await root.end()
  const pool = new Pool({ connectionString: url, max: 12 })
  pool.on('error', () => {})
  pool.on('connect', (one) => void one.on('error', () => {}))
  await pool.query(outboxSchema)
  const said: string[] = []

  const transaction: Place['transaction'] = async (work) => {
    const one = await pool.connect()
    try {
      await one.query('BEGIN')
      const result = await work(one)
      await one.query('COMMIT')
      one.release()
      return result
    } catch (error) {
      await one.query('ROLLBACK').catch(() => {})
      one.release(true)
      throw error
    }
  }
  const slots: Place['slots'] = async () =>
    (
      await pool.query<{ name: string; status: string; confirmed: string }>(
        'SELECT slot_name AS name, wal_status AS status, confirmed_flush_lsn AS confirmed FROM pg_replication_slots WHERE database = current_database() ORDER BY 1',
      )
    ).rows

  return {
    ...{ server, url, pool, transaction, slots, said },
    publish: (...messages) => transaction((one) => publish(one, ...messages)),
    relay: (deliver, options) => {
      const relay = logRelay({
        connection: url,
        deliver,
        log: recorder(said),
        ...options,
        limits: { ...QUICK, ...options?.limits },
      })
      closing.push(() => relay.stop({ timeout: 0 }))
      return relay
    },
    polling: (deliver) => {
      const relay = pollingRelay({ connection: url, deliver, limits: { lease: QUICK.lease, poll: QUICK.poll } })
      closing.push(() => relay.stop({ timeout: 0 }))
      return relay
    },
    left: async () => Number((await pool.query<{ n: string }>('SELECT count(*) AS n FROM dure_outbox')).rows[0]!.n),
    until: async (sql, values = []) => {
      for (;;) {
        const { rows } = await pool
          .query({ text: sql, values: [...values], rowMode: 'array' })
          .catch(() => ({ rows: [] as unknown[][] }))
        if ((rows[0] as unknown[] | undefined)?.[0] === true) return
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    close: async () => {
      for (const close of closing.splice(0).toReversed()) await close()
      await pool.end()
    },
  }
}

export function recorder(said: string[]): Logger {
  const at =
    (level: string): Logger['info'] =>
    (message, fields) =>
      void said.push(`${level} ${message}${fields?.['error'] === undefined ? '' : ` (${String(fields['error'])})`}`)
  const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), with: () => logger }
  return logger
}

/** Looks again until it holds. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** Publishes to every key in turn until told to stop, each key by one publisher; answers how many there are, failed commits apart. */
export function publishing(
  place: Place,
  options: { readonly publishers?: number; readonly pause?: number } = {},
): () => Promise<number> {
  const { publishers = 4, pause = 0 } = options
  let going = true
  let total = 0
  const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`)
  const publisher = async (own: readonly string[]): Promise<void> => {
    for (let round = 0; going; round++) {
      for (const key of own) {
        await place.publish({ type: 'counted', key, data: round })
        total++
        if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  }
  const all = Promise.all(Array.from({ length: publishers }, (_, at) => publisher(keys.filter((_, i) => i % publishers === at))))
  return async () => {
    going = false
    await all
    return total
  }
}

/** What a consumer with an inbox makes of what came: each once, and of each key in order. */
export function assertWhole(got: readonly OutboxMessage[], total: number): void {
  const seen = new Set<string>()
  const firsts = got.filter(({ id }) => !seen.has(id) && seen.add(id))
  assert.equal(firsts.length, total, 'lost or invented')
  for (const [key, messages] of Map.groupBy(firsts, (message) => message.key)) {
    assert.deepEqual(
      messages.map(({ data }) => Number(data)),
      messages.map((_, at) => at),
      `the messages of ${key}`,
    )
  }
}

/** Writes into the log, and lets the server look at what its slots hold. */
export async function flood(place: Place, megabytes = 12): Promise<void> {
  await place.pool.query('CREATE TABLE IF NOT EXISTS flood (data text)')
  for (let i = 0; i < megabytes * 4; i++) {
    await place.pool.query(`INSERT INTO flood SELECT repeat(md5(n::text), 8) FROM generate_series(1, 800) AS n`)
    if (i % 4 === 3) await place.pool.query('CHECKPOINT')
  }
}

/** A little of it, and until the relay has looked. */
export async function trickle(place: Place, relay: LogRelay): Promise<void> {
  const held = relay.state().slot?.held
  await flood(place, 0.25)
  await place.pool.query('CHECKPOINT')
  await eventually(() => relay.state().by !== 'log' || relay.state().slot?.held !== held)
}

export function rung(place: Place, words: RegExp): boolean {
  return place.said.some((line) => words.test(line))
}
