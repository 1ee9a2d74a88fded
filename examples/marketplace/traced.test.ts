import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openTraces, type Span } from 'dure/telemetry'
import { runSplit } from './split.test-support.ts'

const DURE = fileURLToPath(new URL('../../packages/tools/cli/bin/dure.js', import.meta.url))

/** What a receiver of OTLP over HTTP makes of a span: `process` is the instance that the resource names. */
type Received = { readonly process: string; readonly service: string; readonly key: string }
type Attribute = { readonly key: string; readonly value: { readonly stringValue?: string } }
type Request = {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly Readonly<Record<string, unknown>>[] }[]
  }[]
}

async function receiver(t: TestContext, traceId: string): Promise<{ readonly endpoint: string; readonly received: Received[] }> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      response.setHeader('content-type', 'application/json').end('{}')
      if (request.url !== '/v1/traces') return
      for (const { resource, scopeSpans } of (JSON.parse(Buffer.concat(parts).toString()) as Request).resourceSpans) {
        const say = (name: string): string => resource.attributes.find(({ key }) => key === name)?.value.stringValue ?? ''
        for (const span of scopeSpans.flatMap(({ spans }) => spans))
          if (span['traceId'] === traceId)
            received.push({
              process: say('service.instance.id'),
              service: say('service.name'),
              key: `${span['spanId']} < ${span['parentSpanId'] ?? ''} ${say('service.name')}: ${span['name']}`,
            })
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received }
}

const keyOf = ({ spanId, parentId, service, name }: Span): string => `${spanId} < ${parentId ?? ''} ${service}: ${name}`

const isCaller = (span: Span, served: Span): boolean => span.kind === 'client' && span.spanId === served.parentId

/** Services in which something failed that was not sampled. */
function failedBeside(folder: string, traceId: string): readonly string[] {
  const traces = openTraces(folder)
  const others = traces?.recent(1_000).filter((trace) => trace.traceId !== traceId) ?? []
  traces?.close()
  return others.map(({ service, name }) => `${service}: ${name}`)
}

/** What the store that all processes share has of a trace so far. */
function kept(folder: string, traceId: string): readonly Span[] {
  const traces = openTraces(folder)
  try {
    return traces?.trace(traceId) ?? []
  } finally {
    traces?.close()
  }
}

/** The door and everybody a checkout reaches, each in a process of its own. */
const REACHED = ['rest', 'cart', 'stock', 'order', 'payment', 'seller', 'shipment', 'customer', 'audit']

test(
  'one checkout through the HTTP door is one trace over eight processes, and a receiver of OTLP gets the same spans',
  { timeout: 240_000 },
  async (t) => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const { endpoint, received } = await receiver(t, traceId)
    const folder = mkdtempSync(join(tmpdir(), 'marketplace-traced-'))
    // Nothing is sampled by chance: only what a caller asks for.
    const shop = await runSplit(folder, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: '0' })
    try {
      for (const { method, at, body } of shop.commands) {
        const asked = at.endsWith('/checkout') ? { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } : {}
        const answer = await fetch(at, { method, body, headers: { 'content-type': 'application/json', ...asked } })
        assert.equal(answer.status, 202, await answer.text())
      }
      // Written a moment after it happens.
      while (!REACHED.every((service) => kept(folder, traceId).some((span) => span.service === service))) {
        assert.equal(shop.child.exitCode, null, shop.errors())
        await setTimeout(50)
      }
      assert.equal(await shop.stop(), 0, shop.errors())

      const spans = kept(folder, traceId)
      assert.deepEqual(received.map(({ key }) => key).toSorted(), spans.map(keyOf).toSorted())
      assert.ok(new Set(received.map((span) => span.process)).size >= 8, JSON.stringify(received))
      // No loose end: every span but those that the caller's own began is part of another that is there.
      const known = new Set(['00f067aa0ba902b7', ...spans.map(({ spanId }) => spanId)])
      assert.deepEqual(spans.filter(({ parentId }) => !known.has(parentId ?? '')).map(keyOf), [])

      assert.deepEqual(failedBeside(folder, traceId), [])

      const shown = (...words: string[]): string => {
        const { status, stdout, stderr } = spawnSync(process.execPath, [DURE, 'trace', traceId, '--data', folder, ...words], {
          encoding: 'utf8',
        })
        assert.equal(status, 0, stderr)
        return stdout
      }
      assert.deepEqual((JSON.parse(shown('--json')) as Span[]).map(keyOf).toSorted(), spans.map(keyOf).toSorted())
      const waterfall = shown()
      t.diagnostic(`\n${waterfall}`)
      const [title, summary, , first, ...rest] = waterfall.split('\n')
      assert.equal(title, `Trace ${traceId}`)
      assert.match(summary!, new RegExp(` ${spans.length} spans, 9 services`))
      assert.match(first!, /^POST \/cart\/\{customerId\}\/checkout +rest +█/)
      // Both sides of a call are one line.
      const calls = spans.filter((span) => span.kind === 'server' && spans.some((other) => isCaller(other, span)))
      assert.equal(rest.filter((line) => /^[ │]*[├└] /.test(line)).length, spans.length - calls.length - 1, waterfall)
    } finally {
      shop.child.kill('SIGKILL')
      // When it failed on the way, its processes are still about to notice that they are alone.
      rmSync(folder, { recursive: true, force: true, maxRetries: 20 })
    }
  },
)
