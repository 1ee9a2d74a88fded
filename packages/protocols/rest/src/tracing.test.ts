import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { command, contract, error } from 'dure/contract'
import { service, start, system } from 'dure/service'
import { silentLogger, type Span, type TelemetryOptions } from 'dure/telemetry'
import { z } from 'zod'
import { rest } from './rest.ts'
import { ask, until } from './rest.test-support.ts'

const Full = error('FULL', { http: 409 })
const Counter = contract('counter', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    add: command({ input: z.object({ n: z.int() }), output: z.object({ n: z.int() }), errors: { Full }, http: 'POST /add/{n}' }),
  },
})
const counter = service(Counter, {
  handlers: {
    add: ({ n }) => {
      if (n > 9) throw Full()
      return { n }
    },
  },
})

async function run(t: TestContext, options: TelemetryOptions | false): Promise<{ url: string; spans: Span[] }> {
  const spans: Span[] = []
  const nothing = (): Promise<void> => Promise.resolve()
  const sink = { name: 'test', take: (span: Span) => void spans.push(span), dropped: () => 0, flush: nothing, stop: nothing }
  const telemetry = options === false ? false : { ...options, store: false as const, exporters: [() => sink] }
  const running = await start(system('counting', { services: [counter], doors: [rest({ port: 0 })], telemetry }), {
    directory: mkdtempSync(join(tmpdir(), 'dure-rest-')),
    log: silentLogger(),
  })
  t.after(() => running.stop())
  return { url: running.doors[0]!.url!, spans }
}

const traceId = '0af7651916cd43dd8448eb211c80319c'
const given = (flag: string): Record<string, string> => ({
  traceparent: `00-${traceId}-b7ad6b7169203331-${flag}`,
  tracestate: 'v=1',
})
const add = (url: string, n: number, headers: Record<string, string> = {}) =>
  ask(`${url}/add/${n}`, { method: 'POST', json: {}, headers })

test('a request continues the trace it brings, and its answer says which', async (t) => {
  const { url, spans } = await run(t, { sampling: 0 })
  const answer = await add(url, 1, given('01'))
  assert.equal(answer.status, 200)
  await until(() => spans.length === 2)
  const http = spans.find(({ service }) => service === 'rest')!
  assert.deepEqual(
    [http.name, http.kind, http.parentId, http.tracestate, http.status],
    ['POST /add/{n}', 'server', 'b7ad6b7169203331', 'v=1', 'unset'],
  )
  assert.deepEqual(http.attributes, {
    'http.request.method': 'POST',
    'http.route': '/add/{n}',
    'url.path': '/add/1',
    'http.response.status_code': 200,
  })
  assert.equal(answer.headers.get('traceresponse'), `00-${traceId}-${http.spanId}-01`)
  const served = spans.find(({ service }) => service === 'counter')!
  assert.equal(served.parentId, http.spanId)
})

test('of all 256 flags, sampled and random travel on, and are named in the answer', async (t) => {
  const { url, spans } = await run(t, {})
  for (let flags = 0; flags < 256; flags++) {
    const answer = await add(url, 0, given(flags.toString(16).padStart(2, '0')))
    assert.match(String(answer.headers.get('traceresponse')), new RegExp(`-0${flags & 3}$`))
  }
  await until(() => spans.length === 256)
  assert.ok(spans.every(({ flags = 0 }) => (flags & 1) === 1))
  assert.equal(spans.filter(({ flags }) => flags === 3).length, 128)
})

test('without one a trace begins, and is sampled or not for all that follows', async (t) => {
  const { url, spans } = await run(t, { sampling: 0.5 })
  const answers = await Promise.all(Array.from({ length: 40 }, () => add(url, 1)))
  const sampled = answers.filter(({ headers }) => String(headers.get('traceresponse')).endsWith('-03'))
  assert.ok(sampled.length > 0 && sampled.length < 40)
  await until(() => spans.length === sampled.length * 2)
  assert.deepEqual(
    [...new Set(spans.map((span) => span.traceId))].toSorted(),
    sampled.map(({ headers }) => String(headers.get('traceresponse')).slice(3, 35)).toSorted(),
  )
})

test('a request whose call fails is kept without being sampled, and found by what its answer says', async (t) => {
  const { url, spans } = await run(t, { sampling: 0 })
  await add(url, 1)
  const answer = await add(url, 10, given('00'))
  assert.equal(answer.status, 409)
  await until(() => spans.length === 2)
  const http = spans.find(({ service }) => service === 'rest')!
  assert.equal(answer.headers.get('traceresponse'), `00-${traceId}-${http.spanId}-00`)
  assert.deepEqual([http.parentId, http.status, http.attributes['error.type']], ['b7ad6b7169203331', 'error', 'FULL'])
  assert.equal(http.attributes['http.response.status_code'], 409)
  assert.ok(spans.every((span) => span.traceId === traceId))
})

test('metrics are a page of the door; without telemetry there is none', async (t) => {
  const { url } = await run(t, {})
  await add(url, 1)
  await add(url, 10)
  const page = await fetch(`${url}/metrics`)
  const text = await page.text()
  assert.deepEqual([page.status, page.headers.get('content-type')], [200, 'text/plain; version=0.0.4; charset=utf-8'])
  assert.match(text, /^rpc_server_calls_total\{rpc_service="counter",rpc_method="add",rpc_response_status_code="OK"\} 1$/m)
  assert.match(text, /^rpc_server_calls_total\{rpc_service="counter",rpc_method="add",rpc_response_status_code="FULL"\} 1$/m)
  assert.match(text, /^rpc_server_call_duration_seconds_count\{rpc_service="counter",rpc_method="add"\} 2$/m)

  const off = await run(t, false)
  assert.equal((await ask(`${off.url}/metrics`)).status, 404)
  const answer = await add(off.url, 1, given('01'))
  assert.equal(answer.headers.get('traceresponse'), null)
})
