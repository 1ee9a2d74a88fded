import type { Clock } from '../runtime/runtime.ts'
import type { Family } from './families.ts'
import { BOUNDS, keepExemplar, type Exemplar } from './histogram.ts'
import type { Logger } from './log.ts'
import { SERVICE, type MetricFamily, type Metrics, type Point } from './metrics.ts'
import { isSampled } from './trace.ts'
import type { Attributes } from './span.ts'

/** Numbers of an application's own, in OpenTelemetry's words. Asked for by name each time: the same name is the same instrument. */
export type Meter = {
  /** Counts what happens. @throws {TypeError} for a name that cannot be, or is another instrument's */
  readonly counter: (name: string, options?: MetricOptions) => Counter
  /** Tells how much of something there is. */
  readonly gauge: (name: string, options?: MetricOptions) => Gauge
  /** Counts amounts by their size: durations, bytes, prices. */
  readonly histogram: (name: string, options?: HistogramOptions) => Recorder
}

export type MetricOptions = {
  /** UCUM: `s`, `By`, `{order}`. Default `1`. */
  readonly unit?: string
  readonly description?: string
}

export type HistogramOptions = MetricOptions & {
  /** Upper bounds of its buckets, rising, 50 at most. Default: those of durations where the unit is `s`, else OpenTelemetry's, 0 to 10,000. */
  readonly bounds?: readonly number[]
}

/** Attributes are few words of few values each: every combination is a series of its own, 1,000 at most. */
export type Counter = { readonly add: (value?: number, attributes?: Attributes) => void }
export type Gauge = { readonly set: (value: number, attributes?: Attributes) => void }
export type Recorder = { readonly record: (value: number, attributes?: Attributes) => void }

/** Makes the meter of one call, whose records may become exemplars. */
export type ServiceMeter = (traceparent: string | undefined) => Meter

/** Of an instrument; what comes beyond is counted together. */
const MOST_SERIES = 1_000
const MOST_INSTRUMENTS = 200
const MOST_ATTRIBUTES = 10
const LONGEST_VALUE = 200
const MOST_BOUNDS = 50
/** Bounds that OpenTelemetry gives a histogram that says none. */
const DEFAULT_BOUNDS = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000]
/** Source: OpenTelemetry, "Instrument name syntax". */
const NAME = /^[a-z][a-z0-9_.\-/]{0,254}$/i
const KEY = /^[a-z_][a-z0-9_.-]{0,99}$/i
/** Of Dure, and of the text that Prometheus reads. */
const TAKEN_KEYS: ReadonlySet<string> = new Set([
  'le',
  'quantile',
  SERVICE,
  'dure.copy',
  'dure.process',
  'dure.caller',
  'rpc.service',
])
/** OpenTelemetry's attribute of what was beyond the limit. */
const OVERFLOW: Attributes = { 'otel.metric.overflow': true }

type Series = {
  readonly attributes: Attributes
  value: number
  count: number
  readonly counts: number[]
  exemplars: Map<number, Exemplar> | undefined
}
type Instrument = {
  readonly family: Family
  readonly bounds: readonly number[]
  readonly series: Map<string, Series>
  /** What has been complained of. */
  readonly told: Set<string>
}

