import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from 'dure/runtime'
import { drawTransactions, HEADLINE_MIX, parseMix, TRANSACTIONS } from './mix.ts'

test('transactions come in proportion to their weights, and never with weight 0', () => {
  const draw = drawTransactions({ ...HEADLINE_MIX, price: 0 }, seededRandom(3))
  const seen = Object.fromEntries(TRANSACTIONS.map((type) => [type, 0]))
  for (let i = 0; i < 97_000; i++) seen[draw()]!++
  assert.equal(seen['price'], 0)
  for (const type of ['checkout', 'dashboard', 'product', 'delivery'] as const) {
    const wanted = HEADLINE_MIX[type] * 1000
    assert.ok(Math.abs(seen[type]! - wanted) < wanted * 0.1 + 100, `${type}: ${seen[type]}`)
  }
})

test('a mix is read from text', () => {
  assert.deepEqual(parseMix('checkout:30,dashboard:5,price:3,product:2,delivery:60'), HEADLINE_MIX)
  assert.deepEqual(parseMix(' checkout : 1 '), { checkout: 1, dashboard: 0, price: 0, product: 0, delivery: 0 })
})

test('a mix that cannot be meant is refused with the part that is wrong', () => {
  assert.throws(() => parseMix('shopping:3'), /"shopping" is no transaction/)
  assert.throws(() => parseMix('checkout:-1'), /0 or more/)
  assert.throws(() => parseMix('checkout'), /a colon and a weight/)
  assert.throws(() => parseMix('checkout:0'), /every weight/)
})
