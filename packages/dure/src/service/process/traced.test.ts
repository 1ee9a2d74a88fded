import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openTraces, otlp, silentLogger, type Span } from '../../telemetry/telemetry.ts'
import { start, type Running } from '../service.ts'
import { quiet } from '../rig.test-support.ts'
import { Orders, shop } from './shop.test-support.ts'

type Received = { readonly service: string; readonly traceId: string; readonly spanId: string; readonly name: string }
type Request = {
  readonly resourceSpans: readonly {
    readonly resource: {
      readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[]
    }
    readonly scopeSpans: readonly { readonly spans: readonly Omit<Received, 'service'>[] }[]
  }[]
}

/** A receiver of OTLP over HTTP, and the parts of a small shop, each with everything between them through sockets. */
async function rig(t: TestContext) {
  const received: Received[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (part: Buffer) => (text += part.toString()))
    request.on('end', () => {
      for (const { resource, scopeSpans } of (JSON.parse(text) as Partial<Request>).resourceSpans ?? []) {
        const service = resource.attributes.find(({ key }) => key === 'service.name')!.value.stringValue
        for (const { traceId, spanId, name } of scopeSpans[0]!.spans) received.push({ service, traceId, spanId, name })
      }
      response.end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const directory = mkdtempSync(join(tmpdir(), 'dure-traced-'))
  const running: Running[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(running.splice(0).map((one) => one.stop({ everything: true })))
  }
  t.after(async () => {
    await stop()
    server.closeAllConnections()
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const run = async (part: string): Promise<Running> => {
    const system = { ...shop(), telemetry: { sampling: 0, exporters: [otlp({ endpoint, metrics: false })] } }
    const one = await start(system, { directory, part: [part], log: silentLogger(), shutdownTimeout: 2_000 })
    running.push(one)
    return one
  }
  for (const part of ['broker', 'stock', 'orders', 'mail']) await run(part)
  return { doors: await run('doors'), directory, received, stop }
}

/** `kind service name`, nested under its parent, but for what the relay does: its place among its siblings is a matter of time. */
function tree(spans: readonly Span[], parentId: string, depth = 0): string[] {
  return spans
    .filter((span) => span.parentId === parentId && !span.name.startsWith('relay '))
    .flatMap((span) => [`${'  '.repeat(depth)}${span.kind} ${span.service} ${span.name}`, ...tree(spans, span.spanId, depth + 1)])
}

const keyOf = ({ service, spanId, name }: Pick<Received, 'service' | 'spanId' | 'name'>): string => `${service} ${spanId} ${name}`

const ORDER_PLACED = [
  'client outside orders.place',
  '  server orders orders.place',
  '    client orders stock.reserve',
  '      server stock stock.reserve',
  '        client stock transaction stock',
  '    client orders transaction orders',
  '      producer orders publish order.placed',
  '        consumer mail process order.placed',
]

test(
  'one request over all processes is one trace, in the store that they share and at the receiver',
  { timeout: 60_000 },
  async (t) => {
    const { doors, directory, received, stop } = await rig(t)
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const place = (flag: string, quantity: number): Promise<unknown> =>
      doors
        .client(Orders)
        .place(
          { orderId: `${flag}${quantity}`, quantity },
          { traceparent: `00-${traceId}-00f067aa0ba902b7-${flag}`, tracestate: 'vendor=1' },
        )
    await place('00', 1)
    await place('01', 2)
    await quiet(doors)
    await stop()

    const traces = openTraces(directory)!
    const spans = traces.trace(traceId)
    // What is not sampled is told of when it fails, and that a process leaves the broker is no failure.
    assert.deepEqual(
      traces.recent(100).map((trace) => trace.traceId),
      [traceId],
    )
    traces.close()
    assert.deepEqual(tree(spans, '00f067aa0ba902b7'), ORDER_PLACED)
    const calls = spans.filter(({ kind }) => kind === 'server')
    assert.deepEqual(
      calls.map(({ tracestate }) => tracestate),
      ['vendor=1', 'vendor=1'],
    )
    const there = received.filter((span) => span.traceId === traceId)
    assert.deepEqual(there.map(keyOf).toSorted(), spans.map(keyOf).toSorted())
  },
)

test('a failure in another process is kept by both sides without being sampled', { timeout: 60_000 }, async (t) => {
  const { doors, directory, stop } = await rig(t)
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const refused = doors
    .client(Orders)
    .place({ orderId: 'a', quantity: 10_000_000 }, { traceparent: `00-${traceId}-00f067aa0ba902b7-00` })
  await assert.rejects(refused, { code: 'OUT_OF_STOCK' })
  await stop()
  const traces = openTraces(directory)!
  const spans = traces.trace(traceId)
  traces.close()
  assert.deepEqual(spans.map(({ kind, service, name, status }) => `${kind} ${service} ${name} ${status}`).toSorted(), [
    'client orders stock.reserve error',
    'client outside orders.place error',
    'client stock transaction stock error',
    'server orders orders.place error',
    'server stock stock.reserve error',
  ])
})

/** Waits for what the store has of a trace; the test's own timeout is the bound. */
async function kept(directory: string, traceId: string, enough: (spans: readonly Span[]) => boolean): Promise<readonly Span[]> {
  for (;;) {
    const traces = openTraces(directory)
    const spans = traces?.trace(traceId) ?? []
    traces?.close()
    if (enough(spans)) return spans
    await new Promise((resolve) => void setTimeout(resolve, 20))
  }
}

test(
  'what fails in one process late has the others tell of what led to it, though nothing was sampled',
  { timeout: 120_000 },
  async (t) => {
    const { doors, directory, received, stop } = await rig(t)
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4737'
    const traceparent = `00-${traceId}-00f067aa0ba902b7-00`
    // Its letter is cursed: it dies long after the call was answered.
    await doors.client(Orders).place({ orderId: 'cursed', quantity: 13 }, { traceparent })
    const isWhole = (found: readonly Span[]): boolean =>
      found.some(({ kind, service }) => kind === 'client' && service === 'outside')
    await kept(directory, traceId, isWhole)
    await stop()
    const spans = await kept(directory, traceId, isWhole)
    const there = received.filter((span) => span.traceId === traceId)
    assert.deepEqual(there.map(keyOf).toSorted(), spans.map(keyOf).toSorted())
    assert.deepEqual(tree(spans, '00f067aa0ba902b7'), ORDER_PLACED)
    assert.deepEqual(
      spans.filter(({ status }) => status === 'error').map(({ name, attributes }) => [name, attributes['dure.message.dead']]),
      [['process order.placed', true]],
    )
  },
)
