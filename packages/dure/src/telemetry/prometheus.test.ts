import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { realRuntime } from '../runtime/runtime.ts'
import { FAMILIES, silentLogger, type Reading } from './telemetry.ts'
import { createHistogram, createMeter, createMetrics } from './internal.ts'
import { observeProcess } from './process-metrics.ts'
import { expositionFormat, prometheusText } from './prometheus.ts'

const promtool = '/usr/bin/promtool'
const missing = existsSync(promtool) ? false : 'needs server: prometheus'

/** Reads the text format back, strictly: a reader that takes anything proves nothing. */
function parse(
  text: string,
): Map<string, { type: string; samples: { name: string; labels: Record<string, string>; value: number }[] }> {
  const families = new Map<string, { type: string; samples: { name: string; labels: Record<string, string>; value: number }[] }>()
  let current = ''
  assert.ok(text.endsWith('\n'))
  for (const line of text.slice(0, -1).split('\n')) {
    const type = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram)$/.exec(line)
    if (type !== null) {
      current = type[1]!
      assert.ok(!families.has(current), `${current} comes twice`)
      families.set(current, { type: type[2]!, samples: [] })
      continue
    }
    if (/^# HELP [a-zA-Z_:][\w:]* .+$/.test(line)) continue
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
    assert.ok(sample !== null, `cannot read: ${line}`)
    const [, name, inside = '', value] = sample
    const pairs = [...inside.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/g)]
    assert.equal(pairs.map(([all]) => all).join(''), inside)
    const labels = Object.fromEntries(
      pairs.map(([, key, raw]) => [key!, raw!.replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))]),
    )
    assert.ok(name!.startsWith(current), `${name} is not of ${current}`)
    families.get(current)!.samples.push({ name: name!, labels, value: Number(value === '+Inf' ? Infinity : value) })
  }
  return families
}

test('rates, errors and durations of operations are read back', async () => {
  const metrics = createMetrics()
  const duration = createHistogram()
  for (const ms of [0.01, 0.5, 0.5, 3, 70_000]) duration.record(ms)
  metrics.add({
    service: 'orders',
    operation: 'place',
    duration,
    codes: () =>
      new Map([
        ['OK', 4],
        ['OUT_OF_STOCK', 1],
      ]),
  })
  const families = parse(prometheusText(await metrics.read()))

  const histogram = families.get('rpc_server_call_duration_seconds')!
  assert.equal(histogram.type, 'histogram')
  const buckets = histogram.samples.filter(({ name }) => name.endsWith('_bucket'))
  const counts = buckets.map(({ value }) => value)
  assert.deepEqual(
    counts,
    counts.toSorted((a, b) => a - b),
  )
  const upTo = (le: number): number => buckets.find(({ labels }) => Number(labels['le']) === le)!.value
  assert.deepEqual(
    [upTo(0.000032), upTo(0.000512), upTo(0.008192), counts.at(-1), buckets.at(-1)!.labels['le']],
    [1, 3, 4, 5, '+Inf'],
  )
  const one = (suffix: string): number => histogram.samples.find(({ name }) => name.endsWith(suffix))!.value
  assert.equal(one('_count'), 5)
  assert.ok(Math.abs(one('_sum') - 70.00401) < 1e-9)

  const calls = families.get('rpc_server_calls_total')!
  assert.deepEqual(
    calls.samples.map(({ labels, value }) => [
      labels['rpc_service'],
      labels['rpc_method'],
      labels['rpc_response_status_code'],
      value,
    ]),
    [
      ['orders', 'place', 'OK', 4],
      ['orders', 'place', 'OUT_OF_STOCK', 1],
    ],
  )
})

test('what is observed is read when asked, awkward labels survive, and an observer that fails is left out', async () => {
  const metrics = createMetrics()
  const awkward = 'a "quoted"\\ group\nof two lines'
  metrics.observe(() => Promise.reject(new Error('gone')))
  metrics.observe(() => {
    throw new Error('gone at once')
  })
  const forget = metrics.observe((): readonly Reading[] => [
    { family: FAMILIES.lag, attributes: { 'messaging.consumer.group.name': awkward }, value: 7 },
    { family: FAMILIES.lag, attributes: {}, value: 0.5 },
  ])
  const lag = parse(prometheusText(await metrics.read())).get('messaging_consumer_lag')!
  assert.equal(lag.type, 'gauge')
  assert.deepEqual(
    lag.samples.map(({ labels, value }) => [labels['messaging_consumer_group_name'], value]),
    [
      [awkward, 7],
      [undefined, 0.5],
    ],
  )
  forget()
  assert.deepEqual(await metrics.read(), [])
})

