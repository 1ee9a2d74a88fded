import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { uniqueName } from './names.ts'

const KINDS = ['slot', 'publication', 'application'] as const
const SUMMED = /_[0-9a-f]{16}$/

test('names of different parts are different, within what the server keeps of a name', () => {
  const word = fc.oneof(
    { weight: 3, arbitrary: fc.stringMatching(/^[ab_ -]{1,4}$/) },
    fc.string({ unit: 'grapheme', maxLength: 80 }),
    fc.stringMatching(/^[a-zA-Z]{50,70}$/),
  )
  const parts = fc.array(word, { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), parts, parts, (kind, one, other) => {
      const [first, second] = [uniqueName(kind, ...one), uniqueName(kind, ...other)]
      assert.ok(Buffer.byteLength(first) <= 63, first)
      assert.match(first, kind === 'application' ? /^[ -~]+$/ : /^[a-z0-9_]+$/)
      assert.equal(first === second, JSON.stringify(one) === JSON.stringify(other))
      // A name that was made is no way around it either.
      assert.notEqual(uniqueName(kind, first, ...one), first)
      if (uniqueName(kind, first) === first) assert.deepEqual(one.join(kind === 'application' ? ' ' : '_'), first)
    }),
    { numRuns: 2_000 },
  )
})

test('names are plain where the parts alone say it, and parts that run into each other are told apart', () => {
  assert.equal(uniqueName('slot', 'dure', 'shop', 'orders'), 'dure_shop_orders')
  assert.equal(uniqueName('application', 'dure', 'witness', 'orders'), 'dure witness orders')
  assert.notEqual(uniqueName('slot', 'dure', 'a_b', 'c'), uniqueName('slot', 'dure', 'a', 'b_c'))
  assert.notEqual(uniqueName('slot', 'dure', 'Shop'), uniqueName('slot', 'dure', 'shop'))
  assert.notEqual(uniqueName('application', 'dure', 'log', '주문'), uniqueName('application', 'dure', 'log', '결제'))
  const made = uniqueName('slot', 'x'.repeat(70))
  assert.notEqual(uniqueName('slot', made), made)
})

test('roles of any database, service and log relay are different, and plain for services that contracts allow', () => {
  const database = fc.oneof(fc.stringMatching(/^[ab_]{1,4}$/), fc.constantFrom('a', 'a_log', 'a_b_log'))
  const service = fc.oneof(fc.stringMatching(/^[ab_]{1,4}$/), fc.constantFrom('log', 'b-log'))
  const parts = fc.tuple(database, service, fc.constantFrom([], ['log'])).map(([one, other, relay]) => [one, other, ...relay])
  fc.assert(
    fc.property(parts, parts, (one, other) => {
      assert.equal(uniqueName('role', ...one) === uniqueName('role', ...other), JSON.stringify(one) === JSON.stringify(other))
    }),
    { numRuns: 2_000 },
  )
  assert.equal(uniqueName('role', 'my_shop', 'order-history'), 'my_shop_order-history')
  assert.equal(uniqueName('role', 'my_shop', 'orders', 'log'), 'my_shop_orders_log')
  assert.match(uniqueName('role', 'shop', 'log'), SUMMED)
  const long = uniqueName('role', 'shop', 'x'.repeat(63))
  assert.equal(long, 'shop_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_' + long.slice(-16))
})
