import assert from 'node:assert/strict'
import { onPlaces } from '../place.test-support.ts'
import { RELAXED, VERSIONS } from '../server.test-support.ts'
import { CHANNEL, EVERYBODY, IN_LOG, LOCK, slotIn } from './names.ts'
import { publish, type Place } from './outbox.test-support.ts'
import { MOST_LOCKS } from './statements.ts'

const check = await onPlaces<Omit<Place, 'relay'>>({
  versions: VERSIONS,
  settings: { ...RELAXED, wal_level: 'logical', max_replication_slots: 20 },
  furnish: (place) => place,
})

const DATABASE = '(SELECT oid FROM pg_database WHERE datname = current_database())'
const MAKE = `SELECT pg_create_logical_replication_slot(${slotIn(DATABASE)}, 'test_decoding')`
const DROP = `SELECT pg_drop_replication_slot(${slotIn(DATABASE)})`
const counted = (key: string, data: number) => ({ type: 'counted', key, data })

/** What stands in the log under the outbox's name, in order. */
async function logged(place: Omit<Place, 'relay'>): Promise<readonly unknown[]> {
  const { rows } = await place.pool.query<{ prefix: string; data: string }>(
    `SELECT ${CHANNEL} AS prefix, data FROM pg_logical_slot_get_changes(${slotIn(DATABASE)}, NULL, NULL)`,
  )
  return rows.flatMap(({ prefix, data }) => {
    const [, found, content] = /^message: transactional: 1 prefix: (\S+), sz: \d+ content:(.*)$/s.exec(data) ?? []
    return found === prefix ? [JSON.parse(content!) as unknown] : []
  })
}

check('with a slot messages of every kind are in the log alone, whole and in order; without one they are rows', async (place) => {
  await place.publish(counted('a', 0))
  assert.equal(await place.left(), 1)
  await place.pool.query(MAKE)
  const keys = Array.from({ length: MOST_LOCKS * 3 }, (_, at) => `key-${at}`)
  await place.publish(counted('한 "\\', 1), { ...counted('b', 2), destination: 'queue', delay: 500 })
  await place.publish({ ...counted('c', 3), destination: 'queue' })
  await place.publish(...keys.map((key, at) => counted(key, 4 + at)))
  await assert.rejects(
    place.transaction(async (client) => {
      await publish(client, counted('a', -1))
      throw new Error('no')
    }),
  )
  assert.equal(await place.left(), 1)
  const found = (await logged(place)) as readonly (readonly unknown[])[]
  assert.deepEqual(
    found.map((one) => Number(one[13])),
    Array.from({ length: 3 + keys.length }, (_, at) => 1 + at),
  )
  assert.deepEqual(
    found
      .slice(0, 2)
      .map(([version, destination, delay, , source, type, key]) => [version, destination, delay, source, type, key]),
    [
      [1, 'topic', null, 'test', 'counted', '한 "\\'],
      [1, 'queue', 500, 'test', 'counted', 'b'],
    ],
  )
  await place.pool.query(DROP)
  await place.publish(counted('a', 1))
  assert.equal(await place.left(), 2)
})

check('where a message belongs is asked behind the lock, whatever the snapshot of its transaction is', async (place) => {
  for (const [change, rows] of [
    [MAKE, 0],
    [DROP, 1],
  ] as const) {
    const client = await place.client()
    const switcher = await place.client()
    await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE')
    await client.query('SELECT FROM dure_outbox')
    await switcher.query(`SELECT pg_advisory_lock(${LOCK}, ${EVERYBODY})`)
    const published = publish(client, counted('a', 0)).then(() => client.query('COMMIT'))
    await place.pool.query('SELECT 1')
    for (;;) {
      const { rowCount } = await place.pool.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)
      if (rowCount === 1) break
    }
    await switcher.query(change)
    await switcher.query(`SELECT pg_advisory_unlock(${LOCK}, ${EVERYBODY})`)
    await published
    assert.equal(await place.left(), rows)
  }
})

check('a slot of the same name in another database is nothing to an outbox', async (place) => {
  const [{ template }] = (await place.pool.query(`SELECT current_database() AS template`)).rows as [{ template: string }]
  const other = await place.client(place.server.url())
  await place.pool.query(MAKE)
  assert.equal((await place.pool.query(`SELECT ${IN_LOG} AS logged`)).rows[0].logged, true)
  await place.pool.query(DROP)
  await other.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [template])
  // Its table has the same number as the one that it is copied from.
  await other.query(`CREATE DATABASE ${template}_copy TEMPLATE ${template}`)
  const [copy, origin] = [await place.client(place.server.url(`${template}_copy`)), await place.client()]
  await copy.query(MAKE)
  assert.equal((await copy.query(`SELECT ${IN_LOG} AS logged`)).rows[0].logged, true)
  assert.equal((await origin.query(`SELECT ${IN_LOG} AS logged`)).rows[0].logged, false)
  await copy.query(DROP)
})
