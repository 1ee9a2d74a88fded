import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { advance, before, isBehind } from './progress.ts'
import type { OrderStatus } from './values.ts'

const NEWS = ['PAYMENT_PROCESSED', 'READY_FOR_SHIPMENT', 'IN_TRANSIT', 'DELIVERED'] as const

test('advance() passes through what later news implies, and goes back for nothing', () => {
  assert.deepEqual(advance('INVOICED', 'READY_FOR_SHIPMENT'), ['PAYMENT_PROCESSED', 'READY_FOR_SHIPMENT'])
  assert.deepEqual(advance('READY_FOR_SHIPMENT', 'PAYMENT_PROCESSED'), [])
  assert.deepEqual(advance('DELIVERED', 'DELIVERED'), [])
})

test('advance() ends an unpaid order, and no other', () => {
  assert.deepEqual(advance('INVOICED', 'PAYMENT_FAILED'), ['PAYMENT_FAILED'])
  assert.deepEqual(advance('READY_FOR_SHIPMENT', 'PAYMENT_FAILED'), [])
  assert.deepEqual(advance('PAYMENT_FAILED', 'PAYMENT_PROCESSED'), [])
})

test('whatever the order and number of the news, an order ends in the same status with the same history', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...NEWS, ...NEWS], { minLength: 8 }), (news) => {
      let status: OrderStatus = 'INVOICED'
      const history: OrderStatus[] = [status]
      for (const each of news) {
        const passed = advance(status, each)
        history.push(...passed)
        status = passed.at(-1) ?? status
      }
      assert.equal(status, 'DELIVERED')
      assert.deepEqual(history, ['INVOICED', ...NEWS])
      assert.ok(NEWS.every((each) => isBehind(status, each)))
    }),
  )
})

test('before() names exactly the statuses that advance()', () => {
  assert.deepEqual(before('READY_FOR_SHIPMENT'), ['INVOICED', 'PAYMENT_PROCESSED'])
  assert.deepEqual(before('PAYMENT_FAILED'), ['INVOICED'])
})
