import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HOSTILE_THROWS, UNREADABLE_VALUES } from '../call/hostile-throws.conformance.ts'
import { createLogger, silentLogger, type LogFields } from './telemetry.ts'
import { errorType, safeLogger } from './internal.ts'

test('a line is one JSON object with its fields, and errors keep their code and cause', () => {
  const lines: string[] = []
  const log = createLogger({ clock: { now: () => 0, monotonic: () => 0 }, write: (line) => lines.push(line) })
  log.debug('below the level')
  log
    .with({ service: 'orders' })
    .error('It broke', { error: Object.assign(new Error('no', { cause: new Error('deep') }), { code: 'X' }), n: 5n })
  assert.equal(lines.length, 1)
  const line = JSON.parse(lines[0]!)
  assert.equal(line.time, '1970-01-01T00:00:00.000Z')
  assert.deepEqual(
    [line.level, line.message, line.service, line.n, line.error.code, line.error.cause.message],
    ['error', 'It broke', 'orders', '5', 'X', 'deep'],
  )
})

/** Makers of whatever there is, and of what is hostile by design, alone and inside something. */
const anything: fc.Arbitrary<() => unknown> = fc.oneof(
  fc
    .anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withNullPrototype: true })
    .map((value) => () => value),
  fc.constantFrom(...HOSTILE_THROWS.map(({ make }) => make), ...UNREADABLE_VALUES),
)
const held: fc.Arbitrary<() => unknown> = fc.oneof(
  anything,
  anything.map((make) => () => ({ value: make() })),
  anything.map((make) => () => [make(), make()]),
  anything.map((make) => () => new Error('It holds another', { cause: make() })),
  anything.map((make) => () => ({ toJSON: make })),
)

test('whatever is logged, a line is one JSON object of bounded length, and nothing throws', () => {
  const lines: string[] = []
  const log = createLogger({ clock: { now: () => 0, monotonic: () => 0 }, write: (line) => lines.push(line) })
  fc.assert(
    fc.property(held, held, (makeMessage, makeValue) => {
      const [message, value] = [makeMessage(), makeValue()]
      lines.length = 0
      log.info('It went well', { value, after: 1 })
      log.error(message as string, value as LogFields)
      log.with(value as LogFields).warn('Something', { error: value })
      errorType(value)
      assert.equal(lines.length, 3)
      for (const line of lines) {
        assert.ok(line.length < 300_000, `a line of ${line.length} characters`)
        assert.equal(typeof JSON.parse(line), 'object')
        assert.equal(line.indexOf('\n'), line.length - 1)
      }
      assert.equal((JSON.parse(lines[0]!) as { message: string }).message, 'It went well')
    }),
    { numRuns: 300 },
  )
})

test('much is cut, and what is left says so', () => {
  const lines: string[] = []
  const log = createLogger({ clock: { now: () => Number.NaN, monotonic: () => 0 }, write: (line) => lines.push(line) })
  const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`key ${at}`, 'text '.repeat(10)]))
  for (const value of [many, Array.from({ length: 400_000 }), new Uint8Array(1_000_000), 'é'.repeat(1_000_000), many])
    log.info('Much', { value })
  for (const line of lines) {
    assert.ok(line.length < 100_000, `${line.length}`)
    JSON.parse(line)
  }
  assert.match(lines[0]!, /left out/)
  assert.match(lines[3]!, /1000000 characters/)
})

test('a logger of somebody else that throws, now or later, is no failure of who logs, and its lines are not lost', async () => {
  const lines: string[] = []
  const own = createLogger({ clock: { now: () => 0, monotonic: () => 0 }, write: (line) => lines.push(line) })
  const boom = (): never => {
    throw new Error('disk full')
  }
  const log = safeLogger(
    { debug: boom, info: boom, warn: boom, error: (() => Promise.reject(new Error('later'))) as never, with: boom },
    own,
  )
  log.info('first')
  log.error('second', { n: 1 })
  log.with({ service: 'orders' }).warn('third')
  while (lines.length < 5) await new Promise((resolve) => void setImmediate(resolve))
  for (const word of ['first', 'second', 'third', 'disk full', 'later']) assert.match(lines.join(''), new RegExp(word))
  const broken = createLogger({ clock: { now: () => 0, monotonic: () => 0 }, write: boom })
  broken.error('nowhere to go')
  safeLogger(silentLogger(), own).info('fine')
})
