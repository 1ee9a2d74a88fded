import assert from 'node:assert/strict'
import { collector } from '../collector.test-support.ts'
import { onServers, publish } from './outbox.test-support.ts'

const check = await onServers([18, 15])

check('what commits is delivered once, whole and in order of commit; what rolls back never is', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver)
  await place.publish(
    {
      type: 'order.placed',
      key: 'a',
      data: { total: 1 },
      id: '1',
      correlationId: 'c',
      causationId: 'why',
      traceparent: '00-a-b-01',
    },
    { type: 'mail', key: 'b', data: 'two', id: '2', destination: 'queue', delay: 500, schemaVersion: 3 },
  )
  for (let i = 3; i < 60; i++) {
    const one = { type: 'order.placed', key: `key-${i % 7}`, data: i, id: String(i) }
    if (i % 3 > 0) await place.publish(one)
    else {
      const refused = place.transaction(async (client) => {
        await publish(client, one)
        throw new Error('no')
      })
      await assert.rejects(refused, /no/)
    }
  }
  await relay.flush()
  const [first, second] = got
  const { time: _, ...rest } = first!
  assert.deepEqual(rest, {
    ...{ id: '1', source: 'test', type: 'order.placed', key: 'a', schemaVersion: 1, correlationId: 'c', causationId: 'why' },
    ...{ traceparent: '00-a-b-01', data: '{"total":1}', destination: 'topic' },
  })
  assert.deepEqual(
    [second!.destination, second!.delay, second!.data, second!.schemaVersion, second!.correlationId],
    ['queue', 500, '"two"', 3, '2'],
  )
  assert.deepEqual(
    got.map(({ id }) => Number(id)),
    [1, 2, ...Array.from({ length: 57 }, (_, i) => i + 3).filter((i) => i % 3 > 0)],
  )
  await relay.stop()
  assert.equal(await place.left(), 0)
})
