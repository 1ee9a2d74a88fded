import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { start } from 'dure/service'
import { silentLogger, type Span, type TelemetryOptions, type TelemetrySink } from 'dure/telemetry'
import { counting, Counter } from './keyed.system.test-support.ts'
import { RELAXED, testServer } from './server.test-support.ts'
import { makeRig, until } from './store.test-support.ts'

const server = await testServer({ version: 18, settings: RELAXED })

test(
  'a call is handed on to the copy that has its key, once, as a span within that of the copy that it came to',
  { timeout: 60_000 },
  async (t) => {
    const { url } = await makeRig(t, server.url())
    const directory = mkdtempSync(join(tmpdir(), 'dure-keyed-hop-'))
    const spans: Span[] = []
    const sink: TelemetrySink = {
      ...{ name: 'test', take: (span) => void spans.push(span), dropped: () => 0 },
      ...{ flush: async () => {}, stop: async () => {} },
    }
    const telemetry: TelemetryOptions = { sampling: 1, store: false, exporters: [() => sink] }
    const options = { directory, log: silentLogger() }
    const outside = await start(counting(url), { ...options, part: ['broker'] })
    const copies = await Promise.all(
      [1, 2].map((copy) => start({ ...counting(url), telemetry }, { ...options, part: ['counter'], copy })),
    )
    t.after(async () => {
      for (const copy of copies) await copy.stop()
      await outside.stop()
      rmSync(directory, { recursive: true, force: true })
    })
    const client = outside.client(Counter)
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const seen = (): readonly Span[] => spans.filter(({ name }) => name === 'counter.add')
    let count = 0
    // Half of the keys are the other copy's, whichever of the two a call comes to.
    await until(async () => {
      spans.length = 0
      const value = await client.add({ name: `n${++count}` }, { traceparent })
      assert.equal(value, 1)
      await until(() => seen().length > 0)
      return seen().length === 2
    })
    const [one, other] = seen() as [Span, Span]
    const [inner, outer] = one.parentId === other.spanId ? [one, other] : [other, one]
    assert.equal(inner.parentId, outer.spanId)
    assert.equal(inner.traceId, outer.traceId)
    assert.notEqual(inner.copy, outer.copy)
  },
)
