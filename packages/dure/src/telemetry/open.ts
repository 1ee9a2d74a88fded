import { checkNumbers, SHARE } from '../runtime/internal.ts'
import { collectorSink } from './export/collector.ts'
import { spanStore, type StoreOptions } from './export/store.ts'
import type { LogRecord } from './log-tap.ts'
import { createMetrics, FAMILIES, type Metrics } from './metrics.ts'
import { prometheusText } from './prometheus.ts'
import type { Exporter, ExporterWorld } from './sink.ts'
import { createTracer, type Tracer } from './tracer.ts'

/** What a system says about itself, and to whom. */
export type TelemetryOptions = {
  /** Share of traces of which spans are made, from 0 to 1. Default 0.01. What fails is always told of. */
  readonly sampling?: number
  /** Where spans and metrics go besides the store: `[otlp({ endpoint })]`. Default none. */
  readonly exporters?: readonly Exporter[]
  /** The embedded store that `dure trace` reads. Default: 64 MiB in the system's directory; false for none. */
  readonly store?: StoreOptions | false
}

/** A system's telemetry while it runs. */
export type Telemetry = {
  readonly tracer: Tracer
  readonly metrics: Metrics
  /** Tells of a log line. Never throws. */
  readonly log: (line: LogRecord) => void
  /** All metrics in Prometheus' text format, of the other processes of a split system as well. */
  readonly prometheus: () => Promise<string>
  /** Resolves when every span made so far has been delivered, or dropped. */
  readonly flush: () => Promise<void>
  /** Delivers what is left, for a short while, and ends. */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

/**
 * Opens a system's telemetry; false makes none, and then nothing is measured.
 * @throws {TypeError} when the share is not a number from 0 to 1
 */
export function openTelemetry(
  options: TelemetryOptions | false | undefined,
  world: Omit<ExporterWorld, 'metrics'> & { readonly copy?: number | undefined },
): Telemetry | undefined {
  if (options === false) return undefined
  const { sampling = 0.01, exporters = [], store = {} } = options ?? {}
  checkNumbers('open telemetry', { sampling }, { sampling: SHARE })
  const metrics = createMetrics(world.copy)
  const all = [...(store === false ? [] : [spanStore(store)]), collectorSink(), ...exporters]
  const sinks = all.map((make) => make({ ...world, metrics }))
  metrics.observe(() =>
    sinks.map((sink) => ({ family: FAMILIES.dropped, attributes: { sink: sink.name }, value: sink.dropped() })),
  )
  return {
    tracer: createTracer({ runtime: world.runtime, ratio: sampling, copy: world.copy, sinks }),
    metrics,
    log: (line) => {
      for (const sink of sinks) sink.log?.(line)
    },
    prometheus: async () => prometheusText(await metrics.readEverywhere()),
    flush: async () => void (await Promise.all(sinks.map((sink) => sink.flush()))),
    stop: async (how) => void (await Promise.all(sinks.map((sink) => sink.stop(how)))),
  }
}
