import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countsAsMetrics, createCounts } from './counts.ts'

const MINUTE = 60_000

test('requests, errors, time and the slowest are counted for each consumer; of too many, together', () => {
  const counts = createCounts()
  let now = 5 * MINUTE
  const read = (consumer: string): Record<string, number> =>
    Object.fromEntries(
      countsAsMetrics('edge', new Map([['orders', counts]]), { monotonic: () => now, now: () => 0 })
        .filter(({ attributes }) => attributes.consumer === consumer && attributes.route === 'orders')
        .map(({ family, value }) => [family.name.replace('dure.gateway.', ''), value]),
    )
  counts.record('ann', 200, 30, now)
  counts.record('ann', 404, 10, now)
  counts.record('ann', 503, 20, now)
  counts.record('bob', 200, 5, now)
  assert.deepEqual(read('ann'), { requests: 3, errors: 1, time: 0.06, slowest: 0.03 })
  assert.deepEqual(read('bob'), { requests: 1, errors: 0, time: 0.005, slowest: 0.005 })
  assert.deepEqual(
    [...counts.codes],
    [
      ['200', 2],
      ['404', 1],
      ['503', 1],
    ],
  )
  assert.equal(counts.duration.snapshot().count, 4)

  // What was slow is told of for a minute at least, and for two at most; what it took together stays.
  now += MINUTE
  counts.record('ann', 200, 7, now)
  assert.equal(read('ann')['slowest'], 0.03)
  now += MINUTE
  assert.equal(read('ann')['slowest'], 0.007)
  now += MINUTE
  assert.deepEqual(read('ann'), { requests: 4, errors: 1, time: 0.067, slowest: 0 })

  for (let i = 0; i < 5_000; i++) counts.record(`key ${i}`, 200, 1, now)
  assert.equal(counts.consumers.size, 1_001)
  assert.equal(read('(others)')['requests'], 5_002 - 1_000)
  counts.record('ann', 200, 1, now)
  assert.equal(read('ann')['requests'], 5)
})
