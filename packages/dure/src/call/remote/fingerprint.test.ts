import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isUnchanged, fingerprintOf } from './fingerprint.ts'

const trees = fc.object({
  withDate: true,
  withBigInt: true,
  withNullPrototype: true,
  values: [fc.jsonValue(), fc.constantFrom(undefined, Number.NaN, -0)],
})

test('what is the same is unchanged, and what differs anywhere is not', () => {
  fc.assert(
    fc.property(trees, trees, (one, other) => {
      const notes = fingerprintOf(one)!
      assert.ok(isUnchanged(one, notes))
      assert.ok(isUnchanged(structuredClone(one), notes))
      let same = true
      try {
        assert.deepStrictEqual(structuredClone(one), structuredClone(other))
      } catch {
        same = false
      }
      if (!same) assert.ok(!isUnchanged(other, notes))
    }),
  )
  for (const [one, other] of [
    [{ a: { b: 'c', d: 'e' } }, { a: 'b', c: 'd', e: {} }],
    [{ a: undefined }, { a: {} }],
    [
      [1, [2]],
      [[1], 2],
    ],
    [{ a: [] }, { a: 0 }],
    [{ at: new Date(5) }, { at: 5 }],
    [{ a: 0 }, { a: -0 }],
  ]) {
    assert.ok(!isUnchanged(other, fingerprintOf(one)!))
  }
})

test('one change in the same object is seen', () => {
  const input = { lines: [{ sku: 'x', at: new Date(1) }], note: '' }
  const notes = fingerprintOf(input)!
  input.lines[0]!.at.setTime(2)
  assert.ok(!isUnchanged(input, notes))
  input.lines[0]!.at.setTime(1)
  assert.ok(isUnchanged(input, notes))
  input.lines.push(input.lines[0]!)
  assert.ok(!isUnchanged(input, notes))
})

test('what is not plain is not noted, and a cycle ends', () => {
  class Money {
    amount = 1
  }
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  for (const input of [new Map(), { tags: new Set() }, [new Uint8Array(1)], { price: new Money() }, cycle]) {
    assert.equal(fingerprintOf(input), undefined)
  }
})
