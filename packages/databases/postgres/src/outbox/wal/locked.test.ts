import assert from 'node:assert/strict'
import { collector } from '../../collector.test-support.ts'
import { eventually, onServers } from './wal.test-support.ts'

const check = await onServers([18, 15])

const message = (n: number) => ({ type: 'counted', key: `key-${n % 20}`, data: n })

check('somebody who has rows of the outbox locked, and forgets it, does not end the stream', async (place) => {
  const { got, deliver, broker } = collector()
  const relay = place.relay(deliver)
  await relay.use('wal')
  broker.down = true
  for (let n = 0; n < 10; n++) await place.publish(message(n))
  const operator = await place.client()
  await operator.query('BEGIN')
  await operator.query('SELECT FROM dure_outbox WHERE position <= 3 FOR UPDATE')
  await operator.query('DELETE FROM dure_outbox WHERE position = 5')
  broker.down = false
  for (let n = 10; n < 200; n++) await place.publish(message(n))
  await relay.flush()
  // What is locked was delivered, and stays until it is let go.
  await eventually(async () => (await place.left()) === 4)
  await place.publish(message(200))
  await relay.flush()
  await operator.query('ROLLBACK')
  await eventually(async () => (await place.left()) === 0)
  assert.deepEqual(
    got.map(({ data }) => Number(data)).toSorted((a, b) => a - b),
    Array.from({ length: 201 }, (_, n) => n),
    'once each',
  )
  assert.deepEqual(
    place.said.filter((line) => line.startsWith('warn')),
    ['warn The outbox could not deliver; it keeps trying (Error: no broker)'],
  )
})
