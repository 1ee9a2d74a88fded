import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { at, fitLine } from './fit.ts'

test('what is used without calls is told apart from what calls cost, whatever the two are', () => {
  const positive = fc.double({ min: 0.001, max: 100, noNaN: true })
  const rates = fc.uniqueArray(fc.integer({ min: 1, max: 1_000 }), { minLength: 2, maxLength: 5 })
  fc.assert(
    fc.property(positive, positive, rates, (idle, each, measured) => {
      fc.pre(Math.max(...measured) >= 1.3 * Math.min(...measured))
      const line = fitLine(measured.map((rate) => ({ rate, used: idle + each * rate })))
      for (const rate of [...measured, 10_000]) {
        assert.ok(Math.abs(at(line, rate) - (idle + each * rate)) <= 1e-6 * (idle + each * rate))
      }
    }),
  )
})

test('of one load, or loads alike, all is the calls own; what falls with more calls costs nothing; nothing is below nothing', () => {
  assert.deepEqual(fitLine([{ rate: 10, used: 2 }]), { idle: 0, each: 0.2 })
  assert.deepEqual(
    fitLine([
      { rate: 10, used: 2 },
      { rate: 11, used: 9 },
    ]).idle,
    0,
  )
  assert.deepEqual(
    fitLine([
      { rate: 10, used: 3 },
      { rate: 20, used: 1 },
    ]),
    { idle: 2, each: 0 },
  )
  const steep = fitLine([
    { rate: 10, used: 1 },
    { rate: 20, used: 4 },
  ])
  assert.equal(steep.idle, 0)
  assert.ok(at(steep, 15) > 0)
  assert.deepEqual(fitLine([{ rate: 0, used: 2 }]), { idle: 2, each: 0 })
})
