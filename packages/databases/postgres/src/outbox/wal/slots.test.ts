import assert from 'node:assert/strict'
import { Client } from 'pg'
import { collector } from '../../collector.test-support.ts'
import { assertWhole, publishing } from '../../load.test-support.ts'
import { dropUnderReader, endReader, eventually, flood, onServers, rung, trickle } from './wal.test-support.ts'
import { removeSlot } from './wal.ts'
import { slotOfTable } from './slots.ts'

/** A server that drops what slots hold beyond a few segments of its log. */
const check = await onServers([18, 15], { max_slot_wal_keep_size: '3MB', max_wal_size: '4MB', min_wal_size: '2MB' })

check('a slot lost while the relay was away: told, the table is delivered by polling, and a new slot is made', async (place) => {
  const { got, deliver } = collector()
  const first = place.relay(deliver)
  await first.use('wal')
  await place.publish({ type: 'counted', key: 'key-0', data: 0 })
  await first.stop()
  const [slot] = await place.slots()
  await place.publish({ type: 'counted', key: 'key-0', data: 1 })
  await flood(place)
  await place.until(`SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = $1`, [slot!.name])

  const second = place.relay(deliver)
  await second.ready
  await place.publish({ type: 'counted', key: 'key-0', data: 2 })
  await second.flush()
  assert.equal(second.state().rung.lost, 1)
  assert.ok(rung(place, /^warn The replication slot ".*" is lost: .*Nothing is lost.*To do: .*max_slot_wal_keep_size/))
  await second.use('wal')
  assert.equal(second.state().alarm, undefined)
  assert.deepEqual(
    (await place.slots()).map(({ name, status }) => [name, status]),
    [[slot!.name, 'reserved']],
  )
  await place.publish({ type: 'counted', key: 'key-0', data: 3 })
  await second.flush()
  assertWhole(got, 4)
  assert.equal(got.length, 4)
})

check(
  'a slot lost under the relay while the broker is down: alarms before and after, nothing lost, back on the log',
  async (place) => {
    const { got, deliver, broker } = collector()
    const relay = place.relay(deliver)
    await relay.use('wal')
    const stop = publishing(place, { publishers: 2, pause: 2 })
    await eventually(() => got.length > 50)
    broker.down = true
    // Little by little, so that the relay sees it coming.
    while (relay.state().rung.lost === 0) await trickle(place, relay)
    assert.ok(relay.state().rung['soon-lost'] > 0)
    assert.ok(rung(place, /^warn The server will soon drop what the replication slot/))
    assert.equal(relay.state().by, 'polling')
    broker.down = false
    await relay.use('wal')
    const total = await stop()
    await relay.flush()
    assertWhole(got, total)
    assert.equal(relay.state().alarm, undefined)
  },
)

check('a slot that somebody drops, and a publication: told, nothing lost, back on the log', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver)
  await relay.use('wal')
  const stop = publishing(place, { pause: 2 })
  await eventually(() => got.length > 50)
  const { name } = relay.state().slot!
  await dropUnderReader(place, name)
  await eventually(() => relay.state().rung.lost === 1)
  assert.ok(rung(place, /is gone: .*Nothing is lost/))
  await relay.use('wal')

  const before = got.length
  await place.pool.query(`DROP PUBLICATION ${slotPublication}`)
  await endReader(place, name)
  await eventually(() => relay.state().by !== 'wal')
  await relay.use('wal')
  await eventually(() => got.length > before + 100)
  const total = await stop()
  await relay.flush()
  assertWhole(got, total)
})
const slotPublication = 'dure_outbox_public'

check('a slot is removed with `removeSlot`, not from under a relay; one that cannot be removed rings', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver)
  await relay.use('wal')
  const { name } = relay.state().slot!
  await assert.rejects(
    removeSlot({ connection: place.url }),
    /Removing the replication slot ".*" failed: process \d+ .*stop the relay first/,
  )
  await relay.stop()

  // Somebody who may not replicate goes back to polling.
  const role = `reader_${name}`.slice(0, 40)
  await place.pool.query(
    `CREATE ROLE ${role} LOGIN PASSWORD 'secret'; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`,
  )
  const url = new URL(place.url)
  url.username = role
  url.password = 'secret'
  const polling = place.relay(deliver, { way: 'polling', connection: url.href })
  await eventually(() => polling.state().rung.orphan === 1)
  assert.match(polling.state().alarm!.text, /until the disk is full\. .*To do: SELECT pg_drop_replication_slot\('/)
  await place.publish({ type: 'counted', key: 'key-0', data: 0 })
  await polling.flush()
  assert.equal(got.length, 1)
  await polling.stop()

  assert.deepEqual(await removeSlot({ connection: place.url }), { slot: name, publication: slotPublication, removed: true })
  assert.deepEqual(await place.slots(), [])
  assert.equal((await place.pool.query('SELECT FROM pg_publication')).rowCount, 0)
  assert.equal((await removeSlot({ connection: place.url })).removed, false)
})

check('going over to the log waits for writers that have not ended, of any database, and delivers meanwhile', async (place) => {
  const { got, deliver, until } = collector()
  const other = new Client({ connectionString: place.server.url() })
  await other.connect()
  await other.query('BEGIN; SELECT pg_current_xact_id()')
  const relay = place.relay(deliver)
  await relay.ready
  await place.until(
    `SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%pg_create_logical_replication_slot%' AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`,
  )
  await place.publish({ type: 'counted', key: 'key-0', data: 0 })
  await until((all) => all.length === 1)
  assert.equal(relay.state().by, 'polling')
  await other.query('COMMIT')
  await relay.use('wal')

  // Stopped while it waits: the slot that was being made does not stay.
  await relay.use('polling')
  await other.query('BEGIN; SELECT pg_current_xact_id()')
  void relay.use('wal').catch(() => {})
  await place.until(
    `SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%pg_create_logical_replication_slot%' AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`,
  )
  await relay.stop()
  await eventually(async () => (await place.slots()).length === 0)
  await other.end()
  assert.equal(got.length, 1)
})

check(
  'slots are named after the database and the schema, within what a name may be',
  async () => {
    const named = (schema: string, database = 'shop') => slotOfTable(async () => [[database, schema]])
    assert.deepEqual(await named('orders'), { slot: 'dure_rows_shop_orders', publication: 'dure_outbox_orders' })
    // Alike in their first 51 of 57 characters, in letters of several bytes, in a hyphen or an underscore, in their case.
    const alike = ['archive', 'archived', '주문', '주문들'].map((end) => `${'long-name-'.repeat(5)}${end}`)
    const schemas = [...alike, 'a-b', 'a_b', 'A_b']
    const all = await Promise.all(schemas.map((schema) => named(schema)))
    assert.equal(new Set(all.map(({ slot }) => slot)).size, schemas.length)
    assert.equal(new Set(all.map(({ publication }) => publication)).size, schemas.length)
    assert.notEqual((await named('c', 'a_b')).slot, (await named('b_c', 'a')).slot)
    for (const { publication } of all) assert.ok(Buffer.byteLength(publication) <= 63)
  },
  [18],
)
