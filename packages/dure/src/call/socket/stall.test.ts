import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualRuntime } from '../../runtime/runtime.ts'
import { watchStalls } from './stall.ts'

test('a process that stood still knows how old a call may be, before and after its timers have run', async () => {
  const { timers, clock, advance } = virtualRuntime()
  let frozen = 0
  const watch = watchStalls({ timers, clock: { now: clock.now, monotonic: () => clock.monotonic() + frozen } })
  const age = (): number => watch.age(clock.monotonic() + frozen)
  await advance(1_000)
  assert.equal(age(), 0)
  frozen = 7_000
  assert.ok(age() >= 6_800, `${age()} before`)
  await advance(100)
  assert.ok(age() >= 6_800, `${age()} after`)
  await advance(1_000)
  assert.equal(age(), 0)
  watch.stop()
})

test('a busy moment is no stall', async () => {
  const { timers, clock, advance } = virtualRuntime()
  let busy = 0
  const watch = watchStalls({ timers, clock: { now: clock.now, monotonic: () => clock.monotonic() + busy } })
  await advance(500)
  busy = 200
  assert.equal(watch.age(clock.monotonic() + busy), 0)
  await advance(100)
  assert.equal(watch.age(clock.monotonic() + busy), 0)
  watch.stop()
})
