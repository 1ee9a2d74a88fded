import assert from 'node:assert/strict'
import { test } from 'node:test'
import { started } from './collector.test-support.ts'
import { dropWhen, enrich, parseJson, parseText, type LogRecord, type Step } from './collector.ts'
import { createExceptions, fingerprintOf } from './exceptions.ts'
import { batch, log, NOW, span } from './record.test-support.ts'

test('pipelines parse, enrich and drop; a step that throws loses nothing', async (t) => {
  const throwing = (): never => {
    throw new Error('no')
  }
  const logs: Step<LogRecord>[] = [
    parseText(/^(?<client>\S+) "(?<method>[A-Z]+) (?<path>\S+)[^"]*" (?<status>\d+)$/),
    parseJson(),
    enrich({ zone: 'seoul-a' }),
    throwing,
    dropWhen(({ body }) => body.includes('/health')),
  ]
  const { post, store, intake } = await started(t, { pipelines: { logs } })
  await post('/v1/lines?service=web', ['1.2.3.4 "GET /orders HTTP/1.1" 200', '1.2.3.4 "GET /health HTTP/1.1" 200'].join('\n'))
  const { lines } = await store.searchLogs({ limit: 10 })
  assert.deepEqual(
    lines.map(({ attributes }) => attributes),
    [{ client: '1.2.3.4', method: 'GET', path: '/orders', status: '200', zone: 'seoul-a' }],
  )
  assert.deepEqual(intake.counters().pipelines, { dropped: 1, failed: 2 })
})

test('exceptions of one cause have one fingerprint, in JavaScript, Java and Python', () => {
  const of = (stack: string, message = 'x') => fingerprintOf({ type: 'E', message, stack }).fingerprint
  assert.equal(of('E: x\n  at f (/app/a.js:1:2)\n  at node:internal:3'), of('E: x\n  at f (/app/a.js:9:9)\n  at node:other:3'))
  assert.notEqual(of('E: x\n  at f (/app/a.js:1:2)'), of('E: x\n  at g (/app/a.js:1:2)'))
  assert.equal(
    of('E\n\tat com.shop.A.b(A.java:1)\n\tat java.base/x(Y.java:2)'),
    of('E\n\tat com.shop.A.b(A.java:7)\n\tat java.base/z(Y.java:2)'),
  )
  const python = (line: number) => `Traceback\n  File "/app/a.py", line ${line}, in pay\n    x\nE: x`
  assert.equal(of(python(1)), of(python(2)))
  assert.equal(of('', 'No price for 17 of "tea"'), of('', 'No price for 18 of "milk"'))
  assert.notEqual(of('', 'No price'), of('', 'No stock'))
})

test('a failure that several spans and a line of ours tell of counts once; what others tell of counts each time', () => {
  const find = createExceptions()
  const told = (fingerprint: string) => ({
    ...{ 'exception.type': 'RangeError', 'exception.message': 'no' },
    ...(fingerprint === '' ? {} : { 'dure.exception.fingerprint': fingerprint, 'dure.exception.grouped_by': 'where it was' }),
  })
  const traceId = 'a1'.repeat(16)
  const own = batch({
    spans: [span({ attributes: told('v1:aa') }), span({ spanId: 'b2'.repeat(8), attributes: told('v1:aa') })],
    logs: [log({ traceId, attributes: told('v1:aa') })],
  })
  assert.deepEqual(
    find(own).map(({ fingerprint, groupedBy, type }) => [fingerprint, groupedBy, type]),
    [['v1:aa', 'where it was', 'RangeError']],
  )
  const event = { time: NOW, name: 'exception', attributes: told('') }
  assert.equal(find(batch({ spans: [span({ events: [event, event] })] })).length, 2)
})
