import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import type { Span } from 'dure/telemetry'
import { consoleLogger } from './log.ts'
import { requestLine } from './requests.ts'
import { dure, temporary } from './shell.test-support.ts'

const answered = (status: number, more: Partial<Span> = {}): Span => ({
  ...{ traceId: '0123456789abcdef0123456789abcdef', spanId: '0123456789abcdef', parentId: undefined, tracestate: undefined },
  ...{ name: 'POST /orders', kind: 'server', service: 'rest', start: 0, duration: 4.26, status: 'unset', message: undefined },
  ...{ links: [], attributes: { 'http.request.method': 'POST', 'url.path': '/orders', 'http.response.status_code': status } },
  ...more,
})

test('a request is a line: time, status, method and path, how long it took, its trace', () => {
  assert.equal(requestLine(answered(200), { color: false }), '00:00:00.004 200   POST /orders 4.3 ms trace 0123456789ab')
  assert.equal(
    requestLine(answered(500, { duration: 1234.5 }), { color: false }),
    '00:00:01.234 500   POST /orders 1235 ms trace 0123456789ab',
  )
  const colored = requestLine(answered(404), { color: true })
  assert.equal(stripVTControlCharacters(colored), '00:00:00.004 404   POST /orders 4.3 ms trace 0123456789ab')
  assert.notEqual(colored, stripVTControlCharacters(colored))
})

function logged(): { readonly lines: string[]; readonly log: ReturnType<typeof consoleLogger> } {
  const lines: string[] = []
  return { lines, log: consoleLogger({ now: () => 0, write: (text) => void lines.push(text), color: false }) }
}

test('a failure is told with the frames of whoever wrote the handler, and without those of libraries', () => {
  const { lines, log } = logged()
  const error = new Error('Cannot stomach this')
  error.stack = `${String(error)}\n    at handle (/shop/order.ts:7:3)\n    at run (/shop/node_modules/dure/dist/x.js:1:1)\n    at node:internal/x`
  log.warn('Call failed', { error })
  assert.equal(lines[0], '00:00:00.000 warn  Call failed\n    Error: Cannot stomach this\n    at handle (/shop/order.ts:7:3)\n')
  error.stack = `${String(error)}\n    at run (/shop/node_modules/dure/dist/x.js:1:1)`
  log.warn('Call failed', { error })
  assert.match(lines[1]!, /at run \(/, 'where none is of their own, all are told')
})

test('of a long list the first and the last are told, so that a line stays one', () => {
  const { lines, log } = logged()
  log.info('Migrated a store', { migrations: ['dure/0001-outbox', 'dure/0002-inbox', '001-notes', '002-counts'], few: [1, 2] })
  assert.equal(lines[0], '00:00:00.000 info  Migrated a store migrations=dure/0001-outbox…002-counts (4) few=[1,2]\n')
})

test('the same failure again is one line, until another comes between', () => {
  const { lines, log } = logged()
  const [one, other] = [new Error('One'), new Error('Other')]
  for (const error of [one, one, other, one]) log.with({ service: 'order' }).warn('Call failed', { error })
  assert.deepEqual(
    lines.map((line) => /as before/.test(line)),
    [false, true, false, false],
  )
  assert.match(lines[1]!, /Error: One \(as before\)\n$/)
})

test('whoever writes a system sees each request, and a trace of every one', { timeout: 300_000 }, async () => {
  const data = temporary()
  const file = new URL('../../../../examples/first-service/system.ts', import.meta.url).pathname
  const [stopped, ready] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()]
  const onOut = (out: string): void => {
    const url = /http:\S+/.exec(out)?.[0]
    if (url !== undefined && out.includes('dure dev --split')) ready.resolve(url)
  }
  const running = dure(['start', file, '--log', 'dev', '--data', data, '--port', '0'], { stop: stopped.promise, onOut })
  void running.then(({ err }) => ready.reject(new Error(err)))
  const url = await ready.promise
  const headers = { 'content-type': 'application/json' }
  const posted = await fetch(`${url}/notes`, { method: 'POST', headers, body: '{"text":"hello"}' })
  const refused = await fetch(`${url}/notes`, { method: 'POST', headers, body: '{}' })
  const traces = [posted, refused].map((answer) => answer.headers.get('traceresponse')!.split('-')[1]!.slice(0, 12))
  // They are kept a moment later.
  let kept = ''
  while (!traces.every((trace) => kept.includes(trace))) {
    await sleep(20)
    kept = (await dure(['trace', '--data', data])).out
  }
  stopped.resolve()
  const { err } = await running
  assert.match(err, new RegExp(`200 {3}POST /notes [\\d.]+ ms trace ${traces[0]}`))
  assert.match(err, new RegExp(`400 {3}POST /notes [\\d.]+ ms trace ${traces[1]}`))
  assert.deepEqual([posted.status, refused.status], [200, 400])
})
