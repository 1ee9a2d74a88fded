import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPace } from './pace.ts'

test('moments are at equal distances, one for each who asks, and past ones are given at once', async () => {
  let time = 1_000
  const pace = createPace({ rate: 4, begun: 1_000, now: () => time })
  assert.equal(await pace.next(), 1_000)
  time = 1_900
  // Everybody was busy for a while: what fell due meanwhile is neither left out nor moved.
  assert.deepEqual(await Promise.all([pace.next(), pace.next(), pace.next()]), [1_250, 1_500, 1_750])
  assert.equal(pace.due(), 4)
  time = 2_000
  assert.equal(pace.due(), 5)
})

test('who is early waits, but not once it is stopped', { timeout: 10_000 }, async () => {
  const pace = createPace({ rate: 0.001, begun: performance.now(), now: () => performance.now() })
  await pace.next()
  let given = false
  const waiting = pace.next().then(() => (given = true))
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => void setImmediate(resolve))
  assert.equal(given, false)
  pace.stop()
  await waiting
  await pace.next()
})
