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
import { outboxSchema } from '../outbox.ts'
import { postgres, type PostgresOptions } from '../../postgres.ts'
import { missing15, testServer, type ServerVersion } from '../../server.test-support.ts'
import type { LocalServer } from '../../server/server.ts'
import { eventually, LOGICAL } from './wal.test-support.ts'
import { walRelay, type WalRelayState, type Mode } from './wal.ts'

const servers = new Map<ServerVersion, LocalServer>()
for (const version of [18, 15] as const) {
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

for (const version of [18, 15] as const) {
  const skip = version === 15 && missing15
  let databases = 0
  const database = async (): Promise<string> => {
    const name = `way_${++databases}`
    await createDatabase(servers.get(version)!.url(), name)
    return servers.get(version)!.url(name)
  }

  test(
    `a service chooses the log, polling again, and the log alone; each start delivers on (PostgreSQL ${version})`,
    { skip, timeout: 60_000 },
    async () => {
      const url = await database()
      const { got, deliver } = collector()
      const admin = new Client({ connectionString: url })
      await admin.connect()
      const slots = async () =>
        (await admin.query('SELECT slot_name FROM pg_replication_slots WHERE database = current_database()')).rows.map(
          ({ slot_name }) => slot_name as string,
        )

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
      // The role that replicates is not the one that the service works with, and cannot write its tables.
      const { rows: roles } = await admin.query(
        `SELECT rolname, rolreplication, has_table_privilege(rolname, 'orders.orders', 'SELECT') AS reads FROM pg_roles WHERE rolname LIKE 'way_%_orders%' AND rolname LIKE current_database() || '%' ORDER BY 1`,
      )
      const name = new URL(url).pathname.slice(1)
      assert.deepEqual(roles, [
        { rolname: `${name}_orders`, rolreplication: false, reads: true },
        { rolname: `${name}_orders_log`, rolreplication: true, reads: false },
      ])
      await first.outbox.stop()
      await first.store.stop()
      assert.equal((await slots()).length, 1)

      const second = await opened(url, { outbox: 'polling' }, deliver)
      await place(second.store, second.outbox, 4)
      await second.outbox.flush()
      assert.deepEqual(await slots(), [], 'no slot is left behind that nobody reads')
      await second.outbox.stop()
      await second.store.stop()

      const third = await opened(url, { outbox: { by: 'wal', table: false } }, deliver)
      for (const n of [5, 6, 7]) await place(third.store, third.outbox, n)
      await third.outbox.flush()
      assert.deepEqual(numbers(got), [1, 2, 3, 4, 5, 6, 7])
      assert.equal((await admin.query('SELECT FROM orders.dure_outbox')).rowCount, 0)
      assert.equal(third.outbox.depth(), 0)
      await assert.rejects(third.outbox.use('polling'), /without the table there is nothing to poll/)

      // What the slot would not keep is refused with its transaction.
      await third.outbox.stop()
      await admin.query(
        'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database() AND NOT active',
      )
      await assert.rejects(
        place(third.store, third.outbox, 8),
        /Publishing for service "orders" failed: there is no replication slot .*To do: start the service's log relay/,
      )
      assert.deepEqual(
        (await admin.query('SELECT n FROM orders.orders ORDER BY n')).rows.map(({ n }) => Number(n)),
        [1, 2, 3, 4, 5, 6, 7],
      )
      await third.store.stop()
      await admin.end()
    },
  )

  test(
    `a relay’s role with the rights that the guide lists is enough, and each one that lacks is said (PostgreSQL ${version})`,
    { skip, timeout: 60_000 },
    async () => {
      const url = await database()
      const admin = new Client({ connectionString: url })
      await admin.connect()
      await admin.query(outboxSchema)
      const name = `${new URL(url).pathname.slice(1)}_relay`
      await admin.query(`CREATE ROLE ${name} LOGIN PASSWORD 'secret'`)
      const relayUrl = new URL(url)
      relayUrl.username = name
      relayUrl.password = 'secret'
      const refused = async (pattern: RegExp): Promise<void> => {
        const relay = walRelay({ connection: relayUrl.href, deliver: async () => {} })
        await assert.rejects(relay.ready, pattern)
        await assert.rejects(relay.flush(), pattern)
        await relay.stop()
      }
      await refused(/the role "way_\d_relay" may not replicate\. To do: ALTER ROLE "way_\d_relay" REPLICATION/)
      await admin.query(`ALTER ROLE ${name} REPLICATION`)
      const { got, deliver } = collector()
      await admin.query(
        `GRANT SELECT, UPDATE, DELETE ON dure_outbox TO ${name}; GRANT SELECT, UPDATE ON dure_outbox_lanes TO ${name}; GRANT SELECT, INSERT, UPDATE, DELETE ON dure_outbox_relays TO ${name}`,
      )
      const relay = walRelay({ connection: relayUrl.href, deliver })
      await relay.ready
      // It delivers from the table until somebody makes the publication.
      await eventually(() => relay.state().by === 'polling')
      await admin.query(`CREATE PUBLICATION dure_outbox_public FOR TABLE dure_outbox WITH (publish = 'insert')`)
      await relay.use('wal')
      await admin.query(
        `INSERT INTO dure_outbox (bucket, destination, id, source, type, key, time, schema_version, correlation_id, data) VALUES (1, 'topic', 'x', 's', 't', 'k', 1, 1, 'c', '{}')`,
      )
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

test('a server that does not write its log for reading, or drops what is nowhere else: refused, with what to do', async () => {
  const plain = await testServer({ settings: { wal_level: 'replica' } })
  const relay = walRelay({ connection: plain.url(), deliver: async () => {}, service: 'orders' })
  await assert.rejects(relay.ready, {
    code: 'FAILED_PRECONDITION',
    message: /wal_level = replica\. To do: ALTER SYSTEM SET wal_level = logical, and restart the server/,
  })
  await relay.stop()

  const bounded = await testServer({ settings: { ...LOGICAL, max_slot_wal_keep_size: '64MB' } })
  const options = { connection: bounded.url(), deliver: async () => {}, service: 'orders' }
  const refused = walRelay(options)
  await assert.rejects(
    refused.ready,
    /max_slot_wal_keep_size is 64 MB: .*without the table it is nowhere else\. To do: .*acceptLoss: true/,
  )
  await refused.stop()
  const accepted = walRelay({ ...options, acceptLoss: true })
  await accepted.ready
  assert.equal(accepted.state().by, 'wal')
  await accepted.stop()
})
