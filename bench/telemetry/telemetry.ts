import { service, start, system } from 'dure/service'
import type { TelemetryOptions } from 'dure/telemetry'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchContext, BenchResult } from '../bench.ts'
import { Orders } from '../call/order.ts'
import { order, place, type Order, watch } from '../call/work.ts'

/**
 * What it costs to know what happens: a typed call inside one process with metrics, 1 % of traces and a record of each
 * other call, over the same call without. Ours writes its spans to the embedded store, as it does by default. Beside it the same difference
 * for Moleculer's local call, whose spans go nowhere, and for a bare async function that is given one span and one
 * record of a histogram by OpenTelemetry's SDK, whose spans go to an exporter that throws them away.
 */
export async function bench({ progress, peer }: BenchContext): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-telemetry-'))
  const stops: (() => Promise<void>)[] = []
  const keep = (one: Contender): Contender['call'] => {
    stops.push(one.stop)
    return one.call
  }
  try {
    const contenders: Record<string, () => Promise<unknown>> = {
      bare: () => place(order),
      dure_off: keep(await dureCall(join(directory, 'off'), false)),
      dure_metrics: keep(await dureCall(join(directory, 'metrics'), { sampling: 0, records: 0 })),
      dure_recorded: keep(await dureCall(join(directory, 'recorded'), { sampling: 0 })),
      dure_on: keep(await dureCall(join(directory, 'on'), { sampling: 0.01 })),
      moleculer_off: keep(await moleculerCall(peer, false)),
      moleculer_on: keep(await moleculerCall(peer, true)),
      opentelemetry_on: keep(await openTelemetryCall(peer)),
    }
    // All have run before any is measured: what only one of them had used would look cheaper than it is later.
    for (const call of Object.values(contenders)) await nanoseconds(call, 50_000)
    const best: Record<string, number> = {}
    // Rounds are interleaved, and the best of each counts: other work on the machine only ever slows down.
    for (let round = 0; round < 7; round++) {
      for (const [name, call] of Object.entries(contenders)) {
        progress(`round ${round + 1} of 7: ${name}`)
        const ns = await nanoseconds(call, name.startsWith('dure') || name === 'bare' ? 300_000 : 50_000)
        best[name] = Math.min(best[name] ?? Number.POSITIVE_INFINITY, ns)
      }
    }
    const microseconds = (on: string, off: string): number => (best[on]! - best[off]!) / 1000
    const cost = microseconds('dure_on', 'dure_off')
    const moleculer = microseconds('moleculer_on', 'moleculer_off')
    const opentelemetry = microseconds('opentelemetry_on', 'bare')
    return {
      ratios: { cost_vs_moleculer: moleculer / cost, cost_vs_opentelemetry: opentelemetry / cost },
      figures: {
        cost_us: cost,
        metrics_cost_us: microseconds('dure_metrics', 'dure_off'),
        recorder_cost_us: microseconds('dure_recorded', 'dure_metrics'),
        moleculer_cost_us: moleculer,
        opentelemetry_cost_us: opentelemetry,
        ...Object.fromEntries(Object.entries(best).map(([name, ns]) => [`${name}_ns`, ns])),
      },
    }
  } finally {
    for (const stop of stops) await stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

type Contender = { readonly call: () => Promise<unknown>; readonly stop: () => Promise<void> }

async function dureCall(directory: string, telemetry: TelemetryOptions | false): Promise<Contender> {
  const running = await start(system('bench', { services: [service(Orders, { handlers: { place, watch } })], telemetry }), {
    directory,
  })
  const client = running.client(Orders)
  return { call: () => client.place(order), stop: running.stop }
}

async function moleculerCall(peer: BenchContext['peer'], on: boolean): Promise<Contender> {
  const { ServiceBroker } = (await peer('moleculer')) as { ServiceBroker: new (options: object) => MoleculerBroker }
  const broker = new ServiceBroker({
    logger: false,
    metrics: { enabled: on },
    tracing: { enabled: on, sampling: { rate: 0.01 } },
  })
  broker.createService({
    name: 'orders',
    actions: { place: { handler: ({ params }: { params: Order }) => place(params) } },
  })
  await broker.start()
  return { call: () => broker.call('orders.place', order), stop: () => broker.stop() }
}

type MoleculerBroker = {
  readonly createService: (schema: object) => unknown
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
  readonly call: (action: string, params: unknown) => Promise<unknown>
}

/** As its documentation has it: a tracer whose sampler looks at the parent, a batching processor, a histogram. */
async function openTelemetryCall(peer: BenchContext['peer']): Promise<Contender> {
  const { AsyncLocalStorageContextManager } = (await peer('@opentelemetry/context-async-hooks')) as OtelContext
  const { context, metrics } = (await peer('@opentelemetry/api')) as OtelApi
  const sdk = (await peer('@opentelemetry/sdk-trace-base')) as OtelTrace
  const { MeterProvider } = (await peer('@opentelemetry/sdk-metrics')) as { MeterProvider: new () => OtelMeterProvider }
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const exporter = {
    export: (_spans: unknown, done: (result: { code: number }) => void) => done({ code: 0 }),
    shutdown: () => Promise.resolve(),
  }
  const provider = new sdk.BasicTracerProvider({
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(0.01) }),
    spanProcessors: [new sdk.BatchSpanProcessor(exporter)],
  })
  const meters = new MeterProvider()
  const tracer = provider.getTracer('bench')
  const duration = meters.getMeter('bench').createHistogram('rpc.server.call.duration', { unit: 's' })
  const attributes = { 'rpc.system': 'bench', 'rpc.service': 'orders', 'rpc.method': 'place' }
  const call = (): Promise<unknown> =>
    tracer.startActiveSpan('orders.place', { kind: 1, attributes }, async (span) => {
      const started = performance.now()
      try {
        return await place(order)
      } finally {
        duration.record((performance.now() - started) / 1000, attributes)
        span.end()
      }
    })
  const stop = async (): Promise<void> => {
    await provider.shutdown()
    await meters.shutdown()
    context.disable()
    metrics.disable()
  }
  return { call, stop }
}

type OtelContext = { readonly AsyncLocalStorageContextManager: new () => { readonly enable: () => object } }
type OtelApi = {
  readonly context: { readonly setGlobalContextManager: (manager: object) => void; readonly disable: () => void }
  readonly metrics: { readonly disable: () => void }
}
type OtelTrace = {
  readonly BasicTracerProvider: new (options: object) => {
    readonly getTracer: (name: string) => {
      readonly startActiveSpan: <T>(name: string, options: object, work: (span: { end: () => void }) => T) => T
    }
    readonly shutdown: () => Promise<void>
  }
  readonly ParentBasedSampler: new (options: object) => object
  readonly TraceIdRatioBasedSampler: new (ratio: number) => object
  readonly BatchSpanProcessor: new (exporter: object) => object
}
type OtelMeterProvider = {
  readonly getMeter: (name: string) => {
    readonly createHistogram: (name: string, options: object) => { readonly record: (value: number, attributes: object) => void }
  }
  readonly shutdown: () => Promise<void>
}

async function nanoseconds(call: () => Promise<unknown>, times: number): Promise<number> {
  for (let i = 0; i < times / 10; i++) await call()
  const started = process.hrtime.bigint()
  for (let i = 0; i < times; i++) await call()
  return Number(process.hrtime.bigint() - started) / times
}
