import assert from 'node:assert/strict'
import { collector } from '../collector.test-support.ts'
import { onServers } from './outbox.test-support.ts'
import { VERSIONS } from '../server.test-support.ts'

const check = await onServers(VERSIONS)

const message = (n: number) => ({ type: 'counted', key: `key-${n % 20}`, data: n })

check('somebody who has rows of the outbox locked, and forgets it, stops nothing', async (place) => {
  const { got, deliver } = collector()
  const first = place.relay(() => Promise.reject(new Error('no broker')))
  for (let n = 0; n < 10; n++) await place.publish(message(n))
  await first.stop({ timeout: 0 })
  const operator = await place.client()
  await operator.query('BEGIN')
  await operator.query('SELECT FROM dure_outbox WHERE position <= 3 FOR UPDATE')
  await operator.query('DELETE FROM dure_outbox WHERE position = 5')

  const relay = place.relay(deliver, { limits: { batch: 5 } })
  for (let n = 10; n < 200; n++) await place.publish(message(n))
  await relay.flush()
  assert.equal(relay.state().depth, 0)
  // What is locked was delivered, and stays until it is let go.
  while ((await place.left()) > 4) await new Promise((resolve) => setTimeout(resolve, 5))
  await place.publish(message(200))
  await relay.flush()
  await operator.query('ROLLBACK')
  while ((await place.left()) > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(
    got.map(({ data }) => Number(data)).toSorted((a, b) => a - b),
    Array.from({ length: 201 }, (_, n) => n),
    'once each',
  )
})
