import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from 'dure/runtime'
import { drawFrom, firstAbove, type Distribution } from './distribution.ts'

function counts(n: number, distribution: Distribution, draws: number): number[] {
  const draw = drawFrom(n, distribution, seededRandom(7))
  const seen = Array.from({ length: n }, () => 0)
  for (let i = 0; i < draws; i++) seen[draw()]!++
  return seen
}

test('zipf: the first thing is drawn k times as often as the k-th', () => {
  const seen = counts(10, { kind: 'zipf', constant: 1 }, 200_000)
  for (const k of [2, 5, 10]) {
    const ratio = seen[0]! / seen[k - 1]!
    assert.ok(Math.abs(ratio - k) < k * 0.1, `ratio to the ${k}-th is ${ratio}`)
  }
})

test('zipf with constant 0 is uniform, and uniform is', () => {
  for (const distribution of [{ kind: 'zipf', constant: 0 }, { kind: 'uniform' }] as const) {
    for (const seen of counts(8, distribution, 80_000)) assert.ok(Math.abs(seen - 10_000) < 600, String(seen))
  }
})

test('every draw is in range, also at the ends of chance', () => {
  for (const number of [0, 0.5, 1 - Number.EPSILON / 2]) {
    const draw = drawFrom(3, { kind: 'zipf', constant: 1 }, { ...seededRandom(1), number: () => number })
    assert.ok([0, 1, 2].includes(draw()))
  }
  assert.equal(firstAbove(Float64Array.of(1, 2, 3), 3), 2)
  assert.equal(firstAbove(Float64Array.of(1, 2, 3), 1), 1)
})

test('the same seed draws the same', () => {
  const draw = () => counts(5, { kind: 'zipf', constant: 0.2 }, 100)
  assert.deepEqual(draw(), draw())
})

test('nothing to draw from, and a constant that is none, are refused', () => {
  assert.throws(() => drawFrom(0, { kind: 'uniform' }, seededRandom(1)), /at least one/)
  assert.throws(() => drawFrom(2, { kind: 'zipf', constant: Number.NaN }, seededRandom(1)), /0 or more/)
})
