import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { autoscale, type AutoscaleLimits, type AutoscaleState } from './autoscale.ts'

const LIMITS: AutoscaleLimits = { least: 2, most: 20, inHand: 10, lag: 100, settle: 60 }

test('more copies at once, fewer after a while, and none in between for a load that goes up and down', () => {
  let state: AutoscaleState | undefined
  let copies = 2
  const changes: number[] = []
  for (let at = 0; at < 600; at += 10) {
    const next = autoscale({ at, copies, inHand: at < 300 ? (at % 20 === 0 ? 80 : 20) : 20 }, LIMITS, state)
    if (next.copies !== copies) changes.push(next.copies)
    ;({ copies, state } = next)
  }
  assert.deepEqual(changes, [4, 8, 2])
})

test('lag counts as calls do, and what is near enough changes nothing', () => {
  assert.equal(autoscale({ at: 0, copies: 4, inHand: 0, lag: 700 }, LIMITS).copies, 7)
  assert.equal(autoscale({ at: 0, copies: 4, inHand: 43 }, LIMITS).copies, 4)
  assert.equal(autoscale({ at: 0, copies: 4, inHand: 45 }, LIMITS).copies, 5)
})

test('any load: the number is between its limits, at most doubles, and a steady load comes to rest where it is enough', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 2, max: 20 }), (inHand, start) => {
      let state: AutoscaleState | undefined
      let copies = start
      for (let at = 0; at < 300; at += 10) {
        const next = autoscale({ at, copies, inHand }, LIMITS, state)
        assert.ok(next.copies >= 2 && next.copies <= 20 && next.copies <= copies * 2)
        ;({ copies, state } = next)
      }
      assert.ok(copies === 20 || inHand / 10 <= copies * 1.1)
      assert.ok(copies === 2 || inHand / 10 > (copies - 1) * 0.9)
    }),
  )
})
