import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { start, type Door, type World } from 'dure/service'
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
    let world: World | undefined
    const door: Door = {
      name: 'watch',
      open: async (_host, given) => {
        world = given
        return { url: undefined, close: async () => {} }
      },
    }
    const watched = { ...counting(url), doors: [door], telemetry: { store: false as const } }
    const outside = await start(watched, { ...options, part: ['broker', 'doors'] })
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

    const told = async (name: string): Promise<readonly (readonly [copy: unknown, value: number])[]> => {
      const points = (await world!.telemetry!.metrics.readEverywhere()).find((one) => one.name === name)?.points ?? []
      return points.map(({ attributes, ...point }) => [attributes['dure.copy'], 'value' in point ? point.value : 0] as const)
    }
    await until(async () => (await told('dure.keyed.shares')).reduce((sum, [, value]) => sum + value, 0) === 64)
    const handed = await told('dure.keyed.handed_on')
    const from = outer.copy === 'counter' ? undefined : outer.copy
    assert.ok(handed.find(([copy]) => copy === from)![1] >= 1, JSON.stringify({ handed, from }))
    const states = await told('dure.keyed.states')
    assert.equal(
      states.reduce((sum, [, value]) => sum + value, 0),
      count,
      'each is in memory once',
    )
  },
)
