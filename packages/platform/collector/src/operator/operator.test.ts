import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { openOperator, type OperatorCaller } from '@dure/operator'
import { contract } from 'dure/contract'
import { realRuntime } from 'dure/runtime'
import { service, start, system, type Door } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { folder, started, type Started } from '../collector.test-support.ts'
import { collectorParts } from '../collector.ts'
import { batch, exception, log, metric, span } from '../record.test-support.ts'
import { derived, quantile } from './derived.ts'

const caller: OperatorCaller = { name: 'ida', role: 'viewer' }
const [one, two] = ['a1'.repeat(16), 'a2'.repeat(16)]

/** Asks over HTTP, as a console does. */
async function asking(t: TestContext) {
  const collector = await started(t)
  const ask = async (place: string, input: object = {}) => {
    const { status, json } = await collector.post(`/api/operator/${place.replace('.', '/')}`, JSON.stringify(input))
    return status === 200 ? json.value : { status, ...json.error }
  }
  return { collector, ask }
}

const take = ({ intake }: Started, some: object): Promise<unknown> => intake.take('otlp', batch(some))

test('traces: listed, shown by how an id begins, one span of one, two compared', async (t) => {
  const { collector, ask } = await asking(t)
  const now = Date.now()
  const spans = [
    span({ traceId: one, start: now, attributes: { 'http.route': '/orders' } }),
    span({ traceId: two, start: now + 1, duration: 100, failed: true, message: 'Gone' }),
    span({
      traceId: two,
      start: now + 2,
      spanId: 'b2'.repeat(8),
      parentId: 'b1'.repeat(8),
      service: 'stock',
      name: 'reserve',
      duration: 50,
    }),
  ]
  await take(collector, { spans })
  assert.deepEqual(
    (await ask('traces.list')).traces.map(({ traceId }: { traceId: string }) => traceId),
    [two, one],
  )
  assert.deepEqual((await ask('traces.list', { failed: true, service: 'stock' })).traces, [])
  const shown = await ask('traces.show', { traceId: 'A1' })
  assert.deepEqual([shown.traceId, shown.spans.length, shown.spans[0].attributes], [one, 1, { 'http.route': '/orders' }])
  assert.deepEqual((await ask('traces.show', { traceId: one, brief: true })).spans[0].attributes, {})
  assert.equal((await ask('traces.span', { traceId: two, spanId: 'b1'.repeat(8) })).message, 'Gone')
  assert.deepEqual((await ask('traces.compare', { before: one, after: two })).operations, [
    {
      ...{ service: 'orders', name: 'orders.place' },
      before: { spans: 1, failed: 0, duration: 12.5 },
      after: { spans: 1, failed: 1, duration: 100 },
    },
    {
      service: 'stock',
      name: 'reserve',
      before: { spans: 0, failed: 0, duration: 0 },
      after: { spans: 1, failed: 0, duration: 50 },
    },
  ])
  assert.deepEqual((await ask('traces.edges')).edges, [{ from: 'orders', to: 'stock', by: 'call', times: 1, failed: 0 }])
  assert.deepEqual((await ask('traces.services')).services, [
    { service: 'orders', operations: ['orders.place'] },
    { service: 'stock', operations: ['reserve'] },
  ])
  assert.equal((await ask('traces.show', { traceId: 'a' })).code, 'INVALID_ARGUMENT')
  for (const traceId of ['ff', 'no id']) assert.equal((await ask('traces.show', { traceId })).code, 'NOT_FOUND')
})

test('logs: searched, counted, with their surroundings', async (t) => {
  const { collector, ask } = await asking(t)
  const now = Date.now()
  await take(collector, {
    logs: Array.from({ length: 50 }, (_, i) => log({ body: `Line ${i}`, time: now + i, service: i % 2 === 0 ? 'a' : 'b' })),
  })
  const page = await ask('logs.search', { words: 'line', limit: 2 })
  assert.deepEqual(
    page.lines.map(({ body }: { body: string }) => body),
    ['Line 49', 'Line 48'],
  )
  assert.equal((await ask('logs.search', { words: 'line', limit: 2, before: page.next })).lines[0].body, 'Line 47')
  const around = await ask('logs.surrounding', { id: page.lines[1].id, count: 2, sameService: true })
  assert.deepEqual(
    around.lines.map(({ body }: { body: string }) => body),
    ['Line 44', 'Line 46', 'Line 48'],
  )
  const counted = await ask('logs.count', { from: now - 20_000, to: now + 60_000 })
  assert.equal(
    counted.slots.reduce((sum: number, { lines }: { lines: { info: number } }) => sum + lines.info, 0),
    50,
  )
  assert.deepEqual((await ask('logs.services')).services, ['a', 'b'])
})

