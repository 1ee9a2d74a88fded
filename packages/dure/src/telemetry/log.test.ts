import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from './telemetry.ts'

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
