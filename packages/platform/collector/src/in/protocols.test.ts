import assert from 'node:assert/strict'
import { appendFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { folder, started } from '../collector.test-support.ts'
import { readExposition } from './prometheus.ts'
import { readEnvelope } from './sentry.ts'

const NDJSON = { 'content-type': 'application/x-ndjson' }

test('_bulk: each item is answered; one malformed line among good ones is alone in it', async (t) => {
  const { post, get, found, store, intake } = await started(t)
  assert.equal((await get('/')).headers.get('x-elastic-product'), 'Elasticsearch')
  const lines = [
    '{"index":{"_index":"web","_type":"_doc"}}',
    '{"@timestamp":"2026-11-30T00:00:00Z","message":"One","log.level":"error","trace.id":"ABABABABABABABABABABABABABABABAB"}',
    '{"create":{"_id":"7"}}',
    '{"message": broken',
    '{"delete":{"_id":"1"}}',
    'no action',
    '{"index":{}}',
    '{"msg":"Two","severity":"warning","host":{"name":"h1"}}',
    '{"index":{}}',
  ]
  const { status, json } = await post('/logs/_bulk', `${lines.join('\n')}\n`, NDJSON)
  assert.equal(status, 200)
  assert.equal(json.errors, true)
  assert.deepEqual(
    json.items.map((item: object) => Object.entries(item).map(([action, about]) => [action, about.status, about._index])[0]),
    [
      ['index', 201, 'web'],
      ['create', 400, 'logs'],
      ['delete', 400, 'logs'],
      ['unknown', 400, 'logs'],
      ['index', 201, 'logs'],
      ['index', 400, 'logs'],
    ],
  )
  assert.deepEqual(await found(), ['One', 'Two'])
  assert.deepEqual(await found({ level: 'error', service: 'web', traceId: 'ab'.repeat(16) }), ['One'])
  assert.equal((await store.searchLogs({ words: 'two h1', limit: 1 })).lines[0]!.level, 'warn')
  assert.equal((await post('/_bulk', '', NDJSON)).json.error.type, 'parse_exception')
  assert.deepEqual(intake.counters().protocols.bulk, { taken: 2, refused: 4 })
})

test('lines of JSON and of text; what is malformed is said with its number', async (t) => {
  const { post, found } = await started(t)
  const lines = [
    '{"level":50,"msg":"Of pino","time":1790000000000,"err":{"type":"Error","message":"no","stack":"Error: no"}}',
    '{"a":',
    'Plain text',
  ]
  const { json } = await post('/v1/lines?service=app', lines.join('\n'), NDJSON)
  assert.deepEqual([json.taken, json.rejected, json.errors[0].line], [2, 1, 2])
  assert.deepEqual(await found({ service: 'app' }), ['Of pino', 'Plain text'])
  assert.deepEqual(await found({ level: 'error' }), ['Of pino'])
})

test('Zipkin: what comes in goes out again, with dependencies; short ids are padded, others refused', async (t) => {
  const { post, get } = await started(t)
  const now = Date.now()
  const spans = [
    {
      traceId: '463ac35c9f6413ad',
      id: '1',
      kind: 'CLIENT',
      name: 'get',
      timestamp: now * 1_000,
      duration: 5_000,
      localEndpoint: { serviceName: 'web' },
      tags: { 'http.method': 'GET' },
    },
    {
      traceId: '463ac35c9f6413ad',
      id: '2',
      parentId: '1',
      kind: 'SERVER',
      name: 'get',
      timestamp: now * 1_000,
      duration: 4_000,
      localEndpoint: { serviceName: 'api' },
      tags: { error: 'gone' },
      annotations: [{ timestamp: now * 1_000, value: 'wr' }],
    },
    { traceId: 'none' },
  ]
  assert.equal((await post('/api/v2/spans', JSON.stringify(spans))).status, 202)
  assert.equal((await post('/api/v2/spans', '{}')).status, 400)
  assert.deepEqual((await get('/api/v2/services')).json, ['api', 'web'])
  assert.deepEqual((await get('/api/v2/spans?serviceName=web')).json, ['get'])
  const query = `serviceName=api&endTs=${now + 60_000}&lookback=3600000&minDuration=1000&annotationQuery=${encodeURIComponent('error and http.method=GET')}`
  const [trace] = (await get(`/zipkin/api/v2/traces?${query}`)).json
  assert.deepEqual(
    trace.map(({ id, tags }: { id: string; tags: object }) => [id, tags]),
    [
      ['0000000000000001', { 'http.method': 'GET' }],
      ['0000000000000002', { error: 'gone' }],
    ],
  )
  assert.deepEqual((await get('/api/v2/trace/463ac35c9f6413ad')).json, trace)
  assert.equal((await get('/api/v2/trace/ff')).status, 404)
  assert.equal((await get('/api/v2/traces?minDuration=x')).status, 400)
  assert.equal((await get('/api/v2/traceMany?traceIds=463ac35c9f6413ad,ff')).json.length, 1)
  assert.deepEqual((await get(`/api/v2/dependencies?endTs=${now + 60_000}`)).json, [
    { parent: 'web', child: 'api', callCount: 1, errorCount: 1 },
  ])
})

const event = {
  ...{ event_id: 'e'.repeat(32), level: 'error', release: 'shop@1.2.0', environment: 'test', user: { email: 'kim@example.org' } },
  request: { cookies: 'secret=1', headers: { authorization: 'secret' } },
  contexts: { trace: { trace_id: 'ab'.repeat(16), span_id: 'cd'.repeat(8) } },
  exception: {
    values: [
      {
        ...{ type: 'RangeError', value: 'No price for 17' },
        stacktrace: {
          frames: [
            { function: 'run', filename: 'node_modules/x/y.js', in_app: false, lineno: 1 },
            { function: 'priceOf', filename: 'src/price.ts', in_app: true, lineno: 10, vars: { password: 'secret' } },
          ],
        },
      },
    ],
  },
}
const envelope = (items: readonly (readonly [object, string])[]): string =>
  ['{"event_id":"e"}', ...items.flatMap(([about, payload]) => [JSON.stringify(about), payload])].join('\n')

test('Sentry: events are grouped and their lines found from the trace; nothing personal and no local variable is taken', async (t) => {
  const { post, store, found } = await started(t, { token: 'public' })
  const now = Date.now() / 1_000
  const transaction = {
    ...{ transaction: 'GET /shop', start_timestamp: now, timestamp: now + 0.5, release: 'shop@1.2.0' },
    contexts: { trace: { trace_id: 'ab'.repeat(16), span_id: 'cd'.repeat(8), op: 'http.server', status: 'internal_error' } },
    spans: [
      {
        trace_id: 'ab'.repeat(16),
        span_id: 'ef'.repeat(8),
        parent_span_id: 'cd'.repeat(8),
        op: 'db',
        description: 'SELECT',
        start_timestamp: now,
        timestamp: now + 0.1,
      },
    ],
  }
  const text = envelope([
    [{ type: 'session' }, '{}'],
    [{ type: 'event', length: Buffer.byteLength(JSON.stringify(event)) }, JSON.stringify(event)],
    [{ type: 'event' }, '{ broken'],
    [{ type: 'transaction' }, JSON.stringify(transaction)],
    [
      { type: 'log' },
      JSON.stringify({
        items: [{ timestamp: now, level: 'warn', body: 'A log of Sentry', attributes: { n: { value: 1, type: 'integer' } } }],
      }),
    ],
  ])
  // As Node's SDK has it: no content type, and the key in the query.
  assert.equal((await post('/api/1/envelope/?sentry_key=public&sentry_version=7', text, {})).json.id, event.event_id)
  // As Python's has it.
  const headers = { 'x-sentry-auth': 'Sentry sentry_key=public, sentry_version=7', 'content-encoding': 'gzip' }
  assert.equal((await post('/api/1/envelope/', gzipSync(text), headers)).status, 200)
  assert.equal((await post('/api/1/envelope/?sentry_key=other', text, {})).status, 401)
  const [group] = await store.exceptionGroups({ limit: 10 })
  assert.deepEqual(
    [group!.type, group!.services, group!.firstVersion, group!.groupedBy],
    ['RangeError', ['shop'], '1.2.0', 'type and own frames'],
  )
  const [sample] = await store.exceptionSamples(group!.fingerprint)
  assert.match(sample!.stack, /^RangeError: No price for 17\n {4}at priceOf \(src\/price\.ts:10:0\)/)
  assert.ok(!/secret|kim@/.test(JSON.stringify([sample, (await store.searchLogs({ limit: 10 })).lines])))
  assert.deepEqual(new Set(await found({ traceId: 'ab'.repeat(16) })), new Set(['RangeError: No price for 17']))
  assert.deepEqual(await found({ words: 'log of sentry', level: 'warn' }), ['A log of Sentry', 'A log of Sentry'])
  assert.deepEqual(
    (await store.readTrace('ab'.repeat(16))).map(({ name, kind, failed }) => [name, kind, failed]),
    [
      ['GET /shop', 'server', true],
      ['SELECT', 'internal', false],
    ],
  )
})

test('property: whatever an envelope is, it is read or refused', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void readEnvelope(Buffer.from(bytes))))
  const whole = Buffer.from(envelope([[{ type: 'event', length: 2 }, '{}']]))
  for (let i = 0; i <= whole.length; i++) readEnvelope(whole.subarray(0, i))
})