test('operations that were never called take no room; those that were have every bucket', async () => {
  const metrics = createMetrics()
  const idle = { codes: () => new Map([['OK', 0]]) }
  for (let n = 0; n < 500; n++) metrics.add({ service: 'many', operation: `idle${n}`, duration: createHistogram(), ...idle })
  assert.equal(prometheusText(await metrics.read()), '')
  const durations = [0.001, 90_000].map((ms) => {
    const duration = createHistogram()
    duration.record(ms)
    return duration
  })
  for (const [n, duration] of durations.entries())
    metrics.add({ service: 'many', operation: `called${n}`, duration, codes: () => new Map([['OK', 1]]) })
  const samples = parse(prometheusText(await metrics.read())).get('rpc_server_call_duration_seconds')!.samples
  const bounds = durations.map((_, n) =>
    samples.filter(({ labels }) => labels['rpc_method'] === `called${n}`).map(({ labels, name }) => labels['le'] ?? name),
  )
  assert.equal(bounds[0]!.length, 14)
  assert.deepEqual(bounds[0], bounds[1])
})

test('OpenMetrics: units, counters by their name alone, exemplars, an end', async () => {
  const clock = { now: () => 1_700_000_000_250 }
  const metrics = createMetrics()
  const duration = createHistogram(clock)
  duration.record(3, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
  duration.record(70_000)
  metrics.add({ service: 'orders', operation: 'place', duration, codes: () => new Map([['OK', 2]]) })
  metrics.observe(() => [{ family: FAMILIES.outboxSize, attributes: { 'rpc.service': 'say "hi"\\' }, value: 5 }])
  const text = prometheusText(await metrics.read(), 'openmetrics')
  const lines = text.split('\n')
  assert.deepEqual(lines.slice(-2), ['# EOF', ''])
  assert.ok(lines.includes('# TYPE rpc_server_calls counter'))
  assert.ok(lines.includes('# UNIT rpc_server_call_duration_seconds seconds'))
  assert.ok(lines.some((line) => /^rpc_server_calls_total\{.*\} 2$/.test(line)))
  assert.ok(lines.includes('dure_outbox_size_bytes{rpc_service="say \\"hi\\"\\\\"} 5'))
  const exemplars = lines.filter((line) => line.includes(' # '))
  assert.equal(exemplars.length, 1)
  assert.match(
    exemplars[0]!,
    /_bucket\{.*le="0\.008192"\} 1 # \{trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331"\} 0\.003 1700000000\.250$/,
  )
})

test('a reader gets the format that it asks for', () => {
  assert.equal(expositionFormat(undefined), 'text')
  assert.equal(expositionFormat('text/plain;version=0.0.4;q=0.5,*/*;q=0.1'), 'text')
  assert.equal(
    expositionFormat('application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5'),
    'openmetrics',
  )
})

test('Prometheus itself reads what is told of Dure, of a process and of an application', { skip: missing }, async (t) => {
  const runtime = realRuntime()
  const metrics = createMetrics()
  t.after(observeProcess('shop', metrics, runtime))
  const own = createMeter({ service: 'orders', metrics, clock: runtime.clock, log: silentLogger() }).meter(undefined)
  own.counter('orders.placed', { unit: '{order}' }).add(3, { country: 'KR "south"\n' })
  own.gauge('shelf/height', { unit: 'm' }).set(-1.5)
  own.histogram('order.total', { unit: 'KRW', bounds: [0.5, 10] }).record(7)
  metrics.observe(() =>
    Object.values(FAMILIES).flatMap((family) =>
      family.kind === 'histogram' ? [] : [{ family, attributes: { 'rpc.service': 'orders' }, value: 1 }],
    ),
  )
  const input = prometheusText(await metrics.read())
  const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], { input, encoding: 'utf8' })
  // It says 3 where it would have named something otherwise.
  assert.ok(status === 0 || status === 3, `${stdout}${stderr}`)
  const broken = spawnSync(promtool, ['check', 'metrics'], { input: `${input}not a line {\n`, encoding: 'utf8' })
  assert.equal(broken.status, 1)
})
