import { checkNumbers, COUNT_OR_NONE } from '../runtime/internal.ts'
import { collectorSink } from './export/collector.ts'
import { spanStore, type StoreOptions } from './export/store.ts'
import { FAMILIES } from './families.ts'
import type { LogRecord } from './log-tap.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { observeProcess } from './process-metrics.ts'
import { prometheusText, type ExpositionFormat } from './prometheus.ts'
import type { Sampling } from './sampler.ts'
import type { Exporter, ExporterWorld } from './sink.ts'
import { createTracer, type Tracer } from './tracer.ts'

/** What a system says about itself, and to whom. */
export type TelemetryOptions = {
  /**
   * Of which traces spans are made: so many of each second, all of a quiet process, and a share of the others; or a share alone,
   * from 0 to 1. Default `{ perSecond: 20, ratio: 0.01 }`. What fails is always told of.
   */
  readonly sampling?: Sampling
  /**
   * Records of what is not sampled, 64 bytes each: they become spans when its trace fails, is slow or leaves a message behind.
   * Default 32,768; 0 for none.
   */
  readonly records?: number
  /** Where spans and metrics go besides the store: `[otlp({ endpoint })]`. Default none. */
  readonly exporters?: readonly Exporter[]
  /** Which build this is, a version or a commit: two of them can be compared (`service.version`). Default: nobody says. */
  readonly version?: string | undefined
  /** The embedded store that `dure trace` reads. Default: 64 MiB in the system's directory; false for none. */
  readonly store?: StoreOptions | false
}

/** A system's telemetry while it runs. */
export type Telemetry = {
  readonly tracer: Tracer
  readonly metrics: Metrics
  /** Tells of a log line. Never throws. */
  readonly log: (line: LogRecord) => void
  /** All metrics as Prometheus reads them, of the other processes of a split system as well. */
  readonly prometheus: (format?: ExpositionFormat) => Promise<string>
  /** Resolves when every span made so far has been delivered, or dropped. */
  readonly flush: () => Promise<void>
  /** Delivers what is left, for a short while, and ends. */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

/**
 * Opens a system's telemetry; false makes none, and then nothing is measured.
 * @throws {TypeError} when a number of the options cannot be used
 */
export function openTelemetry(
  options: TelemetryOptions | false | undefined,
  world: Omit<ExporterWorld, 'metrics'> & {
    readonly copy?: number | undefined
    /** What this process is called. Default: as the system. */
    readonly process?: string | undefined
  },
): Telemetry | undefined {
  if (options === false) return undefined
  const { sampling, records, exporters = [], store = {}, version } = options ?? {}
  checkNumbers('open telemetry', { records }, { records: COUNT_OR_NONE })
  const metrics = createMetrics(world.copy)
  const unobserve = observeProcess(world.process ?? world.system, metrics, world.runtime)
  const all = [...(store === false ? [] : [spanStore(store)]), collectorSink(), ...exporters]
  const sinks = all.map((make) => make({ ...world, metrics, version }))
  metrics.observe(() =>
    sinks.map((sink) => ({ family: FAMILIES.dropped, attributes: { sink: sink.name }, value: sink.dropped() })),
  )
  const tracer = createTracer({ runtime: world.runtime, sampling, records, copy: world.copy, sinks })
  return {
    tracer,
    metrics,
    log: (line) => {
      for (const sink of sinks) sink.log?.(line)
    },
    prometheus: async (format) => prometheusText(await metrics.readEverywhere(), format),
    flush: async () => {
      tracer.recorder.flush()
      await Promise.all(sinks.map((sink) => sink.flush()))
    },
    stop: async (how) => {
      tracer.recorder.flush()
      await Promise.all(sinks.map((sink) => sink.stop(how)))
      unobserve()
    },
  }
}
