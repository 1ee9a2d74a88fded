import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decide, EMPTY, evolve, MOST_LINES, settle, type Cart, type Change, type Line } from './cart.ts'

const line = (more: Partial<Line> = {}): Line => ({
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
const put = (more: Partial<Line> = {}): Change => ({ kind: 'put', line: line(more) })
const price = (version: string, price: number): Change => ({ kind: 'reprice', sellerId: 1, productId: 1, version, price })

/** The lines after some changes, and what has happened. */
function after(changes: readonly Change[]): { readonly lines: readonly Line[]; readonly happened: readonly string[] } {
  let state = EMPTY as Cart
  const happened: string[] = []
  for (const change of changes) {
    for (const event of decide({ customerId: 7, ...change }, state)) {
      state = evolve(state, event)
      happened.push(event.type)
    }
  }
  return { lines: state.lines, happened }
}

test('a line takes the place of one for the same product, and lines are in order of seller and product', () => {
  const { lines } = after([put({ productId: 2 }), put({ quantity: 1 }), put({ sellerId: 0, productId: 9 }), put({ quantity: 5 })])
  assert.deepEqual(
    lines.map(({ sellerId, productId, quantity }) => [sellerId, productId, quantity]),
    [
      [0, 9, 1],
      [1, 1, 5],
      [1, 2, 1],
    ],
  )
})

test('a cart takes no line of nothing, and no more lines than can be ordered at once', () => {
  assert.throws(() => after([put({ quantity: 0 })]), { code: 'INVALID_QUANTITY' })
  const full = Array.from({ length: MOST_LINES }, (_, productId) => put({ productId }))
  assert.throws(() => after([...full, put({ productId: MOST_LINES })]), { code: 'CART_FULL' })
  assert.equal(after([...full, put({ productId: 5, quantity: 2 })]).lines.length, MOST_LINES)
})

test('a new price is one for its version alone; a customer keeps a lower one as a voucher on every piece', () => {
  const { lines, happened } = after([
    ...[put({ quantity: 2, voucher: 10 }), put({ productId: 2 })],
    ...[price('a', 130), price('b', 900), price('a', 130), price('a', 120)],
  ])
  assert.deepEqual(
    lines.map(({ unitPrice, voucher }) => [unitPrice, voucher]),
    [
      [120, 70],
      [100, 0],
    ],
  )
  assert.deepEqual(happened.slice(2), ['cart.repriced', 'cart.repriced'])
})

test('a cart that is given up is empty, and what is empty stays as it is', () => {
  const { lines, happened } = after([{ kind: 'empty' }, put(), { kind: 'empty' }, { kind: 'empty' }, price('a', 5)])
  assert.deepEqual([lines, happened], [[], ['cart.line-put', 'cart.emptied']])
})

test('settle() leaves out what names another price for the same version, and nothing else', () => {
  const seen = new Map([
    ['1/1', { price: 100, version: 'a' }],
    ['1/2', { price: 101, version: 'a' }],
    ['1/3', { price: 101, version: 'b' }],
  ])
  const { items, dropped } = settle(
    [1, 2, 3, 4].map((productId) => line({ productId })),
    seen,
  )
  assert.deepEqual(
    items.map(({ productId }) => productId),
    [1, 3, 4],
  )
  assert.deepEqual(dropped, [{ sellerId: 1, productId: 2, status: 'PRICE_DIVERGENCE' }])
})
