import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { PbfWriter } from 'pbf'
import { started } from '../collector.test-support.ts'
import { tracesOf } from './otlp.ts'
import { LogsRequest, TracesRequest } from './otlp-fields.ts'
import { readProtobuf } from './protobuf.ts'

const nanos = (ms: number): string => `${Math.floor(ms)}000000`
const text = (key: string, stringValue: string): unknown => ({ key, value: { stringValue } })
const [traceId, spanId] = ['ab'.repeat(16), 'cd'.repeat(8)]

const logs = (records: readonly unknown[], resource: readonly unknown[] = [text('service.name', 'orders')]): string =>
  JSON.stringify({ resourceLogs: [{ resource: { attributes: resource }, scopeLogs: [{ logRecords: records }] }] })
const spans = (all: readonly unknown[]): string =>
  JSON.stringify({
    resourceSpans: [{ resource: { attributes: [text('service.name', 'orders')] }, scopeSpans: [{ spans: all }] }],
  })

test('logs and spans in JSON are stored, and found by each other', async (t) => {
  const { post, store } = await started(t)
  const now = Date.now()
  const record = {
    ...{
      timeUnixNano: nanos(now),
      severityNumber: 17,
      body: { stringValue: 'Payment failed' },
      traceId: traceId.toUpperCase(),
      spanId,
    },
    attributes: [
      text('order.id', 'o-1'),
      { key: 'tries', value: { intValue: '3' } },
      { key: 'list', value: { arrayValue: { values: [{ boolValue: true }] } } },
    ],
  }
  assert.deepEqual((await post('/v1/logs', logs([record]))).json, {})
  const span = {
    ...{ traceId, spanId, name: 'pay', kind: 3, startTimeUnixNano: nanos(now), endTimeUnixNano: nanos(now + 40) },
    ...{ status: { code: 2, message: 'declined' }, attributes: [text('peer', 'bank')] },
    events: [{ timeUnixNano: nanos(now + 1), name: 'sent', attributes: [] }],
    links: [{ traceId: 'ef'.repeat(16), spanId }],
  }
  assert.deepEqual((await post('/v1/traces', spans([span]))).json, {})
  const [line] = (await store.searchLogs({ traceId, limit: 10 })).lines
  assert.deepEqual(
    { ...line, id: '' },
    {
      ...{ id: '', time: now, severity: 17, level: 'error', service: 'orders', body: 'Payment failed', traceId, spanId },
      ...{ attributes: { 'order.id': 'o-1', tries: 3, list: [true] }, resource: { 'service.name': 'orders' } },
    },
  )
  assert.deepEqual(await store.readTrace(traceId), [
    {
      ...{
        traceId,
        spanId,
        name: 'pay',
        kind: 'client',
        service: 'orders',
        start: now,
        duration: 40,
        failed: true,
        message: 'declined',
      },
      ...{ attributes: { peer: 'bank' }, resource: { 'service.name': 'orders' } },
      events: [{ time: now + 1, name: 'sent', attributes: {} }],
      links: [{ traceId: 'ef'.repeat(16), spanId }],
    },
  ])
})

