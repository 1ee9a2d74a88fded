import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createHistogram } from './internal.ts'

test('percentiles are within an eighth of the truth', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0.01, max: 100_000, noNaN: true }), { minLength: 1, maxLength: 500 }), (values) => {
      const histogram = createHistogram()
      for (const value of values) histogram.record(value)
      const sorted = values.toSorted((a, b) => a - b)
      const snapshot = histogram.snapshot()
      assert.equal(snapshot.count, values.length)
      assert.equal(snapshot.max, sorted.at(-1))
      for (const p of [0.5, 0.95, 0.99, 1]) {
        const truth = sorted[Math.ceil(p * sorted.length) - 1]!
        const said = snapshot.percentile(p)
        assert.ok(said >= truth * 0.99 && said <= truth * 1.13 + 0.001, `p${p}: said ${said}, truth ${truth}`)
      }
    }),
  )
})

test('an empty histogram answers zero, and a reset one is empty', () => {
  const histogram = createHistogram()
  histogram.record(5)
  histogram.record(-1)
  histogram.reset()
  assert.deepEqual([histogram.snapshot().count, histogram.snapshot().mean, histogram.snapshot().percentile(0.99)], [0, 0, 0])
})
