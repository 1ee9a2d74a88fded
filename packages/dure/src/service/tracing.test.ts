import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { command, contract, error, event, query, stream } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { createLogger, openTraces, type Span, type TelemetryOptions, type TelemetrySink } from '../telemetry/telemetry.ts'
import { service, start, system } from './service.ts'
import { quiet } from './rig.test-support.ts'

const Placed = event('order.placed', { schema: z.object({ orderId: z.string() }), key: (e) => e.orderId })
const Sent = event('mail.sent', { schema: z.object({ orderId: z.string() }), key: (e) => e.orderId })
const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ left: z.int() }) })
const Order = z.object({ orderId: z.string(), quantity: z.int() })

const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    reserve: command({ input: z.object({ quantity: z.int() }), output: z.object({ left: z.int() }), errors: { OutOfStock } }),
    watch: stream({ output: z.object({ left: z.int() }) }),
  },
})
const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  operations: { place: command({ input: Order, output: z.object({ orderId: z.string() }), errors: { OutOfStock } }) },
  events: [Placed],
})
const Mail = contract('mail', {
  version: '1.0.0',
  owner: 'tests',
  operations: { sent: query({ output: z.object({ count: z.int() }) }) },
  events: [Sent],
})

const stock = service(Stock, {
  handlers: {
    reserve: ({ quantity }, { log }) => {
      if (quantity === 13) throw new Error('The shelf has fallen over')
      log.info('Reserved')
      if (quantity > 10) throw OutOfStock({ left: 10 })
      return { left: 10 - quantity }
    },
    watch: async function* () {
      yield { left: 1 }
      yield { left: 0 }
    },
  },
})
const orders = service(Orders, {
  needs: { stock: Stock },
  database: database({ migrations: {} }),
  handlers: {
    place: async ({ orderId, quantity }, { stock, database }) => {
      await stock.reserve({ quantity })
      await database.transaction(async (tx) => tx.publish(Placed, { orderId }))
      return { orderId }
    },
  },
})
const mail = service(Mail, {
  needs: { stock: Stock },
  database: database({ migrations: {} }),
  handlers: { sent: () => ({ count: 0 }) },
  subscriptions: ({ on }) => [
    on(Placed, {
      prepare: (_event, { stock }) => stock.reserve({ quantity: 0 }),
      handle: async ({ data }, { tx, log }) => {
        log.info('Sending')
        await tx.publish(Sent, data)
      },
    }),
  ],
})

async function run(t: TestContext, options: TelemetryOptions | false) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-traced-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const spans: Span[] = []
  const lines: Record<string, unknown>[] = []
  const sink: TelemetrySink = {
    name: 'test',
    take: (span) => void spans.push(span),
    dropped: () => 0,
    flush: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  }
  const telemetry = options === false ? false : { ...options, exporters: [() => sink] }
  const log = createLogger({
    clock: { now: Date.now, monotonic: () => 0 },
    write: (text) => {
      const line = JSON.parse(text) as Record<string, unknown>
      if (line['message'] !== 'Migrated a store') lines.push(line)
    },
  })
  const running = await start(system('shop', { services: [orders, mail, stock], telemetry }), { directory, log })
  t.after(() => running.stop())
  return { running, spans, lines, directory }
}

/** `kind service name`, nested under its parent; but for what the relay does, whose place among its siblings is a matter of time. */
function tree(spans: readonly Span[], parentId?: string, depth = 0): string[] {
  return spans
    .filter((span) => span.parentId === parentId && !span.name.startsWith('relay '))
    .toSorted((a, b) => a.start - b.start)
    .flatMap((span) => [
      `${'  '.repeat(depth)}${span.kind} ${span.service} ${span.name}${span.status === 'error' ? ' !' : ''}`,
      ...tree(spans, span.spanId, depth + 1),
    ])
}

test('one request is one trace: over calls, a transaction, an event and what it leads to', async (t) => {
  const { running, spans, lines, directory } = await run(t, { sampling: 1 })
  await running.client(Orders).place({ orderId: 'a', quantity: 1 })
  await quiet(running)
  assert.deepEqual(tree(spans), [
    'server orders orders.place',
    '  server stock stock.reserve',
    '  client orders transaction orders',
    '    producer orders publish order.placed',
    '      consumer mail prepare order.placed',
    '        server stock stock.reserve',
    '      consumer mail process order.placed',
    '        producer mail publish mail.sent',
  ])
  const ids = new Set(spans.map(({ traceId }) => traceId))
  assert.equal(ids.size, 1)
  assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length)
  // What handlers log is found by the same id.
  assert.deepEqual(
    lines.map(({ message, traceId }) => [message, traceId]),
    [
      ['Reserved', spans[0]!.traceId],
      ['Reserved', spans[0]!.traceId],
      ['Sending', spans[0]!.traceId],
    ],
  )
  const { attributes } = spans.find(({ name, kind }) => name === 'stock.reserve' && kind === 'server')!
  assert.deepEqual(attributes, { 'rpc.system': 'dure', 'rpc.service': 'stock', 'rpc.method': 'reserve' })
  assert.equal(spans.find(({ kind }) => kind === 'producer')!.attributes['messaging.destination.name'], 'order.placed')
  assert.equal(spans.find(({ name }) => name === 'transaction orders')!.attributes['db.system.name'], 'sqlite')
  // The embedded store has it when the system has stopped, at the latest.
  await running.stop()
  const traces = openTraces(directory)!
  assert.equal(traces.trace([...ids][0]!).length, spans.length)
  traces.close()
})

