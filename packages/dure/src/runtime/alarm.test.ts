import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createAlarm } from './alarm.ts'
import { LONGEST_WAIT } from './numbers.ts'
import { realTimers } from './timers.ts'
import { virtualRuntime } from './virtual.ts'

/** A store in memory: times at which something is due, and what was done when. */
function rig(options: { longest?: number; seed?: number } = {}) {
  const runtime = virtualRuntime({ seed: options.seed ?? 1, start: 0 })
  const now = runtime.clock.monotonic
  let due: number[] = []
  let broken = 0
  const done: { readonly due: number; readonly at: number }[] = []
  const failures: unknown[] = []
  let looks = 0
  const alarm = createAlarm({
    runtime,
    longest: options.longest ?? 60_000,
    work: async () => {
      looks++
      if (broken-- > 0) throw new Error('The store is away')
      for (const each of due.filter((time) => time <= now())) done.push({ due: each, at: now() })
      due = due.filter((time) => time > now())
    },
    next: async () => (due.length === 0 ? undefined : Math.max(0, Math.min(...due) - now())),
    failed: (error) => void failures.push(error),
  })
  return {
    ...{ runtime, alarm, done, failures },
    looks: () => looks,
    broken: (times: number) => void (broken = times),
    /** Written by this process, or by another, which rings nobody. */
    write: (time: number, by: 'me' | 'another' = 'me') => {
      due.push(time)
      if (by === 'me') alarm.ring(time - now())
    },
  }
}

test('what waits is done at its time, and nothing is asked meanwhile', async () => {
  const { runtime, alarm, done, looks, write } = rig()
  await runtime.advance(10)
  write(5_000)
  write(2_000)
  await runtime.advance(1_999 - 10)
  assert.deepEqual(done, [])
  assert.equal(looks(), 1)
  await runtime.advance(10_000)
  assert.deepEqual(done, [
    { due: 2_000, at: 2_000 },
    { due: 5_000, at: 5_000 },
  ])
  assert.equal(looks(), 3)
  await alarm.stop()
})

test('what others write is found within the longest wait', async () => {
  const { runtime, alarm, done, write } = rig({ longest: 1_000 })
  await runtime.advance(100)
  write(200, 'another')
  await runtime.advance(1_000)
  assert.deepEqual(done, [{ due: 200, at: 1_000 }])
  await alarm.stop()
})

test('a store that fails is asked again with pauses, and told of once; then all is done', async () => {
  const { runtime, alarm, done, failures, looks, broken, write } = rig()
  broken(5)
  write(0)
  await runtime.advance(20_000)
  assert.equal(done.length, 1)
  assert.equal(failures.length, 1)
  assert.equal(looks(), 6)
  await alarm.stop()
})

test('what stays due is asked for with a pause, not in a loop', async () => {
  const runtime = virtualRuntime({ start: 0 })
  let looks = 0
  const work = async () => void looks++
  const alarm = createAlarm({ runtime, work, next: async () => 0, longest: 1_000, failed: () => {} })
  await runtime.advance(100)
  assert.ok(looks > 90 && looks <= 101, `${looks} looks in 100 ms`)
  await alarm.stop()
})

test('a wait longer than a timer can is waited in full', async () => {
  const { runtime, alarm, done, write } = rig({ longest: Infinity })
  write(LONGEST_WAIT * 3)
  await runtime.advance(LONGEST_WAIT * 3 - 1)
  assert.deepEqual(done, [])
  await runtime.advance(1)
  assert.equal(done.length, 1)
  await alarm.stop()
  // The platform's timers as well: one that is longer than they can must not fire at once.
  let looks = 0
  const real = createAlarm({
    runtime: { ...runtime, timers: realTimers() },
    work: async () => void looks++,
    next: async () => LONGEST_WAIT * 2,
    longest: Infinity,
    failed: () => {},
  })
  while (looks === 0) await new Promise(setImmediate)
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
  assert.equal(looks, 1)
  await real.stop()
})

test('stopping waits for the work under way, begins no more, and leaves no timer', async () => {
  const runtime = virtualRuntime({ start: 0 })
  const { promise, resolve } = Promise.withResolvers<void>()
  let looks = 0
  const work = async (): Promise<void> => {
    looks++
    await promise
    throw new Error('Cut off')
  }
  const failed = () => assert.fail('nobody is told after the stop')
  const alarm = createAlarm({ runtime, work, next: async () => 0, longest: 10, failed })
  await runtime.advance(1)
  let over = false
  const stopping = alarm.stop().then(() => void (over = true))
  await runtime.advance(100)
  assert.equal(over, false)
  resolve()
  await stopping
  alarm.ring()
  await runtime.advance(1_000)
  assert.equal(looks, 1)
  assert.equal(runtime.pending(), 0)
})

test('never early, never lost, whatever is written when', async () => {
  const writes = fc.array(
    fc.record({ at: fc.integer({ min: 0, max: 5_000 }), wait: fc.integer({ min: 0, max: 5_000 }), mine: fc.boolean() }),
    { maxLength: 20 },
  )
  await fc.assert(
    fc.asyncProperty(writes, fc.integer({ min: 1, max: 3_000 }), async (given, longest) => {
      const { runtime, alarm, done, write } = rig({ longest })
      for (const { at, wait, mine } of given)
        runtime.timers.after(at, () => write(runtime.clock.monotonic() + wait, mine ? 'me' : 'another'))
      await runtime.advance(20_000)
      assert.equal(done.length, given.length)
      for (const { due, at } of done) assert.ok(at >= due && at <= due + longest)
      await alarm.stop()
    }),
    { numRuns: 50 },
  )
})
