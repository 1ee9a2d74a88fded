import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { entriesOf, follow, type Notice, type OrderLine } from './entries.ts'

const line = (productId: number): OrderLine => ({
  sellerId: 1,
  productId,
  productName: 'Thing',
  unitPrice: 100,
  quantity: 1,
  freightValue: 10,
  totalItems: 100,
  totalIncentive: 0,
  totalAmount: 100,
})
const NOTICES: readonly Notice[] = [
  { kind: 'status', status: 'PAYMENT_PROCESSED', at: 1 },
  { kind: 'status', status: 'READY_FOR_SHIPMENT', at: 2 },
  { kind: 'delivery', sellerId: 1, productId: 1, packageId: 1, at: 3 },
  { kind: 'status', status: 'IN_TRANSIT', at: 3 },
  { kind: 'delivery', sellerId: 1, productId: 2, packageId: 2, at: 4 },
  { kind: 'status', status: 'DELIVERED', at: 4 },
]

test('notices in any order, some before the order itself, lead to the same entries', () => {
  const lines = [line(1), line(2)]
  const expected = entriesOf(lines, NOTICES)
  assert.deepEqual(
    expected.map(({ orderStatus, deliveryStatus, packageId, shipmentDate }) => [
      orderStatus,
      deliveryStatus,
      packageId,
      shipmentDate,
    ]),
    [
      ['DELIVERED', 'delivered', 1, 2],
      ['DELIVERED', 'delivered', 2, 2],
    ],
  )
  fc.assert(
    fc.property(fc.shuffledSubarray([...NOTICES], { minLength: NOTICES.length }), fc.nat(NOTICES.length), (notices, early) => {
      const first = entriesOf(lines, notices.slice(0, early))
      const entries = first.map((entry) => notices.slice(early).reduce(follow, entry))
      assert.deepEqual(entries, expected)
    }),
  )
})
