import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { invoiceNumber, price, type Ordered } from './totals.ts'

const item = (more: Partial<Ordered>): Ordered => ({
  sellerId: 1,
  productId: 1,
  productName: 'Thing',
  unitPrice: 1000,
  freightValue: 50,
  quantity: 2,
  voucher: 0,
  ...more,
})

test('price() takes a voucher off its line, and freight comes after', () => {
  const { totals } = price([item({ voucher: 300 }), item({ productId: 2, unitPrice: 1 })])
  assert.deepEqual(totals, { totalItems: 2002, totalIncentive: 300, totalAmount: 1702, totalFreight: 100, totalInvoice: 1802 })
})

test('price() caps a voucher at what its line is worth, and lets none of it reach another', () => {
  const { lines, totals } = price([item({ voucher: 999_999 }), item({ productId: 2 })])
  assert.deepEqual(
    lines.map(({ totalIncentive, totalAmount }) => [totalIncentive, totalAmount]),
    [
      [2000, 0],
      [0, 2000],
    ],
  )
  assert.equal(totals.totalInvoice, 2100)
})

test('price() keeps every sum exact', () => {
  const cents = fc.integer({ min: 0, max: 9_999 })
  const items = fc.array(
    fc.record({ unitPrice: cents, freightValue: cents, voucher: cents, quantity: fc.integer({ min: 1, max: 10 }) }).map(item),
    { maxLength: 10 },
  )
  fc.assert(
    fc.property(items, (ordered) => {
      const { lines, totals } = price(ordered)
      assert.equal(totals.totalItems, totals.totalIncentive + totals.totalAmount)
      assert.equal(totals.totalInvoice, totals.totalAmount + totals.totalFreight)
      assert.equal(
        totals.totalItems,
        ordered.reduce((sum, { unitPrice, quantity }) => sum + unitPrice * quantity, 0),
      )
      assert.ok(lines.every((line, i) => line.totalAmount >= 0 && line.orderItemId === i + 1))
    }),
  )
})

test('invoiceNumber() names customer, day and order', () => {
  assert.equal(invoiceNumber(12, 3, '2026-02-28T23:59:59.999Z'), '12-20260228-3')
})
