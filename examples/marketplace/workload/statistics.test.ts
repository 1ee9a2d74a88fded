import assert from 'node:assert/strict'
import { test } from 'node:test'
import { latencies } from './statistics.ts'

const close = (actual: number, wanted: number): void =>
  assert.ok(Math.abs(actual - wanted) <= wanted * 0.011, `${actual} is not within 1 % of ${wanted}`)

test('percentiles are within one per cent, mean and max exact', () => {
  const seen = latencies()
  for (let ms = 1000; ms >= 1; ms--) seen.record(ms)
  const { count, mean, p50, p95, p99, max } = seen.summary()
  assert.equal(count, 1000)
  assert.equal(mean, 500.5)
  assert.equal(max, 1000)
  close(p50, 500)
  close(p95, 950)
  close(p99, 990)
})

test('one record is every percentile', () => {
  const seen = latencies()
  seen.record(12.5)
  const { p50, p99, mean } = seen.summary()
  assert.deepEqual([p50, p99, mean], [12.5, 12.5, 12.5])
})

test('nothing, next to nothing and for ever have an answer', () => {
  const seen = latencies()
  assert.deepEqual(seen.summary(), { count: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 })
  seen.record(0)
  assert.equal(seen.summary().p99, 0)
  seen.record(1e12)
  assert.equal(seen.summary().max, 1e12)
})
