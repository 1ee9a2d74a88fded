import assert from 'node:assert/strict'
import { collector } from '../../collector.test-support.ts'
import { assertWhole, publishing } from '../../load.test-support.ts'
import { publish } from '../../place.test-support.ts'
import { outboxSchema } from '../outbox.ts'
import { CHANNEL } from '../names.ts'
import { dropUnderReader, eventually, onServers, rung } from './wal.test-support.ts'
import { VERSIONS } from '../../server.test-support.ts'

const check = await onServers(VERSIONS)

const counted = (key: string, data: number) => ({ type: 'counted', key, data })

check('what commits is in the log alone and delivered in order, each outbox of a database its own', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver)
  await relay.use('wal')
  await place.pool.query(`CREATE SCHEMA billing; SET search_path = billing; ${outboxSchema}; RESET search_path`)
  const other = collector()
  const options = '-c search_path=billing'
  const elsewhere = place.relay(other.deliver, { connection: { connectionString: place.url, options } })
  await elsewhere.use('wal')
  const publisher = async (who: number): Promise<void> => {
    for (let round = 0; round < 50; round++) {
      const work = place.transaction(async (client) => {
        await publish(client, ...[0, 1].map((at) => counted(`key-${who}`, round * 2 + at)))
        if (round === 49) throw new Error('no')
      })
      await work.catch((error: Error) => assert.equal(error.message, 'no'))
    }
  }
  await Promise.all([0, 1, 2, 3].map(publisher))
  await place.transaction(async (client) => {
    await client.query('SET LOCAL search_path = billing')
    await publish(client, { type: 'billed', key: 'b', data: '₩' })
  })
  await relay.flush()
  await elsewhere.flush()
  assertWhole(got, 4 * 98)
  assert.equal(got.length, 4 * 98)
  assert.deepEqual(
    other.got.map(({ type, data }) => [type, data]),
    [['billed', '"₩"']],
  )
  assert.equal((await place.pool.query(`SELECT last_value FROM dure_outbox_position_seq WHERE is_called`)).rowCount, 0)

  // The next relay goes on where this one stopped, and messages stay in the log meanwhile.
  await relay.stop()
  await place.publish(counted('key-0', 98))
  assert.equal(await place.left(), 0)
  const next = place.relay(deliver)
  await next.flush()
  assertWhole(got, 4 * 98 + 1)
  assert.equal(got.length, 4 * 98 + 1)
})

check('a second relay waits for the first one to go; while it waits it knows what has been delivered', async (place) => {
  const { got, deliver } = collector()
  const first = place.relay(deliver, { name: 'first' })
  await first.use('wal')
  const second = place.relay(collector().deliver, { name: 'second' })
  await eventually(() => second.state().by === 'standby')
  await place.publish(counted('key-0', 0))
  await second.flush()
  assert.equal(got.length, 1)
  await assert.rejects(second.use('polling'), { code: 'FAILED_PRECONDITION', message: /another relay reads the log/ })
  await second.stop()
  const third = place.relay(deliver, { name: 'third' })
  await eventually(() => third.state().by === 'standby')
  await first.stop()
  await third.use('wal')
  await place.publish(counted('key-0', 1))
  await third.flush()
  assertWhole(got, 2)
})

check('a slot that somebody drops: told, from where to where; the table goes on, and then the log again', async (place) => {
  const { got, deliver, broker } = collector()
  const relay = place.relay(deliver)
  await relay.use('wal')
  await place.publish(counted('key-0', 0))
  await relay.flush()
  broker.down = true
  await place.publish(counted('key-0', 1))
  await eventually(() => relay.state().oldest !== undefined)
  const { name } = relay.state().slot ?? (await place.slots())[0]!
  await dropUnderReader(place, name)
  await place.publish(counted('key-0', 2))
  await eventually(() => relay.state().rung.lost === 1)
  assert.ok(
    rung(
      place,
      /^error The replication slot "\S+" is gone: .* committed between [0-9A-F]+\/[0-9A-F]+ and [0-9A-F]+\/[0-9A-F]+ of the log\. .*goes on with its table\. To do: find what was published/,
    ),
  )
  broker.down = false
  await relay.use('wal')
  await place.publish(counted('key-0', 3))
  await relay.flush()
  assert.deepEqual(
    got.map(({ data }) => Number(data)),
    [0, 2, 3],
  )
  assert.equal(relay.state().alarm, undefined)
})

check('a slot that is gone when the relay starts again was there before: that is told as well', async (place) => {
  const { got, deliver } = collector()
  const first = place.relay(deliver)
  await first.use('wal')
  await first.stop()
  await place.pool.query(
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()',
  )
  await place.publish(counted('key-0', 0))
  const second = place.relay(deliver)
  await second.flush()
  assert.equal(got.length, 1)
  await eventually(() => second.state().rung.lost === 1)
  await second.use('wal')
  // One that is taken away in good order is not missed.
  await second.use('polling')
  await second.stop()
  const third = place.relay(deliver)
  await third.use('wal')
  assert.equal(third.state().rung.lost, 0)
})

check('a message in the log that cannot be read is told, and those around it are delivered', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver)
  await relay.use('wal')
  const right = ['topic', null, 'a', 'orders', 'counted', 'key-0', 0, 1, 'c', null, null, null, '1']
  const but = (at: number, value: string | number | null): string => JSON.stringify([1, ...right.with(at, value)])
  const odd = [
    'no JSON',
    'null',
    '{}',
    '[]',
    '[2, {}]',
    '[1, null, 5, {}]',
    but(0, 'mail'),
    but(12, 7),
    but(11, 'no JSON'),
    but(5, null),
    but(2, ''),
  ]
  const emit = (content: string) => place.pool.query(`SELECT pg_logical_emit_message(true, ${CHANNEL}, $1)`, [content])
  let n = 0
  for (const content of odd) {
    await place.publish(counted('key-1', n++))
    await emit(content)
  }
  await emit(but(0, 'topic'))
  await place.publish(counted('key-1', n++))
  await relay.flush()
  assert.deepEqual(
    got.filter(({ key }) => key === 'key-1').map(({ data }) => Number(data)),
    Array.from({ length: n }, (_, at) => at),
  )
  assert.equal(got.length, n + 1)
  assert.equal(relay.state().by, 'wal')
  const told = place.said.filter((line) => line.startsWith('error A message in the log cannot be read and is passed over: '))
  assert.equal(told.length, odd.length)
})

check('rows that somebody puts into the table while the log is read are delivered', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver)
  await relay.use('wal')
  await place.pool.query(
    `INSERT INTO dure_outbox (bucket, destination, id, source, type, key, time, schema_version, correlation_id, data) VALUES (1, 'topic', 'x', 's', 't', 'k', 1, 1, 'c', '{}')`,
  )
  await eventually(() => got.some(({ id }) => id === 'x'))
  await eventually(async () => (await place.left()) === 0)
})

check('a transaction that has published and does not end holds up a switch, and others for moments only', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver)
  await relay.use('wal')
  const slow = await place.client()
  for (const mode of ['polling', 'wal'] as const) {
    await slow.query('BEGIN')
    await publish(slow, counted('slow', got.filter(({ key }) => key === 'slow').length))
    const switched = relay.use(mode)
    const before = got.length
    const stop = publishing(place, { publishers: 2, pause: 1 })
    await eventually(() => got.length > before + 200)
    await slow.query('COMMIT')
    await switched
    await stop()
    await relay.flush()
    await place.pool.query('SELECT 1')
    got.splice(0, got.length, ...got.filter(({ key }) => key === 'slow'))
  }
  assert.equal(got.length, 2)
})
