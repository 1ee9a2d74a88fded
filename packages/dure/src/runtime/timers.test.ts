import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { realTimers } from './timers.ts'

test('a time that is over is now, and the platform is asked for nothing that it would warn of', async (t: TestContext) => {
  const warnings: string[] = []
  const hear = ({ name }: Error): void => void warnings.push(name)
  process.on('warning', hear)
  t.after(() => process.off('warning', hear))
  const timers = realTimers()
  for (const ms of [-1, -0.5, Number.NEGATIVE_INFINITY, 0]) {
    await new Promise<void>((done) => void timers.after(ms, done, 'waited'))
    await timers.sleep(ms)
  }
  // Warnings are told in the next tick.
  await new Promise(setImmediate)
  assert.deepEqual(warnings, [])
  assert.throws(() => timers.after(Number.NaN, () => {}), TypeError)
})
