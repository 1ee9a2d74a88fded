import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { reserve, type Shelf, type Wish } from './reservation.ts'

const shelf = (more: Partial<Shelf> = {}): Shelf => ({
  sellerId: 1,
  productId: 1,
  available: 5,
  reserved: 0,
  version: '0',
  active: true,
  ...more,
})
const wish = (more: Partial<Wish> = {}): Wish => ({ sellerId: 1, productId: 1, quantity: 1, version: '0', ...more })

test('reserve() takes what is there and leaves what is promised to others', () => {
  assert.deepEqual(reserve([shelf({ reserved: 3 })], [wish({ quantity: 2 })]).rejected, [])
  assert.deepEqual(reserve([shelf({ reserved: 3 })], [wish({ quantity: 3 })]).rejected, [
    { sellerId: 1, productId: 1, status: 'OUT_OF_STOCK' },
  ])
})

test('reserve() refuses what is missing, switched off or of a version that is gone', () => {
  const gone = [{ sellerId: 1, productId: 1, status: 'UNAVAILABLE' }]
  assert.deepEqual(reserve([], [wish()]).rejected, gone)
  assert.deepEqual(reserve([shelf({ active: false })], [wish()]).rejected, gone)
  assert.deepEqual(reserve([shelf({ version: 'new' })], [wish()]).rejected, gone)
})

const wishes = fc.array(
  fc.record({
    sellerId: fc.integer({ min: 1, max: 3 }),
    productId: fc.integer({ min: 1, max: 3 }),
    quantity: fc.integer({ min: 1, max: 9 }),
    version: fc.constantFrom('0', '1'),
  }),
  { maxLength: 30 },
)
const shelves = fc.uniqueArray(
  fc
    .record({
      sellerId: fc.integer({ min: 1, max: 3 }),
      productId: fc.integer({ min: 1, max: 3 }),
      reserved: fc.integer({ min: 0, max: 20 }),
      free: fc.integer({ min: 0, max: 20 }),
      version: fc.constantFrom('0', '1'),
      active: fc.boolean(),
    })
    .map(({ free, ...rest }) => ({ ...rest, available: rest.reserved + free })),
  { selector: ({ sellerId, productId }) => `${sellerId}/${productId}` },
)

test('reserve() answers every wish once and never promises more than there is', () => {
  fc.assert(
    fc.property(shelves, wishes, (stock, wanted) => {
      const { reserved, rejected } = reserve(stock, wanted)
      assert.equal(reserved.length + rejected.length, wanted.length)
      for (const { sellerId, productId, available, reserved: before, version, active } of stock) {
        const taken = reserved.filter((each) => each.sellerId === sellerId && each.productId === productId)
        const sum = taken.reduce((total, { quantity }) => total + quantity, 0)
        assert.ok(before + sum <= available)
        assert.ok(taken.every((each) => active && each.version === version))
      }
    }),
  )
})
