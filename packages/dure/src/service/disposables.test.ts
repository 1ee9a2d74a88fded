import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualRuntime } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import { createDisposables } from './disposables.ts'

function rig() {
  const world = virtualRuntime()
  const lines: string[] = []
  const note = (message: string): void => void lines.push(message)
  const log: Logger = { debug: note, info: note, warn: note, error: note, with: () => log }
  const disposables = createDisposables({ runtime: world, log, shutdownTimeout: 1_000 })
  const took: [string, number][] = []
  return { world, disposables, lines, took, note: (what: string, timeout: number): void => void took.push([what, timeout]) }
}

test('all steps of a stop share one time: each is told what is left, and one that never ends is left behind by name', async () => {
  const { world, disposables, lines, took, note } = rig()
  disposables.add('the last', ({ timeout }) => note('the last', timeout))
  disposables.add('what hangs', ({ timeout }) => {
    note('what hangs', timeout)
    return new Promise<never>(() => {})
  })
  disposables.add('what fails', ({ timeout }) => {
    note('what fails', timeout)
    throw new Error('no')
  })
  disposables.add('what is slow', async ({ timeout }) => {
    note('what is slow', timeout)
    await world.timers.sleep(400)
  })
  let over = Number.NaN
  const stopping = disposables.dispose().then(() => (over = world.clock.monotonic()))
  await world.advance(10_000)
  await stopping
  assert.deepEqual(took, [
    ['what is slow', 1_000],
    ['what fails', 600],
    ['what hangs', 600],
    ['the last', 0],
  ])
  assert.equal(over, 2_000)
  assert.deepEqual(lines, [
    'Could not stop what fails cleanly',
    'Could not stop what hangs within the 1000 ms of the whole stop; it is left behind',
  ])
})

test('however many steps hang, a stop ends; who stops may give it another time', async () => {
  const { world, disposables, lines } = rig()
  for (let n = 0; n < 20; n++) disposables.add(`step ${n}`, () => new Promise<never>(() => {}))
  let over = Number.NaN
  const stopping = disposables.dispose({ timeout: 50 }).then(() => (over = world.clock.monotonic()))
  await world.advance(60_000)
  await stopping
  assert.equal(lines.length, 20)
  assert.ok(over <= 50 + 1_000 + 20 * 100, String(over))
})
