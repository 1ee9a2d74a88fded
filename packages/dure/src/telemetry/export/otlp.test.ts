import assert from 'node:assert/strict'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { realRuntime } from '../../runtime/runtime.ts'
import { span } from '../span.test-support.ts'
import { FAMILIES, otlp, silentLogger, type OtlpOptions, type Reading } from '../telemetry.ts'
import { createHistogram, createMetrics, type Metrics } from '../internal.ts'

type Request = { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: Json }
// A receiver reads what it is sent by name, as a collector does.
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any

/** A real HTTP receiver on this machine that answers as it is told. */
async function receiver(t: TestContext, answer: (response: ServerResponse, n: number) => void) {
  const requests: Request[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8')
    request.on('data', (part: string) => (text += part))
    request.on('end', () => {
      requests.push({ path: request.url!, headers: request.headers, body: JSON.parse(text) })
      answer(response, requests.length)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { requests, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const taken = (response: ServerResponse): void => void response.writeHead(200, { 'content-type': 'application/json' }).end('{}')

function exporter(t: TestContext, options: OtlpOptions, metrics: Metrics = createMetrics()) {
  const sink = otlp({ metrics: false, ...options, limits: { shutdownTimeout: 200, ...options.limits } })({
    system: 'shop',
    directory: 'nowhere',
    runtime: realRuntime(),
    log: silentLogger(),
    metrics,
  })
  t.after(() => sink.stop())
  return sink
}

test('spans arrive as the specification writes them, each service under its own resource', async (t) => {
  const { requests, endpoint } = await receiver(t, taken)
  const sink = exporter(t, { endpoint: `${endpoint}/`, headers: { authorization: 'Bearer secret' } })
  sink.take(
    span({
      parentId: '00f067aa0ba902b7',
      attributes: { 'rpc.method': 'place', count: 3, ratio: 0.5, ok: true },
      tracestate: 'a=1',
    }),
  )
  sink.take(
    span({
      kind: 'consumer',
      service: 'mail',
      status: 'error',
      message: 'No',
      links: [{ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) }],
    }),
  )
  await sink.flush()
  const [{ path, headers, body }] = requests as [Request]
  assert.deepEqual([path, headers['content-type'], headers.authorization], ['/v1/traces', 'application/json', 'Bearer secret'])
  assert.deepEqual(
    body.resourceSpans.map((one: Json) => one.resource.attributes.slice(0, 2)),
    [
      [
        { key: 'service.name', value: { stringValue: 'orders' } },
        { key: 'service.namespace', value: { stringValue: 'shop' } },
      ],
      [
        { key: 'service.name', value: { stringValue: 'mail' } },
        { key: 'service.namespace', value: { stringValue: 'shop' } },
      ],
    ],
  )
  assert.deepEqual(body.resourceSpans[0].scopeSpans[0].spans, [
    {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      parentSpanId: '00f067aa0ba902b7',
      traceState: 'a=1',
      name: 'orders.place',
      kind: 2,
      startTimeUnixNano: '1700000000000250000',
      endTimeUnixNano: '1700000000001750000',
      attributes: [
        { key: 'rpc.method', value: { stringValue: 'place' } },
        { key: 'count', value: { intValue: '3' } },
        { key: 'ratio', value: { doubleValue: 0.5 } },
        { key: 'ok', value: { boolValue: true } },
      ],
      status: {},
    },
  ])
  const failed = body.resourceSpans[1].scopeSpans[0].spans[0]
  assert.deepEqual(
    [failed.kind, failed.status, failed.links],
    [5, { code: 2, message: 'No' }, [{ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) }]],
  )
})

test('metrics arrive, cumulative, with buckets that add up', async (t) => {
  const { requests, endpoint } = await receiver(t, taken)
  const metrics = createMetrics()
  const duration = createHistogram()
  for (const ms of [0.01, 0.5, 3, 70_000]) duration.record(ms)
  metrics.add({ service: 'orders', operation: 'place', duration, codes: () => new Map([['OK', 4]]) })
  metrics.observe((): readonly Reading[] => [
    { family: FAMILIES.outboxAge, attributes: { 'rpc.service': 'orders' }, value: 0.25 },
  ])
  const sink = exporter(t, { endpoint, metrics: 5 }, metrics)
  while (requests.length < 2) await new Promise((resolve) => void setImmediate(resolve))
  await sink.stop()
  assert.equal(requests[0]!.path, '/v1/metrics')
  const [histogram, calls, age] = requests[0]!.body.resourceMetrics[0].scopeMetrics[0].metrics
  const [point] = histogram.histogram.dataPoints
  assert.deepEqual(
    [histogram.name, histogram.unit, histogram.histogram.aggregationTemporality],
    ['rpc.server.call.duration', 's', 2],
  )
  assert.equal(point.bucketCounts.length, point.explicitBounds.length + 1)
  assert.deepEqual([point.count, point.bucketCounts.reduce((sum: number, one: string) => sum + Number(one), 0)], ['4', 4])
  assert.equal(point.bucketCounts.at(-1), '1')
  assert.deepEqual([calls.name, calls.sum.isMonotonic, calls.sum.dataPoints[0].asInt], ['rpc.server.calls', true, '4'])
  assert.deepEqual([age.name, age.gauge.dataPoints[0].asDouble], ['dure.outbox.age', 0.25])
})

test('a receiver that is busy gets the same spans again', async (t) => {
  const { requests, endpoint } = await receiver(t, (response, n) =>
    n === 1 ? void response.writeHead(503).end() : taken(response),
  )
  const sink = exporter(t, { endpoint })
  sink.take(span())
  await sink.flush()
  assert.equal(requests.length, 2)
  assert.deepEqual(requests[0]!.body, requests[1]!.body)
  assert.equal(sink.dropped(), 0)
})

test('what a receiver refuses, in whole or in part, is counted and not sent again', async (t) => {
  const { requests, endpoint } = await receiver(t, (response, n) =>
    n === 1
      ? void response.writeHead(400).end('bad')
      : void response.writeHead(200).end('{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}'),
  )
  const sink = exporter(t, { endpoint })
  sink.take(span())
  await sink.flush()
  assert.deepEqual([requests.length, sink.dropped()], [1, 1])
  sink.take(span())
  sink.take(span())
  await sink.flush()
  assert.deepEqual([requests.length, sink.dropped()], [2, 2])
})

test('a receiver that never answers is left after the time for a request; later spans wait, bounded', async (t) => {
  const { requests, endpoint } = await receiver(t, () => {})
  const sink = exporter(t, { endpoint, timeout: 500, limits: { attempts: 1, capacity: 3 } })
  for (let i = 0; i < 10; i++) sink.take(span())
  assert.equal(sink.dropped(), 7)
  await sink.flush()
  assert.deepEqual([requests.length, sink.dropped()], [1, 10])
})

test('with nobody there nothing is lost but spans, and a stop does not wait for long', async (t) => {
  const { endpoint } = await receiver(t, taken)
  const gone = exporter(t, { endpoint: 'http://127.0.0.1:1', metrics: 60_000 })
  gone.take(span())
  await gone.stop()
  assert.equal(gone.dropped(), 1)
  const slow = exporter(t, { endpoint: (await receiver(t, () => {})).endpoint })
  slow.take(span())
  await slow.stop()
  assert.equal(slow.dropped(), 1)
  const well = exporter(t, { endpoint })
  well.take(span())
  await well.stop()
  assert.equal(well.dropped(), 0)
})

test('an endpoint that is no address is refused when it is given', () => {
  for (const endpoint of ['localhost:4318', 'grpc://x:1', ''])
    assert.throws(() => otlp({ endpoint }), /Cannot export telemetry to/)
})
