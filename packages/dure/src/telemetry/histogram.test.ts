import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BOUNDS, createHistogram } from './histogram.ts'

test('as many records lie below each bound as were recorded below it', () => {
  const near = fc.constantFrom(...BOUNDS).chain((bound) => fc.constantFrom(bound * 1000, bound * 999.9, bound * 1000.1))
  const ms = fc.oneof(fc.double({ min: 0, max: 100_000, noNaN: true }), near)
  fc.assert(
    fc.property(fc.array(ms, { maxLength: 500 }), (values) => {
      const histogram = createHistogram()
      for (const value of values) histogram.record(value)
      const { count, below } = histogram.snapshot()
      assert.equal(count, values.length)
      assert.deepEqual(
        below,
        BOUNDS.map((bound) => values.filter((value) => value * 1000 < bound * 1_000_000).length),
      )
    }),
  )
})
