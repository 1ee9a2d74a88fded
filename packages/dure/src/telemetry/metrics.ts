import { copyName } from '../contract/internal.ts'
import { FAMILIES, prometheusName, type Family } from './families.ts'
import type { Exemplars, Histogram } from './histogram.ts'
import type { Attributes } from './span.ts'

/** The numbers of a system, read when somebody asks; names, units and attributes are OpenTelemetry's. */
export type Metrics = {
  /** Adds one operation: how often it was answered, with which code, how long it took. Added again, it counts anew. */
  readonly add: (operation: OperationReading) => void
  /** Adds what is read at the time of asking; answers a way to take it out again. */
  readonly observe: (observer: () => Promise<readonly Observed[]> | readonly Observed[]) => () => void
  /** Takes a name for numbers of this kind and unit. @throws {TypeError} when others have it, or one that reads the same for Prometheus */
  readonly define: (family: Family) => void
  /** All of this process, by name. An observer that fails is left out. */
  readonly read: () => Promise<readonly MetricFamily[]>
  /** Adds the metrics of other processes to what `readEverywhere` gives. */
  readonly elsewhere: (read: () => Promise<readonly MetricFamily[]>) => void
  /** The same of this process and the others of the system that are known of here, as far as they answer. */
  readonly readEverywhere: () => Promise<readonly MetricFamily[]>
}

export type OperationReading = {
  readonly service: string
  readonly operation: string
  readonly duration: Histogram
  /** Answers by code, `OK` among them. */
  readonly codes: () => ReadonlyMap<string, number>
}

export type Observed = Reading | MetricFamily

/** One number of one family. */
export type Reading = { readonly family: Family; readonly attributes: Attributes; readonly value: number }

export type MetricFamily = Family & { readonly points: readonly Point[] }
export type Point = NumberPoint | HistogramPoint
export type NumberPoint = { readonly attributes: Attributes; readonly value: number }
export type HistogramPoint = {
  readonly attributes: Attributes
  readonly count: number
  /** Seconds, or what its unit says. */
  readonly sum: number
  /** Records up to each of the bounds, cumulative; the rest is above the last. */
  readonly below: readonly number[]
  /** Default: BOUNDS. */
  readonly bounds?: readonly number[]
  /** By the place of their bucket in `below`; behind the last bound one more. */
  readonly exemplars?: Exemplars
}

/** @param copy which copy of its services this process is: from the second on, its numbers bear the copy's name */
export function createMetrics(copy = 1): Metrics {
  const operations = new Map<string, OperationReading>()
  const observers = new Set<Parameters<Metrics['observe']>[0]>()
  const others: (() => Promise<readonly MetricFamily[]>)[] = []
  const defined = new Map(Object.values(FAMILIES).flatMap((family) => namesOf(family).map((name) => [name, family])))
  const read = async (): Promise<readonly MetricFamily[]> => {
    const readings = await gatherAll([...observers].map((observer) => async () => observer()))
    const families = merged([durations([...operations.values()]), calls([...operations.values()]), ...readings.map(familyOf)])
    return copy === 1 ? families : families.map((family) => named(family, copy))
  }
  return {
    add: (reading) => void operations.set(`${reading.service}.${reading.operation}`, reading),
    observe: (observer) => {
      observers.add(observer)
      return () => void observers.delete(observer)
    },
    define: (family) => {
      for (const name of namesOf(family)) {
        const before = defined.get(name)
        if (before !== undefined && !isSame(before, family)) throw taken(family, before)
      }
      for (const name of namesOf(family)) defined.set(name, family)
    },
    read,
    elsewhere: (other) => void others.push(other),
    readEverywhere: async () => merged(await gatherAll([read, ...others])).map(once),
  }
}

/** What all of them give; one that fails gives nothing. */
async function gatherAll<T>(sources: readonly (() => Promise<readonly T[]>)[]): Promise<readonly T[]> {
  const lists = await Promise.all(sources.map((read) => read().catch(() => [])))
  return lists.flat()
}

function familyOf(observed: Observed): MetricFamily {
  if ('points' in observed) return observed
  const { family, attributes, value } = observed
  return { ...family, points: [{ attributes, value }] }
}

