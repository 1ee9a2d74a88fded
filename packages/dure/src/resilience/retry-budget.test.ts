import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { virtualRuntime } from '../runtime/runtime.ts'
import { createRetryBudget } from './resilience.ts'

test('five calls earn one retry, and a quiet caller may retry too', async () => {
  const { clock } = virtualRuntime()
  const earned = createRetryBudget({ clock, policy: { ratio: 0.2, minimumPerSecond: 0 } })
  for (let i = 0; i < 4; i++) earned.called()
  assert.equal(earned.take(), false)
  earned.called()
  assert.equal(earned.left(), 1)
  assert.equal(earned.take(), true)
  assert.equal(earned.take(), false)

  const quiet = createRetryBudget({ clock, policy: { ratio: 0, minimumPerSecond: 2, window: 1_000 } })
  assert.deepEqual([quiet.take(), quiet.take(), quiet.take()], [true, true, false])
})

test('what was earned and what was spent is forgotten after the window', async () => {
  const world = virtualRuntime()
  const budget = createRetryBudget({ clock: world.clock, policy: { ratio: 1, minimumPerSecond: 1, window: 1_000 } })
  for (let i = 0; i < 50; i++) budget.called()
  await world.advance(1_100)
  assert.equal(budget.left(), 1, 'only the minimum is left')
  assert.equal(budget.take(), true)
  assert.equal(budget.take(), false)
  await world.advance(1_100)
  assert.equal(budget.take(), true)
  await world.advance(1_000_000)
  assert.equal(budget.left(), 1)
})

test('a retry is granted exactly when the retries of the last window stay within the ratio of its calls and the minimum', () => {
  const step = fc.record({
    wait: fc.oneof(fc.constant(0), fc.nat(30), fc.nat(2_500)),
    calls: fc.nat(12),
    retries: fc.nat(12),
  })
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.constantFrom(0, 0.1, 0.2, 1),
      fc.constantFrom(0, 1, 10),
      (steps, ratio, minimumPerSecond) => {
        let now = 0
        const window = 1_000
        const clock = { now: () => now, monotonic: () => now }
        const budget = createRetryBudget({ clock, policy: { ratio, minimumPerSecond, window } })
        const slice = (at: number): number => Math.floor(at / (window / 10))
        const called: number[] = []
        const taken: number[] = []
        for (const { wait, calls, retries } of steps) {
          now += wait
          for (let i = 0; i < calls; i++) {
            budget.called()
            called.push(slice(now))
          }
          for (let i = 0; i < retries; i++) {
            const left = budget.left()
            const granted = budget.take()
            assert.equal(granted, left > 0)
            if (granted) taken.push(slice(now))
            const inWindow = (at: number): boolean => at > slice(now) - 10
            const most = called.filter(inWindow).length * ratio + minimumPerSecond
            // Nor does it refuse what is there.
            if (granted) assert.ok(taken.filter(inWindow).length <= most + 1e-6)
            else assert.ok(taken.filter(inWindow).length + 1 > most + 1e-6)
          }
        }
      },
    ),
  )
})
