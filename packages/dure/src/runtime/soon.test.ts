import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realRuntime } from './runtime.ts'

test('what soon leads to is of the same turn, after the promises of the step before', async () => {
  const { timers } = realRuntime()
  const steps: string[] = []
  const done = new Promise<void>((resolve) => {
    timers.soon(() => {
      steps.push('first')
      setImmediate(() => {
        steps.push('next turn')
        resolve()
      })
      void Promise.resolve()
        .then(() => steps.push('promise'))
        .then(() => steps.push('its promise'))
      timers.soon(() => steps.push('second'))
    })
  })
  steps.push('caller')
  await done
  assert.deepEqual(steps, ['caller', 'first', 'promise', 'its promise', 'second', 'next turn'])
})

test('whoever asks again and again does not keep everybody else waiting', async () => {
  const { timers } = realRuntime()
  let asked = 0
  let over = false
  const again = (): void => {
    asked++
    if (!over) timers.soon(again)
  }
  timers.soon(again)
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => void setImmediate(resolve))
  over = true
  assert.ok(asked >= 5 && asked <= 5 * 8, `${asked} in five turns`)
})
