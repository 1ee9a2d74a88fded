import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { virtualRuntime } from '../runtime/runtime.ts'
import { createMeter, createMetrics, prometheusText } from './internal.ts'
import { metricsRequest } from './export/otlp-json.ts'
import { silentLogger, type MetricFamily } from './telemetry.ts'

function rig() {
  const metrics = createMetrics()
  const complaints: { message: string; fields: unknown }[] = []
  const log = { ...silentLogger(), error: (message: string, fields?: object) => void complaints.push({ message, fields }) }
  const { clock } = virtualRuntime()
  const { meter, stop } = createMeter({ service: 'orders', metrics, clock, log })
  const read = async (name: string): Promise<MetricFamily | undefined> =>
    (await metrics.read()).find((family) => family.name === name)
  return { metrics, meter: meter(undefined), sampled: meter(SAMPLED), complaints, read, stop, clock, log }
}

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SAMPLED = `00-${TRACE}-b7ad6b7169203331-01`

test('counters, gauges and histograms are read by name, with the service and their attributes', async () => {
  const { meter, read } = rig()
  meter.counter('orders.placed', { unit: '{order}', description: 'Orders placed' }).add()
  meter.counter('orders.placed').add(2, { country: 'KR' })
  meter.counter('orders.placed').add(3, { country: 'KR' })
  meter.gauge('carts.open').set(7)
  meter.gauge('carts.open').set(-1)
  meter.histogram('orders.total', { unit: 'KRW', bounds: [10, 100] }).record(50)
  meter.histogram('orders.total').record(100)
  meter.histogram('orders.total').record(101)
  assert.deepEqual(await read('orders.placed'), {
    ...{ name: 'orders.placed', kind: 'counter', unit: '{order}', help: 'Orders placed' },
    points: [
      { attributes: { 'service.name': 'orders' }, value: 1 },
      { attributes: { 'service.name': 'orders', country: 'KR' }, value: 5 },
    ],
  })
  assert.deepEqual((await read('carts.open'))!.points, [{ attributes: { 'service.name': 'orders' }, value: -1 }])
  assert.deepEqual((await read('orders.total'))!.points, [
    { attributes: { 'service.name': 'orders' }, count: 3, sum: 251, below: [0, 2], bounds: [10, 100] },
  ])
})

test('the same attributes in another order, and none, are the same series', async () => {
  const { meter, read } = rig()
  meter.counter('a').add(1, { x: 'a', y: 1 })
  meter.counter('a').add(1, { y: 1, x: 'a' })
  meter.counter('a').add(1, {})
  meter.counter('a').add()
  assert.deepEqual(
    (await read('a'))!.points.map((point) => 'value' in point && point.value),
    [2, 2],
  )
})

test('series are bounded: what is beyond is counted together, and said once', async () => {
  const { meter, read, complaints } = rig()
  for (let i = 0; i < 5_000; i++) meter.counter('orders.placed').add(1, { order: `o-${i}` })
  const { points } = (await read('orders.placed'))!
  assert.equal(points.length, 1_000)
  assert.deepEqual(points.at(-1), { attributes: { 'service.name': 'orders', 'otel.metric.overflow': true }, value: 4_001 })
  assert.equal(complaints.length, 1)
  assert.match(complaints[0]!.message, /has 1000 series/)
})

test('a name that cannot be, or is taken, is refused where it is asked for', () => {
  const { meter, metrics, clock, log } = rig()
  for (const name of ['', '1st', 'with space', 'é', 'a'.repeat(256), 'dure.mine'])
    assert.throws(() => meter.counter(name), { name: 'TypeError', message: new RegExp('^Cannot measure ') }, name)
  assert.throws(() => meter.counter('rpc.server.call.duration'), /there is a histogram of unit "s"/)
  meter.counter('orders.placed', { unit: '{order}' })
  assert.throws(() => meter.gauge('orders.placed'), /it is a counter of unit "\{order\}"/)
  assert.throws(() => meter.counter('orders.placed', { unit: 's' }), TypeError)
  // Another service of the process; and one that Prometheus writes alike.
  const other = createMeter({ service: 'stock', metrics, clock, log }).meter(undefined)
  other.counter('orders.placed', { unit: '{order}' })
  assert.throws(() => other.counter('orders_placed', { unit: '{order}' }), /as "orders.placed", which Prometheus writes alike/)
  for (const bounds of [[], [2, 1], [1, 1], [Number.NaN], Array.from({ length: 51 }, (_, i) => i)])
    assert.throws(() => meter.histogram('h', { bounds }), /bounds/)
  for (let i = 0; i < 199; i++) meter.counter(`many.${i}`)
  assert.throws(() => meter.counter('one.more'), /has 200 metrics already/)
})

