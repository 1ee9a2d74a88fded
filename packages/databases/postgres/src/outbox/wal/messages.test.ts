import assert from 'node:assert/strict'
import { collector } from '../../collector.test-support.ts'
import { assertWhole } from '../../load.test-support.ts'
import { dropUnderReader, eventually, onServers } from './wal.test-support.ts'
import { createWalPublisher, walRelay, removeSlot } from './wal.ts'

const check = await onServers([18, 15])

check('without the table: what commits is delivered from the log alone, in order; what rolls back never is', async (place) => {
  const publish = createWalPublisher({ service: 'orders' })
  const { got, deliver } = collector()
  const relay = place.relay(deliver, { service: 'orders' })
  await relay.ready
  const other = collector()
  const elsewhere = place.relay(other.deliver, { service: 'billing' })
  await elsewhere.ready
  const publisher = async (who: number): Promise<void> => {
    for (let round = 0; round < 50; round++) {
      const work = place.transaction(async (client) => {
        await publish(client, ...[0, 1].map((at) => ({ type: 'counted', key: `key-${who}`, data: round * 2 + at })))
        if (round === 49) throw new Error('no')
      })
      await work.catch((error: Error) => assert.equal(error.message, 'no'))
    }
  }
  await Promise.all([0, 1, 2, 3].map(publisher))
  await place.transaction((client) => createWalPublisher({ service: 'billing' })(client, { type: 'billed', key: 'b', data: '₩' }))
  await relay.flush()
  await elsewhere.flush()
  assertWhole(got, 4 * 98)
  assert.equal(got.length, 4 * 98)
  assert.deepEqual(
    other.got.map(({ source, data }) => [source, data]),
    [['billing', '"₩"']],
  )
  assert.equal(await place.left(), 0)

  // The next relay goes on where this one stopped.
  await relay.stop()
  await place.transaction((client) => publish(client, { type: 'counted', key: 'key-0', data: 98 }))
  const next = place.relay(deliver, { service: 'orders' })
  await next.flush()
  assertWhole(got, 4 * 98 + 1)
  assert.equal(got.length, 4 * 98 + 1)
})

check('without the table: a second relay waits for the slot, and takes over from one that is cut off', async (place) => {
  const publish = createWalPublisher({ service: 'orders' })
  const { got, deliver } = collector()
  const first = place.relay(deliver, { service: 'orders', name: 'first' })
  await first.ready
  const second = place.relay(deliver, { service: 'orders', name: 'second' })
  await place.transaction((client) => publish(client, { type: 'counted', key: 'key-0', data: 0 }))
  await first.flush()
  await eventually(() => second.state().by === 'standby')
  await first.stop()
  await second.ready
  await place.transaction((client) => publish(client, { type: 'counted', key: 'key-0', data: 1 }))
  await second.flush()
  assertWhole(got, 2)
})

check('without the table: a slot that is gone stops the relay and the publishers, and says what is to be done', async (place) => {
  const publish = createWalPublisher({ service: 'orders' })
  const { deliver } = collector()
  const relay = place.relay(deliver, { service: 'orders' })
  await relay.ready
  const { name } = relay.state().slot!
  await dropUnderReader(place, name)
  await eventually(() => relay.state().rung.lost === 1)
  assert.match(
    relay.state().alarm!.text,
    /is gone, and with it what the relay "outbox" had not delivered\. To do: find what was published since then/,
  )
  await assert.rejects(relay.flush(), { code: 'DATA_LOSS' })
  const refused = place.transaction((client) => publish(client, { type: 'counted', key: 'key-0', data: 0 }))
  await assert.rejects(refused, { code: 'FAILED_PRECONDITION', message: /there is no replication slot/ })
  await relay.stop()

  const again = walRelay({ connection: place.url, deliver, service: 'orders' })
  await again.ready
  await again.stop()
  assert.deepEqual((await removeSlot({ connection: place.url, service: 'orders' })).removed, true)
})

check('a message in the log that cannot be read is told, and those around it are delivered', async (place) => {
  const publish = createWalPublisher({ service: 'orders' })
  const { got, deliver } = collector()
  const relay = place.relay(deliver, { service: 'orders' })
  await relay.ready
  const right = {
    id: 'a',
    source: 'orders',
    type: 'counted',
    key: 'key-0',
    time: 0,
    schemaVersion: 1,
    correlationId: 'a',
    data: '1',
  }
  const message = { ...right, destination: 'topic' }
  const odd = ['no JSON', 'null', '{}', '[]', '[2, {}]', '[1, null, 5, {}]', JSON.stringify([1, { ...message, data: 7 }])]
  let n = 0
  for (const content of [...odd, JSON.stringify([1, { ...message, key: null }, message, { ...message, id: '' }])]) {
    await place.transaction((client) => publish(client, { type: 'counted', key: 'key-1', data: n++ }))
    await place.pool.query(`SELECT pg_logical_emit_message(true, 'dure.outbox/orders', $1)`, [content])
  }
  await place.transaction((client) => publish(client, { type: 'counted', key: 'key-1', data: n++ }))
  await relay.flush()
  assert.deepEqual(
    got.filter(({ key }) => key === 'key-1').map(({ data }) => Number(data)),
    Array.from({ length: n }, (_, at) => at),
  )
  assert.equal(got.length, n + 1)
  assert.equal(relay.state().by, 'wal')
  const told = place.said.filter((line) => line.startsWith('error A message in the log cannot be read and is passed over: it'))
  assert.equal(told.length, 11)
})
