import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualRuntime } from './runtime.ts'

test('virtual time moves only when told, and timers fire in order of time and making', async () => {
  const world = virtualRuntime({ start: 1_000 })
  const seen: string[] = []
  world.timers.after(20, () => seen.push('c'))
  world.timers.after(10, () => seen.push('a'))
  world.timers.after(10, () => seen.push('b'))
  assert.equal(world.clock.now(), 1_000)
  await world.advance(15)
  assert.deepEqual(seen, ['a', 'b'])
  assert.equal(world.clock.monotonic(), 15)
  await world.advance(5)
  assert.deepEqual(seen, ['a', 'b', 'c'])
})

test('promises settle between timers', async () => {
  const world = virtualRuntime()
  const seen: string[] = []
  world.timers.after(1, () => void Promise.resolve().then(() => seen.push('settled')))
  world.timers.after(2, () => seen.push('second'))
  await world.advance(5)
  assert.deepEqual(seen, ['settled', 'second'])
})

test('a sleep ends early when its signal aborts, and leaves no timer', async () => {
  const world = virtualRuntime()
  const controller = new AbortController()
  const slept = world.timers.sleep(1_000, controller.signal)
  controller.abort()
  await slept
  await world.timers.sleep(1_000, controller.signal)
  assert.equal(world.pending(), 0)
})

test('a timer made by a timer fires in the same advance when it is due', async () => {
  const world = virtualRuntime()
  let fired = 0
  world.timers.after(5, () => world.timers.after(5, () => fired++))
  await world.advance(10)
  assert.equal(fired, 1)
})
