import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualRuntime } from '../runtime/runtime.ts'
import { createLogger, foldRepeats } from './telemetry.ts'
import { plainLogger } from './internal.ts'

const HOUR = 3_600_000

function rig() {
  const world = virtualRuntime()
  const lines: Record<string, unknown>[] = []
  const plain = createLogger({ clock: world.clock, write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) })
  return { world, plain, log: foldRepeats(plain, world), lines }
}

test('whatever tries again, however often, writes few lines an hour, the first at once, and none is lost from the count', async () => {
  for (const [every, burst] of [
    [10_000, 500],
    [30_000, 1],
    [60_000, 1],
    [90_000, 1],
  ] as const) {
    const { world, log, lines } = rig()
    let said = 0
    const fail = (): void => log.error('The disk is full', { file: 'a', try: said++, error: new Error('ENOSPC') })
    fail()
    assert.equal(lines.length, 1)
    for (let time = 0; time < HOUR; time += every) {
      for (let n = 0; n < burst; n++) fail()
      await world.advance(every)
    }
    assert.ok(lines.length <= 16, `every ${every} ms: ${lines.length} lines`)
    await world.advance(HOUR)
    const told = lines.reduce((sum, { repeated }) => sum + Number(repeated ?? 1), 0)
    assert.equal(told, said, `every ${every} ms`)
  }
})

test('what differs by failure, by whom it is about, or by level is another line; after a quiet time it is news again', async () => {
  const { world, log, lines } = rig()
  log.warn('It failed', { service: 'a', error: new Error('x') })
  log.warn('It failed', { service: 'a', error: new Error('y') })
  log.warn('It failed', { service: 'b', error: new Error('x') })
  log.error('It failed', { service: 'a', error: new Error('x') })
  log.with({ group: 'g' }).warn('It failed', { service: 'a', error: new Error('x') })
  log.info('It goes on')
  log.info('It goes on')
  assert.equal(lines.length, 7)
  await world.advance(HOUR)
  log.warn('It failed', { service: 'a', error: new Error('x') })
  assert.equal(lines.length, 8)
  assert.equal(lines[7]!['repeated'], undefined)
})

test('a logger is folded once, and the one that writes every line is found again under any fields', () => {
  const { plain, log, lines } = rig()
  assert.equal(foldRepeats(log, rig().world), log)
  assert.equal(plainLogger(log), plain)
  assert.equal(plainLogger(plain), plain)
  const own = plainLogger(log.with({ service: 'a' }))
  for (let n = 0; n < 3; n++) own.error('Said by a handler')
  assert.deepEqual(
    lines.map(({ service }) => service),
    ['a', 'a', 'a'],
  )
  const hostile = new Proxy(new Error('x'), { getPrototypeOf: () => assert.fail('It must not be asked') })
  log.error('It failed', { error: hostile })
  log.error('It failed', {
    error: {
      get message() {
        throw new Error('no')
      },
    },
  })
})

test('lines without end are not all remembered', async () => {
  const { world, log, lines } = rig()
  for (let n = 0; n < 5_000; n++) log.warn(`Line ${n}`)
  assert.equal(lines.length, 5_000)
  await world.advance(HOUR)
  for (let n = 0; n < 2; n++) log.warn('Another line')
  assert.equal(lines.length, 5_001)
})
