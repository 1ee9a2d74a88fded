import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createIds } from './ids.ts'
import { seededRandom } from './random.ts'
import { realRuntime } from './runtime.ts'

test('ids are UUIDv7, unique, and sort by time of making', () => {
  const { ids } = realRuntime()
  const made = Array.from({ length: 20_000 }, () => ids.next())
  for (const id of made) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal(new Set(made).size, made.length)
  assert.deepEqual(made.toSorted(), made)
})

test('ids keep their order when the wall clock steps back', () => {
  const readings = [1_000_000, 1_000_000, 999_000, 998_000, 1_000_001]
  const ids = createIds({ clock: { now: () => readings.shift() ?? 0, monotonic: () => 0 }, random: seededRandom(7) })
  const made = Array.from({ length: 5 }, () => ids.next())
  assert.deepEqual(made.toSorted(), made)
})

test('ids carry on when a millisecond is full', () => {
  const ids = createIds({ clock: { now: () => 5_000, monotonic: () => 0 }, random: seededRandom(1) })
  const made = Array.from({ length: 10_000 }, () => ids.next())
  assert.deepEqual(made.toSorted(), made)
  assert.equal(new Set(made).size, made.length)
})

test('one seed gives the same ids for ever', () => {
  const make = () => createIds({ clock: { now: () => 1, monotonic: () => 0 }, random: seededRandom(42) })
  const [a, b] = [make(), make()]
  assert.equal(a.next(), b.next())
  assert.equal(a.hex(16), b.hex(16))
  assert.equal(a.hex(16).length, 32)
})
