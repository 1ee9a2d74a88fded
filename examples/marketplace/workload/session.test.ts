import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from 'dure/runtime'
import { drawSessions, type SessionOptions, type SessionPlan, type Shelves } from './session.ts'

const shelves: Shelves = Array.from({ length: 20 }, (_, s) => ({
  seller: 100 + s,
  products: Array.from({ length: 10 }, (_, p) => s * 10 + p),
}))
const plain: SessionOptions = {
  sellers: { kind: 'uniform' },
  products: { kind: 'uniform' },
  checkoutProbability: 100,
  voucherProbability: 5,
  uniqueSeller: false,
}

function plans(n: number, options: Partial<SessionOptions> = {}, seed = 1, where = shelves): SessionPlan[] {
  const next = drawSessions(where, { ...plain, ...options }, seededRandom(seed))
  return Array.from({ length: n }, next)
}

test('the same seed plans the same sessions, another seed others', () => {
  assert.deepEqual(plans(50), plans(50))
  assert.notDeepEqual(plans(50), plans(50, {}, 2))
})

test('a session has 1 to 10 distinct items of quantity 1 to 10', () => {
  const sizes = new Set<number>()
  for (const { items } of plans(2000)) {
    sizes.add(items.length)
    assert.equal(new Set(items.map(({ product }) => product)).size, items.length)
    for (const { quantity } of items) assert.ok(quantity >= 1 && quantity <= 10)
  }
  assert.deepEqual(
    [...sizes].toSorted((a, b) => a - b),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  )
})

test('vouchers and checkouts come with their probability, installments only with credit', () => {
  const all = plans(4000, { checkoutProbability: 25 })
  const items = all.flatMap((plan) => plan.items)
  const vouchers = items.filter(({ voucher }) => voucher).length / items.length
  assert.ok(vouchers > 0.04 && vouchers < 0.06, String(vouchers))
  const checkouts = all.filter(({ checkout }) => checkout).length / all.length
  assert.ok(checkouts > 0.22 && checkouts < 0.28, String(checkouts))
  for (const { payment, installments } of all) {
    if (payment === 'CREDIT_CARD') assert.ok(installments >= 1 && installments <= 10)
    else assert.equal(installments, 0)
  }
  assert.equal(new Set(all.map(({ payment }) => payment)).size, 3)
})

test('with unique sellers no two items are of one seller', () => {
  for (const { items } of plans(500, { uniqueSeller: true })) {
    assert.equal(new Set(items.map(({ product }) => Math.floor(product / 10))).size, items.length)
  }
})

test('a small shop and a steep skew give shorter sessions, not endless ones', () => {
  const tiny: Shelves = [
    { seller: 1, products: [0, 1] },
    { seller: 2, products: [] },
  ]
  for (const { items } of plans(50, {}, 1, tiny)) assert.ok(items.length >= 1 && items.length <= 2)
  for (const { items } of plans(50, { sellers: { kind: 'zipf', constant: 20 }, uniqueSeller: true })) assert.ok(items.length >= 1)
})
