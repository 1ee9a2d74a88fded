import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualRuntime } from '../runtime/runtime.ts'
import { createLogger } from './telemetry.ts'
import { createLogTap } from './internal.ts'
import type { LogRecord } from './telemetry.ts'

function tapped(): {
  readonly log: ReturnType<typeof createLogger>
  readonly lines: LogRecord[]
  readonly written: string[]
  readonly tap: ReturnType<typeof createLogTap>
} {
  const { clock } = virtualRuntime()
  const [lines, written]: [LogRecord[], string[]] = [[], []]
  const tap = createLogTap(clock)
  const log = tap.around(createLogger({ clock, write: (line) => void written.push(line), level: 'debug' }))
  return { log, lines, written, tap }
}

test('a line is written, and told of: its fields as attributes, whose it is beside them', () => {
  const { log, lines, written, tap } = tapped()
  tap.to((line) => void lines.push(line))
  log
    .with({ service: 'orders' })
    .with({ traceId: 'ab'.repeat(16) })
    .warn('Late', { order: 7, open: true, list: [1], none: undefined })
  log.debug('Only written')
  assert.equal(written.length, 2)
  assert.deepEqual(
    lines.map(({ time: _, ...rest }) => rest),
    [
      {
        ...{ level: 'warn', message: 'Late', service: 'orders', traceId: 'ab'.repeat(16), spanId: undefined },
        attributes: { order: 7, open: true, list: '[1]' },
      },
    ],
  )
})

test('an error is told in OpenTelemetry’s words', () => {
  const { log, lines, tap } = tapped()
  tap.to((line) => void lines.push(line))
  log.error('Failed', { error: new RangeError('too much') })
  const { attributes } = lines[0]!
  assert.deepEqual([attributes['exception.type'], attributes['exception.message']], ['RangeError', 'too much'])
  assert.match(String(attributes['exception.stacktrace']), /^RangeError: too much\n +at /)
})

test('what is said before anybody is told is told then, up to a bound', () => {
  const { log, lines, written, tap } = tapped()
  for (let i = 0; i < 500; i++) log.info(`Line ${i}`)
  tap.to((line) => void lines.push(line))
  assert.equal(written.length, 500)
  assert.equal(lines.length, 200)
  assert.equal(lines[0]!.message, 'Line 0')
})

test('a field that cannot be read, and somebody who throws, keep nothing from being written', () => {
  const { log, written, tap } = tapped()
  tap.to(() => {
    throw new Error('full')
  })
  log.info('One')
  log.info('Two', new Proxy({}, { ownKeys: () => assert.fail('no') }))
  log.info('Three', { error: Object.defineProperty(new Error('x'), 'message', { get: () => assert.fail('no') }) })
  assert.equal(written.length, 3)
})
