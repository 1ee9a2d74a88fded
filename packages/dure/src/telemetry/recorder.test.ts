import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualRuntime } from '../runtime/runtime.ts'
import { createTracer, newTrace, placeOf, type Tracer } from './internal.ts'
import type { Span, SpanKind, TelemetrySink } from './telemetry.ts'

function rig(options: { records?: number } = {}) {
  const runtime = virtualRuntime()
  const spans: Span[] = []
  const nothing = (): Promise<void> => Promise.resolve()
  const sink: TelemetrySink = {
    ...{ name: 'test', take: (span) => void spans.push(span), dropped: () => 0, flush: nothing, stop: nothing },
  }
  const tracer = createTracer({ runtime, sampling: 0, ...options, sinks: [sink] })
  return { runtime, tracer, spans, names: () => spans.map(({ name }) => name) }
}

const shape = (name: string, kind: SpanKind = 'internal') => ({
  name,
  kind,
  service: 'orders',
  attributes: { 'rpc.method': name },
})

/** Work that is over: a span under `parent` that was not sampled. */
function work(tracer: Tracer, name: string, parent?: string, error?: unknown): string {
  const span = tracer.begin({ ...shape(name), parent }, false)
  span.end(error)
  return span.traceparent
}

test('what was recorded of a trace becomes spans when something of it fails, and what comes later at once', async () => {
  const { runtime, tracer, spans, names } = rig()
  const root = work(tracer, 'root')
  const child = work(tracer, 'child', root)
  work(tracer, 'of another trace')
  assert.deepEqual(names(), [])
  work(tracer, 'failed', child, new Error('no'))
  assert.deepEqual(names(), ['failed'])
  await runtime.advance(1_000)
  assert.deepEqual(names(), ['failed', 'root', 'child'])
  const [failed, first, second] = spans as [Span, Span, Span]
  assert.deepEqual([first.parentId, second.parentId, failed.parentId], [undefined, first.spanId, second.spanId])
  assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1)
  assert.deepEqual(first.attributes, { 'rpc.method': 'root', 'dure.recorded': true })
  work(tracer, 'later', child)
  assert.equal(names().at(-1), 'later')
  // Nothing is told twice.
  tracer.recorder.keepToo([spans[0]!.traceId])
  await runtime.advance(1_000)
  assert.equal(spans.length, 4)
})

test('a message and numbers are told with it', async () => {
  const { runtime, tracer, spans } = rig()
  const [id, conversation] = ['0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b', '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5c']
  const details = {
    'messaging.message.id': id,
    'messaging.message.conversation_id': conversation,
    'dure.attempt': 3,
    'dure.causation_id': 'a text that no record holds',
  }
  const start = { ...shape('process', 'consumer'), numbers: ['dure.attempt', 'dure.rows'], details, parent: undefined }
  const span = tracer.begin(start, false)
  span.end(undefined, { 'dure.rows': 12.5 })
  tracer.recorder.keepToo([span.traceparent.slice(3, 35)])
  await runtime.advance(1_000)
  assert.deepEqual(spans[0]!.attributes, {
    ...{ 'rpc.method': 'process', 'dure.attempt': 3, 'dure.rows': 12.5, 'dure.recorded': true },
    ...{ 'messaging.message.id': id, 'messaging.message.conversation_id': conversation },
  })
})

test('one that is slow beside the others of its kind is kept', async () => {
  const { runtime, tracer, names } = rig()
  const took = (ms: number): void => {
    const at = runtime.clock.monotonic()
    const place = { trace: newTrace(runtime.random), high: tracer.high, low: tracer.next() }
    tracer.recorder.note(tracer.recorder.shape(shape('usual')), place, undefined, at, ms)
  }
  for (let i = 0; i < 1_000; i++) took(5)
  await runtime.advance(1_000)
  assert.deepEqual(names(), [])
  took(50)
  await runtime.advance(1_000)
  assert.deepEqual(names(), ['usual'])
})