const PAGE = `# HELP http_requests_total Requests
# TYPE http_requests_total counter
http_requests_total{method="GET",path="/a\\"b\\\\c\\n"} 3 1790000000000
http_requests_total{method="POST",} 1
# TYPE took_seconds histogram
took_seconds_bucket{le="0.1"} 2
took_seconds_bucket{le="+Inf"} 5
took_seconds_sum 1.5
took_seconds_count 5
# TYPE rpc summary
rpc{quantile="0.5"} 4
rpc_sum 8
rpc_count 2
plain 7.5e3
broken{le= 1
`

test('a page of Prometheus is read: counters, histograms put together, one malformed line left out', () => {
  const { metrics, refused } = readExposition(PAGE, { service: 'web', time: 0 })
  assert.equal(refused, 1)
  assert.deepEqual(
    metrics.map(({ name, kind, value, attributes, histogram }) => ({
      name,
      kind,
      value,
      attributes,
      ...(histogram && { histogram }),
    })),
    [
      { name: 'http_requests_total', kind: 'counter', value: 3, attributes: { method: 'GET', path: '/a"b\\c\n' } },
      { name: 'http_requests_total', kind: 'counter', value: 1, attributes: { method: 'POST' } },
      { name: 'plain', kind: 'gauge', value: 7_500, attributes: {} },
      {
        name: 'took_seconds',
        kind: 'histogram',
        value: 5,
        attributes: {},
        histogram: { sum: 1.5, bounds: [0.1], counts: [2, 3] },
      },
      { name: 'rpc', kind: 'histogram', value: 2, attributes: {}, histogram: { sum: 8, bounds: [], counts: [2] } },
    ],
  )
  fc.assert(fc.property(fc.string(), (text) => void readExposition(text, { service: 'x', time: 0 })))
})