/** @param metrics where it is read; undefined: nothing is measured, and names are checked all the same */
export function createMeter(options: {
  readonly service: string
  readonly metrics: Metrics | undefined
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
}): { readonly meter: ServiceMeter; readonly stop: () => void } {
  const { service, metrics, clock, log } = options
  const instruments = new Map<string, Instrument>()
  const stop = metrics?.observe(() => [...instruments.values()].filter(({ series }) => series.size > 0).map(familyOf))

  const once = (instrument: Instrument, what: string, message: string, fields: object): void => {
    if (instrument.told.has(what)) return
    instrument.told.add(what)
    log.error(message, { metric: instrument.family.name, ...fields })
  }
  const define = (name: string, kind: Family['kind'], { unit, description, bounds }: HistogramOptions): Instrument => {
    const before = instruments.get(name)
    if (before !== undefined) {
      if (before.family.kind === kind && (unit ?? before.family.unit) === before.family.unit) return before
      throw new TypeError(
        `Cannot measure "${name}" as a ${kind} of unit "${unit ?? '1'}": it is a ${before.family.kind} of unit "${before.family.unit}"`,
      )
    }
    const family: Family = { name, kind, unit: unit ?? '1', help: description ?? name }
    checkFamily(family, bounds, instruments.size)
    metrics?.define(family)
    const buckets = kind === 'histogram' ? (bounds ?? (unit === 's' ? BOUNDS : DEFAULT_BOUNDS)) : []
    const made: Instrument = { family, bounds: buckets, series: new Map<string, Series>(), told: new Set<string>() }
    instruments.set(name, made)
    return made
  }
  const seriesOf = (instrument: Instrument, attributes: Attributes): Series => {
    const given = Object.keys(attributes)
    const known = given.length === 0 ? '' : keyOf(attributes, given)
    const before = instrument.series.get(known)
    if (before !== undefined) return before
    const wrong = wrongAttribute(given)
    if (wrong !== undefined) {
      once(instrument, 'attributes', 'A metric has attributes that it cannot have; it is counted without them', { wrong })
      return seriesOf(instrument, {})
    }
    if (instrument.series.size >= MOST_SERIES - 1 && attributes !== OVERFLOW) {
      once(
        instrument,
        'series',
        `A metric has ${MOST_SERIES} series, and what is beyond is counted together: give it attributes of few values`,
        {
          refused: attributes,
        },
      )
      return seriesOf(instrument, OVERFLOW)
    }
    const all = Object.fromEntries(given.map((name) => [name, shortened(attributes[name]!)]))
    const counts = Array.from({ length: instrument.bounds.length + 1 }, () => 0)
    const made: Series = { attributes: { [SERVICE]: service, ...all }, value: 0, count: 0, counts, exemplars: undefined }
    instrument.series.set(known, made)
    return made
  }
  const take = (instrument: Instrument, value: number, attributes: Attributes): Series | undefined => {
    if (metrics === undefined) return undefined
    if (Number.isFinite(value) && (value >= 0 || instrument.family.kind !== 'counter')) return seriesOf(instrument, attributes)
    once(instrument, 'value', 'A metric was given what it cannot count; it is left out', { value })
    return undefined
  }

  const of = (traceparent: string | undefined): Meter => ({
    counter: (name, about = {}) => {
      const instrument = define(name, 'counter', about)
      return {
        add: (value = 1, attributes = NONE) => {
          const series = take(instrument, value, attributes)
          if (series !== undefined) series.value += value
        },
      }
    },
    gauge: (name, about = {}) => {
      const instrument = define(name, 'gauge', about)
      return {
        set: (value, attributes = NONE) => {
          const series = take(instrument, value, attributes)
          if (series !== undefined) series.value = value
        },
      }
    },
    histogram: (name, about = {}) => {
      const instrument = define(name, 'histogram', about)
      return {
        record: (value, attributes = NONE) => {
          const series = take(instrument, value, attributes)
          if (series === undefined) return
          const found = instrument.bounds.findIndex((bound) => value <= bound)
          const bucket = found < 0 ? instrument.bounds.length : found
          series.counts[bucket]!++
          series.count++
          series.value += value
          if (traceparent !== undefined)
            series.exemplars = keepExemplar(series.exemplars, { bucket, value, traceparent, at: clock.now() })
        },
      }
    },
  })
  const plain = of(undefined)
  return {
    meter: (traceparent) => (traceparent === undefined || !isSampled(traceparent) ? plain : of(traceparent)),
    stop: () => stop?.(),
  }
}

const NONE: Attributes = {}

function familyOf({ family, bounds, series }: Instrument): MetricFamily {
  const points = [...series.values()].map(({ attributes, value, count, counts, exemplars }): Point => {
    if (family.kind !== 'histogram') return { attributes, value }
    let lower = 0
    const below = bounds.map((_, i) => (lower += counts[i]!))
    return { attributes, count, sum: value, below, bounds, ...(exemplars !== undefined && { exemplars: new Map(exemplars) }) }
  })
  return { ...family, points }
}

/** The same in whatever order the attributes are given. */
function keyOf(attributes: Attributes, names: string[]): string {
  if (names.length > 1) names.sort()
  return names
    .map((name) => `${name}\0${typeof attributes[name]}\0${String(attributes[name]).slice(0, LONGEST_VALUE)}`)
    .join('\0')
}

const shortened = (value: Attributes[string]): Attributes[string] =>
  typeof value === 'string' ? value.slice(0, LONGEST_VALUE) : value

function wrongAttribute(names: readonly string[]): string | undefined {
  if (names.length > MOST_ATTRIBUTES) return `more than ${MOST_ATTRIBUTES} attributes`
  return names.find((name) => !KEY.test(name) || TAKEN_KEYS.has(name))
}

function checkFamily({ name, unit }: Family, bounds: readonly number[] | undefined, count: number): void {
  const refused = (why: string): TypeError => new TypeError(`Cannot measure "${name}": ${why}`)
  if (!NAME.test(name)) throw refused('a name begins with a letter and goes on with letters, digits, and _ . - / (255 at most)')
  if (name.startsWith('dure.')) throw refused('names that begin with "dure." are Dure’s own; choose another')
  if (unit.length > 63) throw refused(`its unit has ${unit.length} characters; 63 are taken`)
  if (count >= MOST_INSTRUMENTS)
    throw refused(
      `the service has ${MOST_INSTRUMENTS} metrics already; name them in the code, and say what differs in attributes`,
    )
  if (bounds === undefined) return
  const rising = bounds.every((bound, i) => Number.isFinite(bound) && (i === 0 || bound > bounds[i - 1]!))
  if (!rising || bounds.length === 0 || bounds.length > MOST_BOUNDS)
    throw refused(`its bounds must be 1 to ${MOST_BOUNDS} numbers, each larger than the one before`)
}