/** Those by which it must be the only one: OpenTelemetry’s, which has no capitals, and Prometheus’. */
const namesOf = (family: Family): readonly string[] => [family.name.toLowerCase(), prometheusName(family)]

const isSame = (a: Family, b: Family): boolean => a.name === b.name && a.kind === b.kind && a.unit === b.unit

function taken({ name, kind, unit }: Family, before: Family): TypeError {
  const other = before.name === name ? '' : ` as "${before.name}", which Prometheus writes alike`
  return new TypeError(
    `Cannot measure "${name}" as a ${kind} of unit "${unit}": there is a ${before.kind} of unit "${before.unit}"${other}; choose another name`,
  )
}

const COPY = 'dure.copy'
/** The process that a number is about, where it is about a process and not a service. */
export const PROCESS = 'dure.process'
/** The service that a number of an application is about. */
export const SERVICE = 'service.name'
/** Who made the calls that a number is about; empty at the door. */
export const CALLER = 'dure.caller'

/** The service that tells a number: of calls that were made, the one that made them. Undefined where it is none's. */
export function tellerOf(attributes: Attributes): string | undefined {
  const teller = attributes[CALLER] ?? attributes['rpc.service'] ?? attributes[SERVICE]
  return teller === undefined || teller === '' ? undefined : String(teller)
}

/** The numbers of a service, as those of this copy. */
function named(family: MetricFamily, copy: number): MetricFamily {
  const points = family.points.map((point) => {
    const service = tellerOf(point.attributes)
    if (service === undefined) return point
    return { ...point, attributes: { ...point.attributes, [COPY]: copyName(service, copy) } }
  })
  return { ...family, points }
}

/** What all copies of a service tell alike is told once: the largest is of who has looked last, or has it in hand. */
function once(family: MetricFamily): MetricFamily {
  // Each service of a process tells what is measured of the process.
  if (family.points.some(({ attributes }) => attributes[PROCESS] !== undefined)) {
    const each = new Map(family.points.map((point) => [JSON.stringify(point.attributes), point]))
    return { ...family, points: [...each.values()] }
  }
  if (family.shared !== true) return family
  const most = new Map<string, NumberPoint>()
  for (const point of family.points as readonly NumberPoint[]) {
    const { [COPY]: _, ...attributes } = point.attributes
    const key = JSON.stringify(attributes)
    const value = Math.max(point.value, most.get(key)?.value ?? point.value)
    most.set(key, { attributes, value })
  }
  return { ...family, points: [...most.values()] }
}

/** One family a name, with the points of all. */
function merged(families: readonly MetricFamily[]): readonly MetricFamily[] {
  const byName = Map.groupBy(families, ({ name }) => name)
  return [...byName.values()]
    .map(([first, ...more]): MetricFamily => {
      // Releases may differ in what a name means: the text would be read by nobody.
      const same = more.filter(({ kind, unit }) => kind === first!.kind && unit === first!.unit)
      return { ...first!, points: [first!, ...same].flatMap(({ points }) => points) }
    })
    .filter(({ points }) => points.length > 0)
}

function attributesOf({ service, operation }: OperationReading): Attributes {
  return { 'rpc.service': service, 'rpc.method': operation }
}

/** Of one that was never called nothing is told: most operations of most processes are idle. */
function durations(operations: readonly OperationReading[]): MetricFamily {
  const points = operations.flatMap((one): readonly HistogramPoint[] => {
    const { sum, ...rest } = one.duration.snapshot()
    if (rest.count === 0) return []
    return [{ attributes: attributesOf(one), sum: sum / 1_000, ...rest }]
  })
  return { ...FAMILIES.duration, points }
}

function calls(operations: readonly OperationReading[]): MetricFamily {
  const points = operations.flatMap((one) => {
    const codes = [...one.codes()]
    if (codes.every(([, value]) => value === 0)) return []
    return codes.map(([code, value]) => ({ attributes: { ...attributesOf(one), 'rpc.response.status_code': code }, value }))
  })
  return { ...FAMILIES.calls, points }
}