test('metrics of others are scraped, and all are there for Prometheus to scrape', async (t) => {
  const server = createServer((_, response) => void response.end(PAGE)).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`
  const { get } = await started(t, { scrape: [{ url, service: 'web', interval: 100 }] })
  let text = ''
  while (!text.includes('took_seconds')) text = (await get('/metrics')).body
  assert.match(text, /^http_requests_total\{service_name="web",method="GET",path="\/a\\"b\\\\c\\n"\} 3$/m)
  assert.match(text, /^took_seconds_bucket\{service_name="web",le="\+Inf"\} 5$/m)
  assert.match(text, /^dure_collector_taken_total\{service_name="collector",protocol="scrape"\} \d+$/m)
  // What is told can be read again.
  assert.equal(readExposition(text, { service: 'x', time: 0 }).refused, 0)
})

test('a file is followed over what is written, a rotation and its being emptied', async (t) => {
  const path = join(folder(t), 'app.log')
  writeFileSync(path, 'From before\n')
  const { found } = await started(t, { files: [{ path, service: 'app', interval: 10 }] })
  const until = async (wanted: string): Promise<void> => {
    while (!(await found({ service: 'app' })).includes(wanted)) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  // It begins at the end as it was found.
  for (let i = 0; (await found()).length === 0; i++) appendFileSync(path, `{"message":"First ${i}"}\n`)
  appendFileSync(path, 'Half a ')
  appendFileSync(path, 'line, 두레\n')
  await until('Half a line, 두레')
  renameSync(path, `${path}.1`)
  appendFileSync(`${path}.1`, 'Last of the old one\n')
  writeFileSync(path, 'First of the new one\n')
  await until('Last of the old one')
  await until('First of the new one')
  truncateSync(path)
  appendFileSync(path, 'Short\n')
  await until('Short')
  assert.ok(!(await found()).includes('From before'))
})
