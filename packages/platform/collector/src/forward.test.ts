import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { started } from './collector.test-support.ts'
import { logsOf, metricsOf, tracesOf, createSums } from './in/otlp.ts'
import { batch, log, metric, span } from './record.test-support.ts'
import type { Attributes } from './record.ts'
import { bulkBody, refusedOf } from './out/bulk.ts'
import { logsRequest, metricsRequest, tracesRequest } from './out/otlp.ts'
import { snappy } from './out/remote-write.ts'

const now = Date.now()
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

/** Somebody who answers as he is told. */
async function receiver(t: TestContext, answer: (path: string, body: Buffer) => { status: number; body?: string }) {
  const server = createServer((request, response) => {
    void request.toArray().then((parts: Buffer[]) => {
      const { status, body = '{}' } = answer(request.url!, Buffer.concat(parts))
      response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('what is stored goes on to another collector, by OTLP and by _bulk, as it was', async (t) => {
  const second = await started(t)
  const first = await started(t, {
    forward: [
      { to: 'otlp', url: second.url! },
      { to: 'bulk', url: second.url!, index: 'copies', only: ['logs'] },
    ],
  })
  const logs = [log({ body: 'Once', time: now, attributes: { order: 7 }, traceId: 'a1'.repeat(16), severity: 17 })]
  const spans = [span({ start: now, failed: true, message: 'No', links: [{ traceId: 'b2'.repeat(16), spanId: 'b2'.repeat(8) }] })]
  const metrics = [metric({ time: now, value: 3, attributes: { a: 'b' } })]
  await first.intake.take('otlp', batch({ logs, spans, metrics }))
  for (;;) {
    const [found, trace, { series }] = await Promise.all([
      second.store.searchLogs({ words: 'once', limit: 10 }),
      second.store.readTrace('a1'.repeat(16)),
      second.store.metricSeries({ name: 'calls', from: now - 60_000, to: now + 60_000, limit: 1 }),
    ])
    if (found.lines.length < 2 || trace.length === 0 || series.length === 0) {
      await pause()
      continue
    }
    const [own] = await first.store.readTrace('a1'.repeat(16))
    assert.deepEqual(trace, [own])
    const told = found.lines.map(({ service, level, traceId, attributes }) => ({
      service,
      level,
      traceId,
      order: attributes['order'],
    }))
    const same = { service: 'orders', level: 'error', traceId: 'a1'.repeat(16), order: 7 }
    assert.deepEqual(told, [same, same])
    assert.deepEqual([series[0]!.attributes, series[0]!.points.at(-1)!.value], [{ a: 'b' }, 3])
    return
  }
})

test('what is refused is dropped and counted, what is not taken now comes again', async (t) => {
  let busy = 1
  const taken: string[] = []
  const url = await receiver(t, (path) => {
    if (path === '/v1/traces') return { status: 400, body: '{"message":"never"}' }
    if (busy-- > 0) return { status: 503 }
    taken.push(path)
    return { status: 200, body: '{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"two"}}' }
  })
  const { intake, get } = await started(t, { forward: [{ to: 'otlp', url, only: ['logs', 'spans'] }] })
  await intake.take('otlp', batch({ logs: [log({}), log({}), log({})], spans: [span({})], metrics: [metric({})] }))
  const name = `otlp ${url}/`
  while (taken.length === 0 || intake.counters().forwardDropped[name]! < 3) await pause()
  assert.deepEqual(intake.counters().forwardDropped, { [name]: 3 })
  assert.match(
    (await get('/metrics')).body,
    /^dure_collector_forward_dropped_total\{service_name="collector",to="otlp http:[^"]+"\} 3$/m,
  )
})

test('a receiver that never comes: no more waits than may, and the collector goes on', async (t) => {
  const { intake, found } = await started(t, { forward: [{ to: 'bulk', url: 'http://127.0.0.1:1' }] })
  for (let i = 0; i < 11; i++) await intake.take('otlp', batch({ logs: Array.from({ length: 2_000 }, () => log({ time: now })) }))
  assert.ok(intake.counters().forwardDropped['bulk http://127.0.0.1:1/']! >= 2_000)
  assert.ok((await found()).length > 0)
  await assert.rejects(started(t, { forward: [{ to: 'otlp', url: 'file:///tmp' }] }), /begins with http/)
})

const value = fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.double({ noDefaultInfinity: true, noNaN: true }))
const attributes = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 20 }).filter((name) => name !== '__proto__'),
  fc.oneof(value, fc.array(value, { maxLength: 3 })),
  { maxKeys: 5 },
) as fc.Arbitrary<Attributes>
const time = fc.integer({ min: 0, max: 1_000_000 }).map((micros) => now + micros / 1_000)
// What is not a number of JSON's comes back as the nearest that is.
const plain = (one: unknown): unknown => JSON.parse(JSON.stringify(one))

test('property: records come back from OTLP as they were', () => {
  fc.assert(
    fc.property(attributes, time, fc.string(), fc.integer({ min: 1, max: 24 }), (given, at, text, severity) => {
      const resource = { 'service.name': 'orders', 'service.version': '1' }
      const line = log({ time: at, body: text, severity, attributes: given, resource, spanId: undefined, traceId: undefined })
      assert.deepEqual(plain(logsOf(logsRequest([line]), now).batch.logs), plain([line]))
      const one = span({
        start: now,
        duration: 5,
        attributes: given,
        resource,
        events: [{ time: now, name: text, attributes: given }],
      })
      assert.deepEqual(plain(tracesOf(tracesRequest([one]), now).batch.spans), plain([one]))
      const histogram = { sum: 3.5, bounds: [1, 2], counts: [1, 0, 2] }
      const all = [metric({ attributes: given, time: now }), metric({ kind: 'histogram', value: 3, histogram, time: now })]
      assert.deepEqual(plain(metricsOf(metricsRequest(all), now, createSums()).batch.metrics), plain(all))
    }),
    { numRuns: 200 },
  )
})

test('property: a block of Snappy has all of the bytes, in elements of at most 64 KiB', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 200_000 }), (length) => {
      const bytes = Uint8Array.from({ length }, (_, i) => i % 251)
      assert.deepEqual(Buffer.from(unsnapped(snappy(bytes))).equals(Buffer.from(bytes)), true)
    }),
    { numRuns: 30 },
  )
})

function unsnapped(block: Uint8Array): Uint8Array {
  let [at, length, shift] = [0, 0, 0]
  for (; ; shift += 7) {
    const byte = block[at++]!
    length += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  const parts: Uint8Array[] = []
  while (at < block.length) {
    assert.equal(block[at], 0xf4)
    const size = block[at + 1]! + block[at + 2]! * 256 + 1
    parts.push(block.subarray(at + 3, at + 3 + size))
    at += 3 + size
  }
  const all = Buffer.concat(parts)
  assert.equal(all.length, length)
  return all
}

test('_bulk: what of it was refused is counted', () => {
  assert.equal(refusedOf('{"errors":true,"items":[{"create":{"status":201}},{"create":{"status":400}}]}'), 1)
  assert.equal(refusedOf('no JSON'), 0)
  const [action, document] = bulkBody([log({ body: 'x', time: 0 })], 'shop').split('\n')
  assert.deepEqual(JSON.parse(action!), { create: { _index: 'shop' } })
  assert.deepEqual(JSON.parse(document!)['@timestamp'], '1970-01-01T00:00:00.000Z')
})
