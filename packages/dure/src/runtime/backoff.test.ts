import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backoff, longestBackoff } from './backoff.ts'
import { seededRandom } from './random.ts'

test('a backoff stays under a bound that doubles up to the longest, and is spread over its upper half', () => {
  const random = seededRandom(7)
  for (const [failed, bound] of [
    [1, 20],
    [2, 40],
    [3, 80],
    [4, 100],
    [50, 100],
  ] as const) {
    const pauses = Array.from({ length: 300 }, () => backoff({ first: 20, max: 100 }, failed, random))
    assert.ok(pauses.every((pause) => pause >= bound / 2 && pause < bound))
    assert.ok(Math.min(...pauses) < bound * 0.55 && Math.max(...pauses) > bound * 0.95)
  }
})

test('however often it failed, a backoff is a number between nothing and its longest', () => {
  fc.assert(
    fc.property(
      fc.record({ first: fc.nat(), factor: fc.double({ min: 1, max: 1_000, noNaN: true }), max: fc.nat() }),
      fc.nat(),
      (policy, failures) => {
        const longest = longestBackoff(policy, failures + 1)
        const pause = backoff(policy, failures + 1, seededRandom(failures))
        assert.ok(longest <= policy.max && pause >= longest / 2 && pause <= longest)
      },
    ),
  )
})
