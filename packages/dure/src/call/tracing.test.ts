import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError, command, contract, stream, type AnyOperation } from '../contract/contract.ts'
import { createDeadlines, virtualRuntime } from '../runtime/runtime.ts'
import { type Span } from '../telemetry/telemetry.ts'
import { createTracer } from '../telemetry/internal.ts'
import { type CallContext, type Transport } from './call.ts'
import { clientFactory, createEndpoint, createAdmission, createLocalTransport } from './internal.ts'

const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'tests',
  operations: { reserve: command({}), watch: stream({}) },
})

/** A caller and a callee that share nothing but what a wire carries. */
function rig(options: { ratio: number; reserve?: () => unknown; lost?: boolean; near?: boolean }) {
  const spans: Span[] = []
  const nothing = (): Promise<void> => Promise.resolve()
  const sink = { name: 'test', take: (span: Span) => void spans.push(span), dropped: () => 0, flush: nothing, stop: nothing }
  const world = virtualRuntime()
  const tracer = createTracer({ runtime: world, sampling: options.ratio, sinks: [sink] })
  const admission = createAdmission({ service: 'stock', capacity: 10 })
  const local = createLocalTransport()
  const seen: CallContext[] = []
  const handlers: Record<string, () => unknown> = {
    reserve: options.reserve ?? (() => undefined),
    watch: async function* () {
      yield undefined
      throw new CallError('ABORTED', 'Enough')
    },
  }
  for (const [name, operation] of Object.entries<AnyOperation>(Stock.operations)) {
    const endpoint = createEndpoint({
      place: `stock.${name}`,
      operation,
      handler: handlers[name]!,
      context: (call) => void seen.push(call),
      admission,
      clock: world.clock,
      deadlines: createDeadlines({ clock: world.clock, timers: world.timers }),
      metrics: undefined,
      tracer,
      onFault: () => {},
    })
    local.add({ service: 'stock', operation: name }, endpoint)
  }
  admission.open()
  const far: Transport = {
    route: (target) => {
      const { call, stream } = local.route(target)
      return {
        call: (input, context) =>
          options.lost === true
            ? Promise.reject(new CallError('UNAVAILABLE', 'The connection was lost'))
            : call(input, wired(context)),
        stream: (input, context) => stream(input, wired(context)),
      }
    },
  }
  const client = clientFactory({ contract: Stock, transport: options.near === true ? local : far, runtime: world, tracer })
  return { spans, seen, client: client({ service: 'orders' }) }
}

function wired({
  sentAt,
  deadline,
  correlationId,
  causationId,
  traceparent,
  caller,
  idempotencyKey,
  principal,
  metadata,
}: CallContext): CallContext {
  return {
    sentAt,
    deadline,
    cancellation: undefined,
    correlationId,
    causationId,
    traceparent,
    caller,
    idempotencyKey,
    principal,
    metadata,
  }
}

const short = (spans: readonly Span[]): string[] => spans.map(({ kind, service, status }) => `${kind} ${service} ${status}`)

test('a sampled call to another process is a span on either side, and what follows is a child of the callee’s', async () => {
  const { client, spans, seen } = rig({ ratio: 1 })
  await client.reserve()
  assert.deepEqual(short(spans), ['server stock unset', 'client orders unset'])
  const [server, sent] = spans as [Span, Span]
  assert.deepEqual([server.parentId, sent.parentId], [sent.spanId, undefined])
  assert.equal(seen[0]!.traceparent, `00-${sent.traceId}-${server.spanId}-03`)
})

test('within a process a call is one span, whose place its handler continues', async () => {
  const { client, spans, seen } = rig({ ratio: 1, near: true })
  await client.reserve()
  assert.deepEqual(short(spans), ['server stock unset'])
  assert.equal(seen[0]!.traceparent, `00-${spans[0]!.traceId}-${spans[0]!.spanId}-03`)
})

test('a call that is not sampled says so to the other process, and makes no span', async () => {
  const { client, spans, seen } = rig({ ratio: 0 })
  await client.reserve()
  assert.equal(spans.length, 0)
  assert.match(seen[0]!.traceparent!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-02$/)
})

test('one that fails there is told of by both, joined', async () => {
  const { client, spans } = rig({
    ratio: 0,
    reserve: () => {
      throw new Error('inside')
    },
  })
  await assert.rejects(client.reserve(), { code: 'INTERNAL' })
  assert.deepEqual(short(spans), ['server stock error', 'client orders error'])
  assert.equal(spans[0]!.parentId, spans[1]!.spanId)
  assert.equal(spans[0]!.traceId, spans[1]!.traceId)
})

test('one that fails on the way is told of by its caller', async () => {
  for (const ratio of [0, 1]) {
    const { client, spans } = rig({ ratio, lost: true })
    await assert.rejects(client.reserve(), { code: 'UNAVAILABLE' })
    assert.deepEqual(short(spans), ['client orders error'])
    assert.equal(spans[0]!.attributes['error.type'], 'UNAVAILABLE')
  }
})

test('streams are told of in the same way', async () => {
  for (const [ratio, near, expected] of [
    [1, false, ['server stock error', 'client orders error']],
    [0, false, ['server stock error', 'client orders error']],
    [1, true, ['server stock error']],
    [0, true, ['server stock error']],
  ] as const) {
    const { client, spans } = rig({ ratio, near })
    await assert.rejects(async () => {
      for await (const _ of client.watch());
    })
    assert.deepEqual(short(spans), expected)
  }
})
