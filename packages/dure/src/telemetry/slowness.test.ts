import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../runtime/runtime.ts'
import { Slowness } from './slowness.ts'

test('of durations that vary few are slow, and one that is far beyond them is', () => {
  const random = seededRandom(7)
  const slowness = new Slowness()
  let slow = 0
  // Exponential, 20 ms at the middle.
  for (let i = 0; i < 20_000; i++) if (slowness.add(-20 * Math.log(1 - random.number()))) slow++
  assert.ok(slow < 20, String(slow))
  assert.equal(slowness.add(2_000), true)
})

test('nothing is slow before it is known what is usual, nor what takes no time worth a look', () => {
  const slowness = new Slowness()
  for (let i = 0; i < 200; i++) assert.equal(slowness.add(i === 100 ? 5_000 : 0), false)
  for (let i = 0; i < 5_000; i++) slowness.add(0.1)
  assert.equal(slowness.add(9), false)
  assert.equal(slowness.add(11), true)
})

test('what is slow for good is usual after a while', () => {
  const slowness = new Slowness()
  for (let i = 0; i < 1_000; i++) slowness.add(1)
  assert.equal(slowness.add(500), true)
  for (let i = 0; i < 300; i++) slowness.add(500)
  assert.equal(slowness.add(500), false)
})
