import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualRuntime } from '../runtime/runtime.ts'
import { span } from './span.test-support.ts'
import { silentLogger, UndeliverableError, type Logger, type SinkLimits, type Span } from './telemetry.ts'
import { batchingSink, createTracer } from './internal.ts'

function rig(options: {
  deliver: (spans: readonly Span[], signal: AbortSignal) => Promise<void> | void
  limits?: Partial<SinkLimits>
  log?: Logger
}) {
  const world = virtualRuntime()
  const sink = batchingSink({
    name: 'test',
    runtime: world,
    log: options.log ?? silentLogger(),
    deliver: options.deliver,
    limits: { capacity: 10, batch: 4, interval: 100, attempts: 3, shutdownTimeout: 500, ...options.limits },
  })
  return {
    world,
    sink,
    fill: (count: number) => void Array.from({ length: count }, (_, i) => sink.take(span({ name: `s${i}` }))),
  }
}

test('spans are delivered in batches, in order, soon after the first', async () => {
  const batches: string[][] = []
  const { world, sink, fill } = rig({ deliver: (spans) => void batches.push(spans.map(({ name }) => name)) })
  fill(3)
  await world.advance(99)
  assert.equal(batches.length, 0)
  await world.advance(1)
  assert.deepEqual(batches, [['s0', 's1', 's2']])
  fill(9)
  await world.advance(100)
  assert.deepEqual(
    batches.slice(1).map((batch) => batch.length),
    [4, 4, 1],
  )
  assert.deepEqual([sink.dropped(), world.pending()], [0, 0])
})

test('when it is full, spans are dropped and counted, and nobody waits', async () => {
  const delivered: number[] = []
  let open: () => void = () => {}
  const { sink, fill } = rig({
    deliver: async (spans) => {
      await new Promise<void>((resolve) => (open = resolve))
      delivered.push(spans.length)
    },
  })
  fill(25)
  assert.equal(sink.dropped(), 15)
  const flushed = sink.flush()
  for (let turn = 0; turn < 100 && delivered.length < 3; turn++) {
    open()
    await new Promise((resolve) => void setImmediate(resolve))
  }
  await flushed
  assert.deepEqual([delivered, sink.dropped()], [[4, 4, 2], 15])
})

test('a delivery that fails is tried again after longer and longer pauses, and given up in the end', async () => {
  const at: number[] = []
  const said: string[] = []
  const log: Logger = {
    ...silentLogger(),
    warn: (message) => void said.push(message),
    info: (message) => void said.push(message),
  }
  let broken = true
  const { world, sink, fill } = rig({
    log,
    deliver: () => {
      at.push(world.clock.monotonic())
      if (broken) throw new Error('down')
    },
  })
  fill(2)
  await world.advance(10_000)
  assert.equal(at.length, 3)
  assert.ok(at[2]! - at[1]! > at[1]! - at[0]!, `pauses: ${at.join(', ')}`)
  assert.equal(sink.dropped(), 2)
  broken = false
  fill(1)
  await world.advance(1_000)
  assert.deepEqual([at.length, sink.dropped()], [4, 2])
  assert.deepEqual(said, [
    'Telemetry could not be delivered; it is tried again while there is room',
    'Telemetry is delivered again',
  ])
})

test('a receiver that asks for time gets it', async () => {
  const at: number[] = []
  const { world, fill } = rig({
    deliver: () => {
      at.push(world.clock.monotonic())
      if (at.length === 1) throw Object.assign(new Error('busy'), { retryAfter: 7_000 })
    },
  })
  fill(1)
  await world.advance(20_000)
  assert.deepEqual(at, [100, 7_100])
})

test('what is refused is lost, not tried again, and does not hold up what comes after', async () => {
  let tries = 0
  const { world, sink, fill } = rig({
    deliver: () => {
      if (++tries === 1) throw new UndeliverableError('no')
      if (tries === 2) throw new UndeliverableError('some', 1)
    },
  })
  fill(6)
  await world.advance(1_000)
  assert.deepEqual([tries, sink.dropped()], [2, 5])
})

test('a stop delivers what is left', async () => {
  let delivered = 0
  const { sink, fill } = rig({ deliver: (spans) => void (delivered += spans.length) })
  fill(9)
  await sink.stop()
  fill(1)
  assert.deepEqual([delivered, sink.dropped()], [9, 1])
})

test('a stop waits for a receiver that hangs, or fails, only so long', async () => {
  const hanging = rig({
    deliver: (_, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('ended')))),
  })
  hanging.fill(6)
  const stopped = hanging.sink.stop()
  await hanging.world.advance(500)
  await stopped
  assert.equal(hanging.sink.dropped(), 6)

  const failing = rig({ deliver: () => Promise.reject(new Error('down')) })
  failing.fill(3)
  await failing.world.advance(150)
  await failing.sink.stop()
  assert.equal(failing.sink.dropped(), 3)
  assert.equal(failing.world.pending(), 0)
})

test('a stop has one time in all, for the spans and for what its sink does at the end, whatever either waits for', async () => {
  const world = virtualRuntime()
  let closing: AbortSignal | undefined
  const sink = batchingSink({
    name: 'mute',
    runtime: world,
    log: silentLogger(),
    deliver: () => new Promise<never>(() => {}),
    close: (signal) => void (closing = signal),
    limits: { shutdownTimeout: 500 },
  })
  sink.take(span())
  let over = Number.NaN
  const stopping = sink.stop({ timeout: 200 }).then(() => (over = world.clock.monotonic()))
  await world.advance(10_000)
  await stopping
  assert.equal(over, 200)
  assert.equal(closing?.aborted, true)
  assert.equal(sink.dropped(), 1)
})

test('no span holds more text than a line or two', () => {
  const taken: Span[] = []
  const world = virtualRuntime()
  const keep = batchingSink({ name: 'keep', runtime: world, log: silentLogger(), deliver: () => {} })
  const tracer = createTracer({ runtime: world, sampling: 1, sinks: [{ ...keep, take: (one) => void taken.push(one) }] })
  const attributes = { short: 'as it is', long: 'x'.repeat(100_000) }
  tracer.begin({ ...span(), parent: undefined, attributes }).end(undefined, { late: 'y'.repeat(100_000) })
  assert.deepEqual(
    Object.values(taken[0]!.attributes).map((text) => String(text).length),
    [8, 1_000, 1_000],
  )
})