test('metrics are cumulative, whatever their sender tells', async (t) => {
  const { post, store } = await started(t)
  const now = Date.now()
  const sum = (asInt: string, aggregationTemporality: number): string =>
    JSON.stringify({
      resourceMetrics: [
        {
          resource: { attributes: [text('service.name', 'orders')] },
          scopeMetrics: [
            {
              metrics: [
                {
                  name: 'calls',
                  unit: '{call}',
                  sum: { aggregationTemporality, isMonotonic: true, dataPoints: [{ asInt, timeUnixNano: nanos(now) }] },
                },
                { name: 'heap', unit: 'By', gauge: { dataPoints: [{ asDouble: 1.5, timeUnixNano: nanos(now) }] } },
                {
                  name: 'took',
                  unit: 's',
                  histogram: {
                    aggregationTemporality,
                    dataPoints: [
                      { count: '3', sum: 1.5, bucketCounts: ['1', '2'], explicitBounds: [0.5], timeUnixNano: nanos(now) },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
    })
  await post('/v1/metrics', sum('5', 1))
  await post('/v1/metrics', sum('6', 1))
  const read = async (name: string) =>
    (await store.metricSeries({ name, from: now - 60_000, to: now + 60_000, limit: 10 })).series[0]!.points.at(-1)!
  assert.equal((await read('calls')).value, 11)
  assert.equal((await read('heap')).value, 1.5)
  assert.deepEqual((await read('took')).histogram, { sum: 3, bounds: [0.5], counts: [2, 4] })
  assert.deepEqual(
    (await store.metricNames()).map(({ name, kind, services }) => [name, kind, services]),
    [
      ['calls', 'counter', ['orders']],
      ['heap', 'gauge', ['orders']],
      ['took', 'histogram', ['orders']],
    ],
  )
})

/** A LogRecord in protobuf, written by hand; and a request with one. */
function logRecord(body: string): Uint8Array {
  const record = new PbfWriter()
  record.writeFixed64Field(1, Date.now() * 1_000_000)
  record.writeVarintField(2, 13)
  record.writeMessage(5, (_, value) => value.writeStringField(1, body), undefined)
  record.writeBytesField(9, Buffer.from(traceId, 'hex'))
  // A field of a later version.
  record.writeStringField(99, 'later')
  return record.finish()
}

function logsInProtobuf(record: Uint8Array): Uint8Array {
  const [writer, scope, resource, pair] = [new PbfWriter(), new PbfWriter(), new PbfWriter(), new PbfWriter()]
  pair.writeStringField(1, 'service.name')
  pair.writeMessage(2, (_, value) => value.writeStringField(1, 'python'), undefined)
  resource.writeBytesField(1, pair.finish())
  scope.writeBytesField(2, record)
  writer.writeMessage(
    1,
    (_, of) => {
      of.writeBytesField(1, resource.finish())
      of.writeBytesField(2, scope.finish())
    },
    undefined,
  )
  return writer.finish()
}

const PROTOBUF = { 'content-type': 'application/x-protobuf' }

test('protobuf is read, gzipped or not; one that ends in the middle is refused in protobuf', async (t) => {
  const { post, found, intake } = await started(t)
  const bytes = logsInProtobuf(logRecord('Line of Python'))
  const said = await post('/v1/logs', bytes, PROTOBUF)
  assert.deepEqual([said.status, said.headers.get('content-type'), said.body], [200, 'application/x-protobuf', ''])
  await post('/v1/logs', gzipSync(bytes), { ...PROTOBUF, 'content-encoding': 'gzip' })
  assert.deepEqual(await found({ service: 'python', traceId, level: 'warn' }), ['Line of Python', 'Line of Python'])
  for (const length of [1, 5, 20, bytes.length - 1]) {
    const cut = await post('/v1/logs', bytes.subarray(0, length), PROTOBUF)
    assert.equal(cut.status, 400)
    assert.match(cut.body, /Cannot read the request as protobuf/)
  }
  assert.equal(intake.counters().protocols.otlp?.refused, 4)
})

test('property: cut anywhere, or any bytes at all, protobuf is read or refused, and nothing else', () => {
  const bytes = logsInProtobuf(logRecord('x'.repeat(50)))
  const outcome = (given: Uint8Array): void => {
    for (const fields of [LogsRequest, TracesRequest]) {
      try {
        tracesOf(readProtobuf(given, fields), 0)
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error))
      }
    }
  }
  for (let i = 0; i < bytes.length; i++) outcome(bytes.subarray(0, i))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), outcome), { numRuns: 500 })
})

test('what is wrong in a request is told by partial_success; the rest of it is stored', async (t) => {
  const { post, store, intake } = await started(t)
  const good = {
    traceId,
    spanId,
    name: 'good',
    kind: 1,
    startTimeUnixNano: nanos(Date.now()),
    endTimeUnixNano: nanos(Date.now()),
  }
  const zero = { ...good, traceId: '0'.repeat(32) }
  const said = await post('/v1/traces', spans([good, zero, { ...good, spanId: 'no' }]))
  assert.equal(said.status, 200)
  assert.equal(said.json.partialSuccess.rejectedSpans, '2')
  assert.match(said.json.partialSuccess.errorMessage, /all zeros/)
  assert.deepEqual(
    (await store.readTrace(traceId)).map(({ name }) => name),
    ['good'],
  )
  assert.deepEqual(intake.counters().protocols.otlp, { taken: 1, refused: 2 })
})

test('a million attributes, clocks years off, a cycle of parents, control characters: bounded, and others are served', async (t) => {
  const { post, store, found } = await started(t)
  const one = Buffer.from([0x32, 7, 0x0a, 1, 0x6b, 0x12, 2, 0x18, 1])
  const record = Buffer.concat([logRecord('Many attributes'), Buffer.alloc(1_000_000 * one.length, one)])
  await post('/v1/logs', logsInProtobuf(record), PROTOBUF)
  const [line] = (await store.searchLogs({ words: 'many', limit: 1 })).lines
  assert.equal(line!.attributes['k'], 1)
  assert.equal(line!.attributes['dure.dropped_attributes'], 1_000_000 - 128)
  const before = Date.now()
  await post(
    '/v1/logs',
    logs([
      { timeUnixNano: nanos(0), body: { stringValue: 'old clock' } },
      { timeUnixNano: nanos(before * 2), body: { stringValue: 'new clock' } },
    ]),
  )
  for (const { time } of (await store.searchLogs({ words: 'clock', limit: 10 })).lines)
    assert.ok(Math.abs(time - before) < 120_000)
  const [a, b] = ['11'.repeat(8), '22'.repeat(8)]
  const cycle = (own: string, parentSpanId: string): unknown => ({
    traceId,
    spanId: own,
    parentSpanId,
    name: own,
    kind: 1,
    startTimeUnixNano: nanos(before),
    endTimeUnixNano: nanos(before),
  })
  await post('/v1/traces', spans([cycle(a, b), cycle(b, a)]))
  assert.equal((await store.listTraces({ limit: 10 }))[0]!.spans, 2)
  await post(
    '/v1/logs',
    logs([{ body: { stringValue: '<script>\u0000\u001b[31m\uE000l3' }, attributes: [text('__proto__', 'x')] }]),
  )
  assert.deepEqual(await found({ words: 'script' }), ['<script>\u0000\u001b[31m\uE000l3'])
  assert.deepEqual(await found({ words: 'script', level: 'error' }), [])
})

test('bodies that are too large, gzip bombs, other types and encodings are refused in words', async (t) => {
  const { post, found, url } = await started(t, { limits: { body: 100_000 } })
  const bomb = gzipSync(Buffer.alloc(50_000_000))
  const cases: readonly (readonly [number, string | Uint8Array, Record<string, string>])[] = [
    [413, 'x'.repeat(200_000), { 'content-type': 'application/json' }],
    [413, bomb, { 'content-type': 'application/json', 'content-encoding': 'gzip' }],
    [400, 'no gzip', { 'content-type': 'application/json', 'content-encoding': 'gzip' }],
    [415, '{}', { 'content-type': 'application/json', 'content-encoding': 'br' }],
    [415, '<x/>', { 'content-type': 'text/xml' }],
    [400, '{"resourceLogs":', { 'content-type': 'application/json' }],
    [400, '[]', { 'content-type': 'application/json' }],
  ]
  for (const [status, body, headers] of cases)
    assert.equal((await post('/v1/logs', body, headers)).status, status, String(status))
  // Without a length it is counted as it comes.
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(Buffer.alloc(65_536, 'x')) })
  const init = { method: 'POST', body: endless, duplex: 'half', headers: { 'content-type': 'application/json' } } as RequestInit
  const status = await fetch(`${url}/v1/logs`, init).then(
    (response) => response.status,
    () => 413,
  )
  assert.equal(status, 413)
  await post('/v1/logs', logs([{ body: { stringValue: 'Still served' } }]))
  assert.deepEqual(await found(), ['Still served'])
})
