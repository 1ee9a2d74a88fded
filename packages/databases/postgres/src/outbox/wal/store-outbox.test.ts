import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client } from 'pg'
import type { Outbox, OutboxMessage, SqlStore } from 'dure/data'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { createDatabase } from '../../adapter.test-support.ts'
import { collector } from '../../collector.test-support.ts'
import { createPublisher, outboxSchema, walRelay, type Mode, type WalRelayState } from '../outbox.ts'
import { postgres, type PostgresOptions } from '../../postgres.ts'
import { missing15, testServer, type ServerVersion, VERSIONS } from '../../server.test-support.ts'
import type { LocalServer } from '../../server/server.ts'
import { eventually, LOGICAL } from './wal.test-support.ts'

const servers = new Map<ServerVersion, LocalServer>()
for (const version of VERSIONS) {
  if (version === 18 || missing15 === false) servers.set(version, await testServer({ version, settings: LOGICAL }))
}
const runtime = realRuntime()
const message = (n: number): OutboxMessage => ({
  ...{ id: `m-${n}`, source: 'orders', type: 'order.placed', key: 'key-0', time: n, schemaVersion: 1, correlationId: 'c' },
  ...{ causationId: undefined, traceparent: undefined, data: String(n), destination: 'topic' as const },
})

type WalOutbox = Outbox & { readonly state: () => WalRelayState; readonly use: (way: Mode) => Promise<void> }

/** A service's store and outbox, opened as the chassis does. */
async function opened(
  url: string,
  options: Partial<PostgresOptions>,
  deliver: (messages: readonly OutboxMessage[]) => Promise<void>,
) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-log-'))
  const adapter = postgres({ url, ...options })({ directory, runtime, log: silentLogger() })
  const store = await adapter.open('orders', { migrations: { '001': 'CREATE TABLE orders (n bigint)' } })
  let outbox: WalOutbox
  try {
    outbox = (await store.outbox!({ store, runtime, log: silentLogger(), deliver })) as WalOutbox
  } catch (error) {
    await store.stop()
    throw error
  }
  return { store, outbox }
}

async function place(store: SqlStore, outbox: Outbox, n: number): Promise<void> {
  await store.transaction(async (tx) => {
    await tx.run('INSERT INTO orders (n) VALUES (?)', [n])
    outbox.append(tx, [message(n)])
  })
}

const numbers = (got: readonly OutboxMessage[]): readonly number[] => got.map(({ data }) => Number(data))

for (const version of VERSIONS) {
  const skip = version === 15 && missing15
  let databases = 0
  const database = async (): Promise<string> => {
    const name = `way_${++databases}`
    await createDatabase(servers.get(version)!.url(), name)
    return servers.get(version)!.url(name)
  }

  test(
    `a service chooses the log, polling again, and the log; each start delivers on (PostgreSQL ${version})`,
    { skip, timeout: 60_000 },
    async () => {
      const url = await database()
      const { got, deliver, broker } = collector()
      const admin = new Client({ connectionString: url })
      await admin.connect()
      const count = async (sql: string): Promise<number | null> => (await admin.query(sql)).rowCount
      const slots = () => count('SELECT FROM pg_replication_slots WHERE database = current_database()')
      const rows = () => count('SELECT FROM orders.dure_outbox')

      const first = await opened(url, { outbox: 'wal' }, deliver)
      await first.outbox.use('wal')
      for (const n of [1, 2, 3]) await place(first.store, first.outbox, n)
      await assert.rejects(
        first.store.transaction(async (tx) => {
          first.outbox.append(tx, [message(0)])
          throw new Error('no')
        }),
        /no/,
      )
      await first.outbox.flush()
      assert.deepEqual(numbers(got), [1, 2, 3])
      await eventually(() => first.outbox.depth() === 0)
      await eventually(() => first.outbox.readings!().some(({ family }) => family.name === 'dure.outbox.slot.held'))
      // The role that the service works with may not replicate.
      const name = new URL(url).pathname.slice(1)
      const { rows: roles } = await admin.query('SELECT rolname, rolreplication FROM pg_roles WHERE starts_with(rolname, $1)', [
        `${name}_`,
      ])
      assert.deepEqual(roles, [{ rolname: `${name}_orders`, rolreplication: false }])
      // What it leaves stays in the log, also of a broker that is down.
      broker.down = true
      await place(first.store, first.outbox, 4)
      await eventually(() => first.outbox.depth() === 1)
      await first.outbox.stop({ timeout: 0 })
      await first.store.stop()
      assert.deepEqual([await slots(), await rows()], [1, 0])

      const second = await opened(url, { outbox: 'polling' }, deliver)
      await place(second.store, second.outbox, 5)
      assert.equal(await rows(), 0, 'as long as the log is not delivered')
      broker.down = false
      await second.outbox.flush()
      await eventually(async () => (await slots()) === 0)
      broker.down = true
      await place(second.store, second.outbox, 6)
      assert.equal(await rows(), 1)
      await second.outbox.stop({ timeout: 0 })
      await second.store.stop()

      const third = await opened(url, { outbox: { by: 'wal' } }, deliver)
      await place(third.store, third.outbox, 7)
      broker.down = false
      await third.outbox.use('wal')
      await place(third.store, third.outbox, 8)
      await third.outbox.flush()
      assert.deepEqual(numbers(got), [1, 2, 3, 4, 5, 6, 7, 8])
      await third.outbox.stop()
      await third.store.stop()
      await admin.end()
    },
  )

  test(
    `a role for the log needs to replicate and no more, and what lacks is said (PostgreSQL ${version})`,
    { skip, timeout: 60_000 },
    async () => {
      const url = await database()
      const admin = new Client({ connectionString: url })
      await admin.connect()
      await admin.query(outboxSchema)
      const name = `${new URL(url).pathname.slice(1)}_relay`
      await admin.query(`CREATE ROLE ${name} LOGIN PASSWORD 'secret'`)
      const reading = new URL(url)
      reading.username = name
      reading.password = 'secret'
      const { got, deliver } = collector()
      const options = { connection: url, reading: reading.href, deliver }
      const refused = walRelay(options)
      const pattern = /the role "way_\d_relay" may not replicate\. To do: ALTER ROLE "way_\d_relay" REPLICATION/
      await assert.rejects(refused.ready, pattern)
      await assert.rejects(refused.flush(), pattern)
      await refused.stop()
      await admin.query(`ALTER ROLE ${name} REPLICATION`)
      const relay = walRelay(options)
      await relay.ready
      // The table is delivered until somebody makes the publication.
      await assert.rejects(relay.use('wal'), /CREATE PUBLICATION dure_messages/)
      assert.equal(relay.state().by, 'polling')
      await admin.query('CREATE PUBLICATION dure_messages')
      await relay.use('wal')
      await createPublisher({ source: 's' })(admin, { type: 't', key: 'k', data: null, id: 'x' })
      await relay.flush()
      assert.deepEqual(
        got.map(({ id }) => id),
        ['x'],
      )
      await relay.stop()
      await admin.end()
    },
  )
}

test('a server that does not write its log for reading: refused, with what to do', async () => {
  const plain = await testServer({ settings: { wal_level: 'replica' } })
  const client = new Client({ connectionString: plain.url() })
  await client.connect()
  await client.query(outboxSchema)
  await client.end()
  const relay = walRelay({ connection: plain.url(), deliver: async () => {} })
  await assert.rejects(relay.ready, {
    code: 'FAILED_PRECONDITION',
    message: /wal_level = replica\. To do: ALTER SYSTEM SET wal_level = logical, and restart the server/,
  })
  await relay.stop()
})
