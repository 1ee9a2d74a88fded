import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CallError } from '../contract/contract.ts'
import { nameFor, nameFrom } from './broker-names.ts'

const KAFKA = { broker: 'Kafka', allowed: /[A-Za-z0-9._-]/, most: 249 }
const NATS = { broker: 'NATS', allowed: /[A-Za-z0-9_-]/, most: 200 }
const wide = (allowed: RegExp) => ({ broker: 'any', allowed, most: Infinity })

test('names that a broker allows stay as they are, and others can be read', () => {
  for (const name of ['orders', 'order_placed', 'order.placed-v2', '__consumer_offsets', 'my_xray', '_x', '_x_', '_xg_'])
    assert.equal(nameFor('topic', name, KAFKA), name)
  assert.equal(nameFor('group', 'billing/order.placed', KAFKA), 'billing_x2f_order.placed')
  assert.equal(nameFor('group', 'billing/order.placed', NATS), 'billing_x2f_order_x2e_placed')
  assert.equal(nameFor('topic', '주문', KAFKA), '_xc8fc__xbb38_')
  assert.equal(nameFor('topic', '..', KAFKA), '_x2e_.')
  assert.equal(nameFor('topic', '_x2f_', KAFKA), '_x5f_x2f_')
})

test('every name comes back, is made of allowed characters alone, and no two become one', () => {
  const name = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1 }),
    fc.string({ unit: fc.constantFrom(...'_x2f/.5é💡_'), minLength: 1, maxLength: 12 }),
  )
  for (const { allowed } of [KAFKA, NATS]) {
    const all = new RegExp(`^${allowed.source}+$`)
    fc.assert(
      fc.property(name, (one) => {
        const written = nameFor('group', one, wide(allowed))
        assert.match(written, all)
        assert.equal(nameFrom(written), one)
      }),
      { numRuns: 2_000 },
    )
  }
})

test('a name that is too long for the broker is refused with its true length', () => {
  assert.throws(
    () => nameFor('topic', '주'.repeat(40), KAFKA),
    (error) =>
      error instanceof CallError && error.code === 'INVALID_ARGUMENT' && /has 280, and 249 are allowed/.test(error.message),
  )
})

test('a name of others that only looks like one of ours is itself', () => {
  assert.equal(nameFrom('_xffffff_'), '_xffffff_')
})
