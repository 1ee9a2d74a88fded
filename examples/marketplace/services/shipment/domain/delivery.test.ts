import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { deliveredAt, passedBy, statusOf } from './delivery.ts'

test('passedBy() says each state once, however the packages are delivered', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }), (deliveries) => {
      const packageCount = deliveries.reduce((sum, each) => sum + each, 0)
      let deliveredCount = 0
      const passed = deliveries.flatMap((now) => passedBy({ packageCount, deliveredCount: (deliveredCount += now), now }))
      assert.deepEqual(passed, ['delivery_in_progress', 'concluded'])
    }),
  )
})

test('statusOf() follows the count of delivered packages', () => {
  assert.deepEqual(
    [0, 1, 2].map((delivered) => statusOf(2, delivered)),
    ['approved', 'delivery_in_progress', 'concluded'],
  )
})

test('nothing is delivered before it was shipped, whatever the clock says', () => {
  assert.equal(deliveredAt(5_000, [1_000, 4_000]), 5_000)
  assert.equal(deliveredAt(5_000, [1_000, 9_000]), 9_000)
})
