import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settle, type Line } from './cart.ts'

const line = (more: Partial<Line>): Line => ({
  sellerId: 1,
  productId: 1,
  productName: 'Thing',
  unitPrice: 100,
  freightValue: 0,
  quantity: 1,
  voucher: 0,
  version: 'a',
  ...more,
})

test('settle() leaves out what names another price for the same version, and nothing else', () => {
  const { kept, dropped } = settle([
    { line: line({ productId: 1 }), seen: { price: 100, version: 'a' } },
    { line: line({ productId: 2 }), seen: { price: 101, version: 'a' } },
    { line: line({ productId: 3 }), seen: { price: 101, version: 'b' } },
    { line: line({ productId: 4 }), seen: undefined },
  ])
  assert.deepEqual(
    kept.map(({ productId }) => productId),
    [1, 3, 4],
  )
  assert.deepEqual(dropped, [{ sellerId: 1, productId: 2, status: 'PRICE_DIVERGENCE' }])
})
