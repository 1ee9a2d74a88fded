import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../runtime/runtime.ts'
import { createLimit, createSampler } from './sampler.ts'

const random = seededRandom(1)

test('of any arrivals no second has more than those of two, and whoever comes seldom is let in always', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 300 }),
      (perSecond, pauses) => {
        const allowed = createLimit(perSecond)
        let now = 0
        const taken = pauses.flatMap((pause) => (allowed((now += pause)) ? [now] : []))
        for (const from of taken)
          assert.ok(taken.filter((at) => at >= from && at < from + 1_000).length <= perSecond * 2, `from ${from}`)
        const seldom = createLimit(perSecond)
        for (let i = 0; i < 100; i++) assert.ok(seldom(i * Math.ceil(1_000 / perSecond)))
      },
    ),
  )
})

test('by default a quiet process keeps everything, and of many traces twenty a second and one in a hundred', () => {
  const sample = createSampler({ random }, undefined)
  for (let second = 0; second < 5; second++) for (let i = 0; i < 20; i++) assert.ok(sample(second * 1_000 + i * 50))
  let sampled = 0
  for (let i = 0; i < 100_000; i++) if (sample(10_000 + i / 10)) sampled++
  // 10 seconds: 20 at once and 200, and 1 % of the rest.
  assert.ok(sampled > 1_000 && sampled < 1_500, String(sampled))
})

test('a number is a share alone; of none nothing is sampled', () => {
  const none = createSampler({ random }, 0)
  const all = createSampler({ random }, 1)
  const rare = createSampler({ random }, { perSecond: 0.1, ratio: 0 })
  for (let i = 0; i < 100; i++) assert.deepEqual([none(i), all(i)], [false, true])
  assert.deepEqual([0, 5_000, 10_000, 10_001, 25_000].map(rare), [true, false, true, false, true])
})

test('what is no share and no rate is refused', () => {
  for (const wrong of [2, Number.NaN, { perSecond: -1 }, { ratio: 1.5 }, { perSecond: Number.POSITIVE_INFINITY }])
    assert.throws(() => createSampler({ random }, wrong), /Cannot open telemetry/)
})