test('so many a second are kept, whatever fails; others are told of by what failed alone', async () => {
  const { runtime, tracer, names } = rig()
  for (let i = 0; i < 100; i++) work(tracer, `failed ${i % 10}`, work(tracer, 'before'), new Error('no'))
  await runtime.advance(1_000)
  assert.equal(names().filter((name) => name === 'before').length, 20)
  assert.equal(names().filter((name) => name === 'failed 3').length, 10)
  for (let i = 0; i < 100; i++) work(tracer, 'alike', work(tracer, 'before'), new Error('no'))
  await runtime.advance(1_000)
  // Of one shape five, so that what fails always does not take all of it.
  assert.equal(names().filter((name) => name === 'before').length, 25)
})

test('who decides to keep a trace tells the others, who do not tell it on', async () => {
  const [one, other] = [rig(), rig()]
  const told: string[] = []
  const end = one.tracer.recorder.onRetained((ids) => void told.push(...ids))
  const root = work(one.tracer, 'root')
  work(other.tracer, 'elsewhere', root)
  work(one.tracer, 'failed', root, new Error('no'))
  await one.runtime.advance(1_000)
  assert.deepEqual(told, [root.slice(3, 35)])
  other.tracer.recorder.keepToo([...told, 'no id', '0'.repeat(32)])
  await other.runtime.advance(1_000)
  assert.deepEqual(other.names(), ['elsewhere'])
  assert.equal(other.spans[0]!.parentId, root.slice(36, 52))
  assert.deepEqual(other.tracer.recorder.retainedSince(0).ids, [])
  assert.deepEqual(one.tracer.recorder.retainedSince(0), { ids: told, next: 1 })
  end()
})

test('the ring is of its size: what is older is gone; of none nothing is kept', async () => {
  const small = rig({ records: 4 })
  const root = work(small.tracer, 'root')
  for (let i = 0; i < 4; i++) work(small.tracer, `child ${i}`, root)
  work(small.tracer, 'failed', root, new Error('no'))
  await small.runtime.advance(1_000)
  assert.deepEqual(small.names(), ['failed', 'child 0', 'child 1', 'child 2', 'child 3'])
  const none = rig({ records: 0 })
  work(none.tracer, 'failed', work(none.tracer, 'root'), new Error('no'))
  await none.runtime.advance(1_000)
  assert.deepEqual(none.names(), ['failed'])
})

test('what is held back is told of when it was worth it, and never more than so much', async () => {
  const { tracer, names } = rig()
  const root = work(tracer, 'root')
  const tries = async (fails: boolean, isTold: (failure: unknown) => boolean): Promise<void> => {
    const trying = async (): Promise<void> => {
      work(tracer, 'inside', root, new Error('no'))
      work(tracer, 'of another trace', undefined, new Error('no'))
      if (fails) throw new Error('no')
    }
    await tracer.holding(root, trying, isTold).catch(() => {})
  }
  await tries(true, (failure) => failure === undefined)
  assert.deepEqual(names(), ['of another trace'])
  await tries(false, (failure) => failure === undefined)
  await tries(true, () => true)
  assert.equal(names().filter((name) => name === 'inside').length, 2)
  const many = async (): Promise<void> => {
    for (let i = 0; i < 1_000; i++) work(tracer, 'many', root, new Error('no'))
  }
  await tracer.holding(root, many, () => true)
  assert.equal(names().filter((name) => name === 'many').length, 64)
})

test('what goes on after a try is told of at once', async () => {
  const { tracer, names } = rig()
  const root = work(tracer, 'root')
  const over = Promise.withResolvers<void>()
  let rest: Promise<void> | undefined
  const trying = async (): Promise<void> => {
    rest = over.promise.then(() => void work(tracer, 'rest', root, new Error('no')))
  }
  await tracer.holding(root, trying, () => false)
  over.resolve()
  await rest
  assert.deepEqual(names(), ['rest'])
})

test('a begun span of what is not sampled has its place in the trace of its parent, or begins one', () => {
  const { tracer } = rig()
  const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02'
  const span = tracer.begin({ ...shape('child'), parent }, false)
  assert.match(span.traceparent, /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-02$/)
  const { trace, high, low } = span.place!
  assert.deepEqual({ trace, high, low }, placeOf(span.traceparent))
  assert.match(tracer.begin({ ...shape('root'), parent: undefined }, false).traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-02$/)
})
