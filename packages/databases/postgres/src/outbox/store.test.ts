import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import type { OutboxMessage, SqlStore } from 'dure/data'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { postgres } from '../postgres.ts'
import { openOutbox } from './outbox.ts'
import { collector } from '../collector.test-support.ts'
import { onServers, type Place } from './outbox.test-support.ts'

const check = await onServers()
const directory = mkdtempSync(join(tmpdir(), 'dure-postgres-outbox-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const runtime = realRuntime()
const world = { runtime, log: silentLogger() }

const message = (n: number, key = `key-${n % 5}`): OutboxMessage => ({
  ...{ id: `m-${n}`, source: 'orders', type: 'order.placed', key, time: 1_000 + n, schemaVersion: 1, correlationId: 'c' },
  ...{ causationId: undefined, traceparent: undefined, data: String(n), destination: 'topic' },
})

/** A service's store in the place's database, and the way to it. */
async function open(place: Place): Promise<{ readonly store: SqlStore; readonly url: string }> {
  await place.pool.query('CREATE SCHEMA orders')
  const url = `${place.url}?options=${encodeURIComponent('-c search_path=orders')}`
  const adapter = postgres({ url: () => url })({ directory, ...world })
  const migrations = { '001': 'CREATE TABLE orders (id INTEGER PRIMARY KEY)' }
  return { store: await adapter.open('orders', { migrations }), url }
}

check('a store’s own outbox: what commits goes out, in order of each key; what rolls back does not', async (place) => {
  const { store } = await open(place)
  const { got, deliver, keys } = collector()
  const outbox = await store.outbox!({ store, ...world, deliver })
  await Promise.allSettled(
    Array.from({ length: 100 }, (_, n) =>
      store.transaction(async (tx) => {
        outbox.append(tx, [message(n)])
        await tx.run('INSERT INTO orders (id) VALUES (?)', [n])
        if (n % 4 === 0) throw new Error('no')
        if (n % 4 === 1) outbox.append(tx, [message(1_000 + n, `key-${n % 5}`)])
      }),
    ),
  )
  await outbox.flush()
  assert.equal(got.length, 75 + 25)
  assert.equal(keys().size, 5)
  // Both of one transaction are side by side among those of their key.
  for (const messages of keys().values()) {
    for (const [at, { data }] of messages.entries()) {
      if (Number(data) >= 1_000) assert.equal(Number(messages[at - 1]!.data), Number(data) - 1_000)
    }
  }
  assert.deepEqual([outbox.depth(), outbox.oldest()], [0, undefined])
  await outbox.stop()
  assert.deepEqual(await store.select('SELECT count(*) AS n FROM dure_outbox'), [{ n: 0 }])
  await store.stop()
})

check('a message that the database refuses takes its transaction with it', async (place) => {
  const { store } = await open(place)
  const { got, deliver } = collector()
  const outbox = await store.outbox!({ store, ...world, deliver })
  const publishing = store.transaction(async (tx) => {
    await tx.run('INSERT INTO orders (id) VALUES (?)', [1])
    outbox.append(tx, [message(1), { ...message(2), data: '"a character that PostgreSQL has not: \0"' }])
  })
  await assert.rejects(publishing, { code: 'INVALID_ARGUMENT', message: /zero character/ })
  // And one that the server refuses, of which nobody hears before the COMMIT that is sent behind it.
  await store.transaction((tx) => tx.run(`ALTER TABLE dure_outbox ADD CHECK (key <> 'refused')`))
  const refused = store.transaction(async (tx) => {
    await tx.run('INSERT INTO orders (id) VALUES (?)', [1])
    outbox.append(tx, [message(1), message(2, 'refused')])
  })
  await assert.rejects(refused, /dure_outbox_key_check/)
  assert.deepEqual(await store.select('SELECT * FROM orders'), [])
  await store.transaction(async (tx) => outbox.append(tx, [message(3)]))
  await outbox.flush()
  assert.deepEqual(
    got.map(({ id }) => id),
    ['m-3'],
  )
  await outbox.stop()
  await store.stop()
})

check('what an earlier run left is counted at the start and goes out first', async (place) => {
  const { store } = await open(place)
  const down = await store.outbox!({ store, ...world, deliver: () => Promise.reject(new Error('down')) })
  for (let n = 0; n < 10; n++) await store.transaction(async (tx) => down.append(tx, [message(n)]))
  assert.equal(down.depth(), 10)
  await down.stop({ timeout: 1 })
  const { got, deliver } = collector()
  let hold: (() => void) | undefined
  const held = new Promise<void>((resolve) => (hold = resolve))
  const outbox = await store.outbox!({ store, ...world, deliver: (messages) => held.then(() => deliver(messages)) })
  assert.equal(outbox.depth(), 10)
  const size = outbox.size()
  assert.ok(size >= 10, String(size))
  await store.transaction(async (tx) => outbox.append(tx, [message(10)]))
  assert.equal(outbox.depth(), 11)
  assert.ok(outbox.size() > size)
  hold!()
  await outbox.flush()
  assert.deepEqual([outbox.depth(), outbox.size()], [0, 0])
  assert.deepEqual(got.map(({ id }) => id).toSorted(), Array.from({ length: 11 }, (_, n) => `m-${n}`).toSorted())
  await outbox.stop()
  await store.stop()
})

check('its metrics: lanes, and who holds the horizon for how long', async (place) => {
  const { store, url } = await open(place)
  const config = { connectionString: url }
  const outbox = await openOutbox(
    { mode: 'polling', admin: undefined, configOf: () => config, access: { config } },
    { store, ...world, deliver: () => Promise.resolve(), limits: { lease: 200, horizon: 0 } },
  )
  const forgetful = await place.client()
  await forgetful.query(`SET application_name = 'forgetful'`)
  await forgetful.query('BEGIN')
  const { rows } = await forgetful.query<{ pid: number }>('SELECT pg_backend_pid() AS pid, pg_current_xact_id()')
  const told = (name: string) => outbox.readings!().find(({ family }) => family.name === name)
  while (told('dure.outbox.horizon.held')?.attributes['name'] !== 'forgetful')
    await new Promise((resolve) => setImmediate(resolve))
  const { attributes, value } = told('dure.outbox.horizon.held')!
  assert.deepEqual([attributes['holder'], attributes['pid']], ['session', String(rows[0]!.pid)])
  assert.ok(value >= 1)
  assert.equal(told('dure.outbox.lanes')!.value, 16)
  await outbox.stop()
  await store.stop()
})
