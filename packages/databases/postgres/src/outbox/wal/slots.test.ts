import assert from 'node:assert/strict'
import { Client } from 'pg'
import { collector } from '../../collector.test-support.ts'
import { publishing } from '../../load.test-support.ts'
import { eventually, flood, onServers, rung, trickle } from './wal.test-support.ts'
import { VERSIONS } from '../../server.test-support.ts'

/** A server that drops what slots hold beyond a few segments of its log. */
const check = await onServers(VERSIONS, { max_slot_wal_keep_size: '3MB', max_wal_size: '4MB', min_wal_size: '2MB' })

check(
  'a server that may drop what a slot holds is refused, whatever setting it is by, unless that is accepted',
  async (place) => {
    const { deliver } = collector()
    const relay = place.relay(deliver, { acceptLoss: false })
    await assert.rejects(relay.ready, {
      code: 'FAILED_PRECONDITION',
      message:
        /max_slot_wal_keep_size is set: beyond 3 MB .* nowhere else\. To do: ALTER SYSTEM SET max_slot_wal_keep_size = -1;/,
    })
    await assert.rejects(relay.flush(), { code: 'FAILED_PRECONDITION' })
    const polling = place.relay(deliver, { acceptLoss: false, mode: 'polling' })
    await polling.ready
    await assert.rejects(polling.use('wal'), { code: 'FAILED_PRECONDITION', message: /max_slot_wal_keep_size is set/ })
    await place.publish({ type: 'counted', key: 'key-0', data: 0 })
    await polling.flush()
    assert.deepEqual(await place.slots(), [])
  },
)

check('a slot lost while the relay was away: told, publishers go on with the table, and a new slot is made', async (place) => {
  const { got, deliver } = collector()
  const first = place.relay(deliver)
  await first.use('wal')
  await place.publish({ type: 'counted', key: 'key-0', data: 0 })
  await first.stop()
  const [slot] = await place.slots()
  await place.publish({ type: 'counted', key: 'key-0', data: 1 })
  await flood(place)
  await place.until(`SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = $1`, [slot!.name])
  await place.publish({ type: 'counted', key: 'key-0', data: 2 })
  assert.equal(await place.left(), 1)

  const second = place.relay(deliver)
  await second.use('wal')
  assert.equal(second.state().rung.lost, 1)
  assert.ok(
    rung(
      place,
      /^error The replication slot ".*" is lost: .*committed between \S+ and \S+ of the log\. .*To do: .*max_slot_wal_keep_size/,
    ),
  )
  await eventually(() => second.state().alarm === undefined)
  assert.deepEqual(
    (await place.slots()).map(({ name, status }) => [name, status]),
    [[slot!.name, 'reserved']],
  )
  await place.publish({ type: 'counted', key: 'key-0', data: 3 })
  await second.flush()
  // What was in the log alone is gone.
  assert.deepEqual(
    got.map(({ data }) => Number(data)),
    [0, 2, 3],
  )
})

check(
  'a slot lost under the relay while the broker is down: alarms before and after, and all since is delivered',
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
    await stop()
    await relay.flush()
    // Of each key a part is missing, in one piece, and the rest is in order.
    const seen = new Set<string>()
    const firsts = got.filter(({ id }) => !seen.has(id) && seen.add(id))
    for (const own of Map.groupBy(firsts, ({ key }) => key).values()) {
      const numbers = own.map(({ data }) => Number(data))
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
      )
      const gaps = numbers.filter((n, at) => at > 0 && n !== numbers[at - 1]! + 1)
      assert.ok(gaps.length <= 1, `gaps before ${gaps.join(', ')}`)
    }
    await eventually(async () => (await place.left()) === 0)
    assert.equal(relay.state().alarm, undefined)
  },
)

check('a role that may not read the log tells of a slot that it cannot switch away from', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver)
  await relay.use('wal')
  const { name } = (await place.slots())[0]!
  await relay.stop()
  await place.publish({ type: 'counted', key: 'key-0', data: 0 })
  const role = `reader_${name}`.slice(0, 40)
  await place.pool.query(
    `CREATE ROLE ${role} LOGIN PASSWORD 'secret'; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`,
  )
  const url = new URL(place.url)
  url.username = role
  url.password = 'secret'
  const polling = place.relay(deliver, { mode: 'polling', connection: url.href })
  await eventually(() => polling.state().rung.orphan === 1)
  assert.match(polling.state().alarm!.text, /cannot be read from here .*SELECT pg_drop_replication_slot\('/)
  await polling.stop({ timeout: 0 })

  // The same with a way in for the log beside it.
  const both = place.relay(deliver, { mode: 'polling', connection: url.href, reading: place.url })
  await both.flush()
  await eventually(async () => (await place.slots()).length === 0)
  await place.publish({ type: 'counted', key: 'key-0', data: 1 })
  await both.use('wal')
  assert.deepEqual(
    got.map(({ data }) => Number(data)),
    [0, 1],
  )
})

check('switching to the log waits for writers that have not ended, of any database, and delivers meanwhile', async (place) => {
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