test('a trace is sampled or not as a whole: decided where it begins, kept wherever it goes', async (t) => {
  const { running, spans } = await run(t, { sampling: 0.5 })
  const client = running.client(Orders)
  for (let i = 0; i < 40; i++) await client.place({ orderId: `o${i}`, quantity: 1 })
  await quiet(running)
  const traces = Map.groupBy(spans, ({ traceId }) => traceId)
  // 40 tosses of a coin: all alike once in 5 × 10^11 runs.
  assert.ok(traces.size > 0 && traces.size < 40, `${traces.size} traces`)
  for (const own of traces.values()) assert.equal(tree(own).length, 8, tree(own).join('\n'))
})

test('a caller’s trace is continued, and its decision with it', async (t) => {
  const { running, spans } = await run(t, { sampling: 0 })
  const client = running.client(Orders)
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  await client.place({ orderId: 'a', quantity: 1 }, { traceparent: `00-${traceId}-b7ad6b7169203331-00` })
  await quiet(running)
  assert.equal(spans.length, 0)
  await client.place({ orderId: 'b', quantity: 1 }, { traceparent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: 'vendor=1' })
  await quiet(running)
  assert.equal(tree(spans, 'b7ad6b7169203331').length, 8)
  for (const span of spans) assert.equal(span.traceId, traceId)
  assert.equal(tree(spans, 'b7ad6b7169203331')[0], 'server orders orders.place')
  assert.equal(spans.find(({ name, kind }) => name === 'stock.reserve' && kind === 'server')!.tracestate, 'vendor=1')
})

test('what fails is kept without being sampled, under its callers that fail with it', async (t) => {
  const { running, spans, lines } = await run(t, { sampling: 0 })
  const client = running.client(Orders)
  await client.place({ orderId: 'a', quantity: 1 })
  await quiet(running)
  assert.equal(spans.length, 0)

  await assert.rejects(client.place({ orderId: 'b', quantity: 11 }), { code: 'OUT_OF_STOCK' })
  assert.deepEqual(tree(spans), ['server orders orders.place !', '  server stock stock.reserve !'])
  assert.deepEqual(
    spans.map(({ attributes }) => attributes['error.type']),
    ['OUT_OF_STOCK', 'OUT_OF_STOCK'],
  )
  assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1)

  spans.length = 0
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  await assert.rejects(client.place({ orderId: 'c', quantity: 13 }, { traceparent: `00-${traceId}-b7ad6b7169203331-00` }))
  assert.deepEqual(tree(spans, 'b7ad6b7169203331'), ['server orders orders.place !', '  server stock stock.reserve !'])
  // The inside stays inside: the log has what was thrown, and the same trace id.
  for (const { message } of spans) assert.doesNotMatch(message!, /shelf/)
  const faults = lines.filter(({ level }) => level === 'error')
  assert.ok(faults.length > 0)
  for (const fault of faults) assert.equal(fault['traceId'], traceId)
})

test('a wrong input is a failed call, whether sampled or not', async (t) => {
  for (const sampling of [0, 1]) {
    const { running, spans } = await run(t, { sampling })
    await assert.rejects(running.client(Orders).place({ orderId: 'a', quantity: 'many' as unknown as number }))
    assert.equal(spans.find(({ kind }) => kind === 'server')!.attributes['error.type'], 'INVALID_ARGUMENT')
  }
})

test('a stream is one span from its call to its end, or to where its caller had enough', async (t) => {
  const { running, spans } = await run(t, { sampling: 1 })
  const client = running.client(Stock)
  for await (const value of client.watch()) assert.ok(value.left >= 0)
  for await (const value of client.watch()) {
    assert.equal(value.left, 1)
    break
  }
  assert.deepEqual(tree(spans), ['server stock stock.watch', 'server stock stock.watch'])
})

test('a transaction that is rolled back has published nothing, and no span says so', async (t) => {
  const Only = contract('only', { version: '1.0.0', owner: 'tests', operations: { fail: command({}) }, events: [Placed] })
  const only = service(Only, {
    database: database({ migrations: {} }),
    handlers: {
      fail: (_input, { database }) =>
        database.transaction(async (tx) => {
          await tx.publish(Placed, { orderId: 'a' })
          throw new Error('no')
        }),
    },
  })
  const spans: Span[] = []
  const directory = mkdtempSync(join(tmpdir(), 'dure-traced-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const sink = {
    name: 'test',
    take: (span: Span) => void spans.push(span),
    dropped: () => 0,
    flush: async () => {},
    stop: async () => {},
  }
  const log = createLogger({ clock: { now: () => 0, monotonic: () => 0 }, write: () => {} })
  const running = await start(
    system('one', { services: [only], telemetry: { sampling: 1, store: false, exporters: [() => sink] } }),
    { directory, log },
  )
  t.after(() => running.stop())
  await assert.rejects(running.client(Only).fail())
  assert.deepEqual(tree(spans), ['server only only.fail !', '  client only transaction only !'])
})

test('without telemetry trace context passes through, and nothing is measured', async (t) => {
  const { running, spans, lines } = await run(t, false)
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  await running.client(Orders).place({ orderId: 'a', quantity: 1 }, { traceparent: `00-${traceId}-b7ad6b7169203331-01` })
  await quiet(running)
  assert.equal(spans.length, 0)
  assert.deepEqual(
    lines.map((line) => line['traceId']),
    [traceId, traceId, traceId],
  )
})
