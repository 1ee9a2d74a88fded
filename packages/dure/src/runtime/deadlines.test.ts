import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createDeadlines, virtualRuntime, type DeadlineEntry } from './runtime.ts'

function entry(expire: () => void): DeadlineEntry {
  return { expire, at: 0, previous: undefined, following: undefined }
}

test('a deadline fires after its time and at most two ticks later', async () => {
  const world = virtualRuntime()
  const deadlines = createDeadlines({ clock: world.clock, timers: world.timers, resolution: 10 })
  let fired: number | undefined
  deadlines.add(
    entry(() => (fired = world.clock.monotonic())),
    95,
  )
  await world.advance(94)
  assert.equal(fired, undefined)
  await world.advance(26)
  assert.ok(fired !== undefined && fired >= 95 && fired <= 115, `fired at ${fired}`)
})

test('a removed deadline never fires, and an idle wheel keeps no timer', async () => {
  const world = virtualRuntime()
  const deadlines = createDeadlines({ clock: world.clock, timers: world.timers })
  const never = entry(() => assert.fail('it was removed'))
  deadlines.add(never, 50)
  deadlines.remove(never)
  deadlines.remove(never)
  await world.advance(1000)
  assert.equal(world.pending(), 0)
})

test('a deadline further away than one turn of the wheel waits its turns', async () => {
  const world = virtualRuntime()
  const deadlines = createDeadlines({ clock: world.clock, timers: world.timers, resolution: 10 })
  let fired = false
  deadlines.add(
    entry(() => (fired = true)),
    30_000,
  )
  await world.advance(29_990)
  assert.equal(fired, false)
  await world.advance(40)
  assert.equal(fired, true)
})

test('an expiry that removes its neighbours does not break the wheel', async () => {
  const world = virtualRuntime()
  const deadlines = createDeadlines({ clock: world.clock, timers: world.timers })
  const fired: number[] = []
  const entries = [0, 1, 2].map((i) =>
    entry(() => {
      fired.push(i)
      deadlines.remove(entries[i + 1] ?? entries[0]!)
    }),
  )
  for (const one of entries) deadlines.add(one, 50)
  await world.advance(100)
  assert.deepEqual(fired, [0, 2])
})

test('after a pause longer than the wheel, everything due fires once', async () => {
  let now = 0
  const pending: (() => void)[] = []
  const deadlines = createDeadlines({
    clock: { now: () => now, monotonic: () => now },
    timers: { after: (_ms, task) => (pending.push(task), { cancel: () => {} }), sleep: async () => {}, soon: (task) => task() },
  })
  let fired = 0
  for (let at = 100; at <= 9_000; at += 100)
    deadlines.add(
      entry(() => fired++),
      at,
    )
  // The process was frozen: one tick arrives, an hour late.
  now = 3_600_000
  pending.shift()!()
  assert.equal(fired, 90)
})

test('any set of deadlines fires each entry exactly once, none early', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 25_000 }), { maxLength: 40 }), async (times) => {
      const world = virtualRuntime()
      const deadlines = createDeadlines({ clock: world.clock, timers: world.timers, resolution: 50 })
      const fired = new Map<number, number>()
      times.forEach((at, i) =>
        deadlines.add(
          entry(() => {
            assert.ok(world.clock.monotonic() >= at)
            fired.set(i, (fired.get(i) ?? 0) + 1)
          }),
          at,
        ),
      )
      await world.advance(26_000)
      assert.deepEqual(
        [...fired.values()],
        times.map(() => 1),
      )
    }),
    { numRuns: 15 },
  )
})

test('one deadline far away wakes an idle process twice a second at most, and a near one that comes later is in time', async () => {
  const world = virtualRuntime()
  const deadlines = createDeadlines({ clock: world.clock, timers: world.timers, resolution: 10 })
  let fired: number | undefined
  deadlines.add(
    entry(() => assert.fail('its hour has not come')),
    3_600_000,
  )
  let wakes = 0
  while (world.clock.monotonic() < 20_000) {
    await world.step()
    wakes++
  }
  assert.ok(wakes <= 40, `it woke ${wakes} times in 20 seconds`)
  const at = world.clock.monotonic() + 7
  deadlines.add(
    entry(() => (fired = world.clock.monotonic())),
    at,
  )
  await world.advance(40)
  assert.ok(fired !== undefined && fired >= at && fired <= at + 20, `due at ${at}, fired at ${fired}`)
})