test('what cannot be counted is left out and said once: no call fails for a number', async () => {
  const { meter, read, complaints } = rig()
  for (const value of [-1, Number.NaN, Infinity, -2]) meter.counter('c').add(value)
  assert.equal(await read('c'), undefined)
  meter.gauge('g').set(Number.NaN)
  meter.gauge('g').set(1, { le: 'x' })
  meter.gauge('g').set(2, { '1 2': 'x' })
  assert.deepEqual((await read('g'))!.points, [{ attributes: { 'service.name': 'orders' }, value: 2 }])
  assert.equal(complaints.length, 3)
})

test('a record of a sampled call is an exemplar of its bucket', async () => {
  const { meter, sampled, read, clock } = rig()
  meter.histogram('wait', { unit: 's' }).record(0.5)
  sampled.histogram('wait').record(2)
  const [point] = (await read('wait'))!.points as unknown as readonly [
    { exemplars: Map<number, unknown>; below: readonly number[] },
  ]
  const bucket = point.below.findIndex((count) => count === 2)
  assert.deepEqual([...point.exemplars], [[bucket, { value: 2, traceId: TRACE, spanId: 'b7ad6b7169203331', at: clock.now() }]])
})

test('OTLP has bounds, counts and exemplars of an application’s histogram', async () => {
  const { sampled, metrics } = rig()
  sampled.histogram('total', { bounds: [10, 20] }).record(15)
  const request = metricsRequest(await metrics.read(), { resource: { namespace: 'shop', instance: '1' }, since: 0, now: 1 }) as {
    resourceMetrics: [{ scopeMetrics: [{ metrics: readonly { name: string; histogram: { dataPoints: readonly object[] } }[] }] }]
  }
  const [point] = request.resourceMetrics[0].scopeMetrics[0].metrics.find(({ name }) => name === 'total')!.histogram.dataPoints
  const { bucketCounts, explicitBounds, exemplars } = point as {
    bucketCounts: unknown
    explicitBounds: unknown
    exemplars: [object]
  }
  assert.deepEqual(
    [bucketCounts, explicitBounds],
    [
      ['0', '1', '0'],
      [10, 20],
    ],
  )
  assert.equal((exemplars[0] as { traceId: string }).traceId, TRACE)
})

test('a stopped service tells nothing; without telemetry nothing is counted, and names are checked', async () => {
  const { meter, read, stop, clock, log } = rig()
  meter.counter('a').add()
  stop()
  assert.equal(await read('a'), undefined)
  const off = createMeter({ service: 'orders', metrics: undefined, clock, log }).meter(undefined)
  off.counter('a').add()
  assert.throws(() => off.counter('no name'), TypeError)
})

test('property: the sum of all series is the sum of what was added, whatever the attributes', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          value: fc.nat(1_000),
          attributes: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.boolean(), fc.integer())),
        }),
      ),
      async (records) => {
        const { meter, read, metrics } = rig()
        for (const { value, attributes } of records) meter.counter('c').add(value, attributes)
        const total = ((await read('c'))?.points ?? []).reduce((sum, point) => sum + ('value' in point ? point.value : 0), 0)
        assert.equal(
          total,
          records.reduce((sum, { value }) => sum + value, 0),
        )
        prometheusText(await metrics.read(), 'openmetrics')
      },
    ),
    { numRuns: 50 },
  ))