test('metrics and exceptions: names, series as rates and quantiles; groups with samples', async (t) => {
  const { collector, ask } = await asking(t)
  const now = Math.floor(Date.now() / 10_000) * 10_000
  const histogram = (count: number) => ({ sum: count, bounds: [1, 2], counts: [0, count, 0] })
  await take(collector, {
    metrics: [0, 1, 2].flatMap((i) => [
      metric({ time: now - 20_000 + i * 10_000, value: i * 50 }),
      metric({ name: 'took', kind: 'histogram', time: now - 20_000 + i * 10_000, value: i * 4, histogram: histogram(i * 4) }),
    ]),
    exceptions: [exception({ time: now, traceId: one })],
  })
  assert.deepEqual(
    (await ask('metrics.names')).metrics.map(({ name, kind }: { name: string; kind: string }) => [name, kind]),
    [
      ['calls', 'counter'],
      ['took', 'histogram'],
    ],
  )
  const values = async (input: object) =>
    (await ask('metrics.series', input)).series[0].points.map(({ value }: { value: number }) => value)
  assert.deepEqual(await values({ name: 'calls' }), [0, 50, 100])
  assert.deepEqual(await values({ name: 'calls', as: 'rate' }), [5, 5])
  assert.deepEqual(await values({ name: 'took', as: 'p50' }), [1.5, 1.5])
  assert.deepEqual(await values({ name: 'took', as: 'mean' }), [1, 1])
  const { groups } = await ask('exceptions.groups', { words: 'not a FUNCTION' })
  assert.equal(groups.length, 1)
  const shown = await ask('exceptions.show', { fingerprint: groups[0].fingerprint })
  assert.deepEqual([shown.group.times, shown.samples[0].traceId], [1, one])
  assert.equal((await ask('exceptions.show', { fingerprint: 'v1:no' })).code, 'NOT_FOUND')
})

test('a counter that began anew, and quantiles outside of all bounds', () => {
  const points = [10, 30, 5].map((value, i) => ({ time: i * 10_000, value }))
  assert.deepEqual(
    derived({ kind: 'counter', points }, 'rate').map(({ value }) => value),
    [2, 0.5],
  )
  assert.deepEqual(derived({ kind: 'gauge', points }, 'p99').length, 3)
  assert.equal(quantile({ sum: 0, bounds: [1], counts: [0, 5] }, 0.5), 1)
  assert.equal(quantile({ sum: 0, bounds: [1, 3], counts: [1, 1, 0] }, 0.75), 2)
  assert.equal(quantile({ sum: 0, bounds: [1], counts: [0, 0] }, 0.5), undefined)
})

test('from another process of the system they are asked over its directory; lines are followed as they come; without a collector that is said', async (t) => {
  const directory = folder(t)
  let asked: ReturnType<typeof openOperator> | undefined
  const desk: Door = {
    name: 'desk',
    open: async (host, world) => {
      asked = openOperator({ host, world, parts: collectorParts })
      return { url: undefined, close: async () => asked!.close() }
    },
  }
  const empty = service(contract('empty', { version: '1.0.0', owner: 'team-none', operations: {} }), { handlers: {} })
  const running = await start(system('empty', { services: [empty], doors: [desk] }), {
    directory,
    log: silentLogger(),
    runtime: realRuntime(),
  })
  t.after(() => running.stop())
  const search = () => asked!.call({ contract: 'logs', operation: 'search', input: { words: 'hello' }, caller })
  await assert.rejects(search(), /UNAVAILABLE|Nothing collects telemetry/)
  const collector = await started(t, { directory, port: false })
  await take(collector, { logs: [log({ body: 'Hello' })] })
  assert.equal(((await search()) as { lines: readonly unknown[] }).lines.length, 1)
  const tail = asked!.stream({ contract: 'logs', operation: 'tail', input: {}, caller })[Symbol.asyncIterator]()
  const first = tail.next()
  const sent = setInterval(() => void take(collector, { logs: [log({ body: 'Followed' })] }), 20)
  t.after(() => clearInterval(sent))
  assert.equal(((await first).value as { lines: { body: string }[] }).lines[0]!.body, 'Followed')
  clearInterval(sent)
  await tail.return?.()
})
