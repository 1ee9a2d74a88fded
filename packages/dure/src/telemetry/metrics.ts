import type { Histogram } from './histogram.ts'
import type { Attributes } from './span.ts'

/** The numbers of a system, read when somebody asks; names, units and attributes are OpenTelemetry's. */
export type Metrics = {
  /** Adds one operation: how often it was answered, with which code, how long it took. */
  readonly add: (operation: OperationReading) => void
  /** Adds what is read at the time of asking; answers a way to take it out again. */
  readonly observe: (observer: () => Promise<readonly Reading[]> | readonly Reading[]) => () => void
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

/** One number of one family. */
export type Reading = { readonly family: Family; readonly attributes: Attributes; readonly value: number }

export type Family = {
  /** `messaging.consumer.lag`. */
  readonly name: string
  readonly help: string
  /** UCUM, as OpenTelemetry has it: `s`, `{message}`. */
  readonly unit: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
}

export type MetricFamily = Family & { readonly points: readonly Point[] }
export type Point = NumberPoint | HistogramPoint
export type NumberPoint = { readonly attributes: Attributes; readonly value: number }
export type HistogramPoint = {
  readonly attributes: Attributes
  readonly count: number
  /** Seconds. */
  readonly sum: number
  /** Records up to each of BOUNDS, cumulative; the rest is above the last. */
  readonly below: readonly number[]
}

/**
 * Upper bounds of duration buckets in seconds, from 32 µs to 33 s: powers of four of a microsecond, where the histogram's own
 * buckets end. Every operation that was called has all of them, so that those of several can be added up.
 */
export const BOUNDS: readonly number[] = Array.from({ length: 11 }, (_, i) => 2 ** (2 * i + 5) / 1_000_000)

type FamilyName =
  | 'duration'
  | 'calls'
  | 'inFlight'
  | 'lag'
  | 'lagAge'
  | 'lost'
  | 'outboxDepth'
  | 'outboxAge'
  | 'outboxLanes'
  | 'outboxHorizon'
  | 'outboxSlotHeld'
  | 'outboxSlotBehind'
  | 'connections'
  | 'connectionsWaiting'
  | 'crossed'
  | 'atOnce'
  | 'walSize'
  | 'lostCommits'
  | 'dead'
  | 'waiting'
  | 'deadLetters'
  | 'deadLettersAge'
  | 'held'
  | 'dropped'

/**
 * The metrics that Dure measures, by name: what each is called, its unit and what it means.
 *
 * @example
 * ```ts
 * import { FAMILIES } from 'dure/telemetry'
 *
 * console.log(Object.keys(FAMILIES).length > 10) // → true
 * ```
 */
export const FAMILIES: Readonly<Record<FamilyName, Family>> = {
  duration: { name: 'rpc.server.call.duration', help: 'Time from a call to its answer', unit: 's', kind: 'histogram' },
  calls: { name: 'rpc.server.calls', help: 'Calls answered, by code', unit: '{call}', kind: 'counter' },
  inFlight: { name: 'rpc.server.active_calls', help: 'Calls being worked on', unit: '{call}', kind: 'gauge' },
  lag: { name: 'messaging.consumer.lag', help: 'Messages a consumer group has not read yet', unit: '{message}', kind: 'gauge' },
  lagAge: {
    name: 'dure.consumer.lag.age',
    help: 'Time since the first message that a consumer group has not read was published',
    unit: 's',
    kind: 'gauge',
  },
  lost: {
    name: 'dure.consumer.lost',
    help: 'Messages that retention threw away before the consumer group had read them',
    unit: '{message}',
    kind: 'counter',
  },
  outboxDepth: {
    name: 'dure.outbox.depth',
    help: 'Messages committed and not yet with the broker',
    unit: '{message}',
    kind: 'gauge',
  },
  outboxAge: { name: 'dure.outbox.age', help: 'Age of the oldest message in the outbox', unit: 's', kind: 'gauge' },
  outboxLanes: {
    name: 'dure.outbox.lanes',
    help: 'Lanes of the outbox that this process delivers',
    unit: '{lane}',
    kind: 'gauge',
  },
  outboxHorizon: {
    name: 'dure.outbox.horizon.held',
    help: 'For how long somebody has been keeping vacuum from the outbox; delivery does not wait',
    unit: 's',
    kind: 'gauge',
  },
  outboxSlotHeld: {
    name: 'dure.outbox.slot.held',
    help: 'Bytes of the log that the database keeps on its disk for the replication slot of the outbox',
    unit: 'By',
    kind: 'gauge',
  },
  outboxSlotBehind: {
    name: 'dure.outbox.slot.behind',
    help: 'Bytes of the log that the outbox has not delivered yet',
    unit: 'By',
    kind: 'gauge',
  },
  connections: {
    name: 'db.client.connection.count',
    help: 'Connections to the database, by pool and by whether they are in use',
    unit: '{connection}',
    kind: 'gauge',
  },
  connectionsWaiting: {
    name: 'db.client.connection.pending_requests',
    help: 'Transactions or reads that wait for a connection',
    unit: '{request}',
    kind: 'gauge',
  },
  crossed: {
    name: 'dure.transaction.crossed',
    help: 'Times that a transaction was begun again because another crossed it',
    unit: '{transaction}',
    kind: 'counter',
  },
  walSize: {
    name: 'dure.store.wal.size',
    help: 'Write-ahead log of an embedded store: it grows while a snapshot or a stream is open',
    unit: 'By',
    kind: 'gauge',
  },
  atOnce: {
    name: 'dure.transaction.at_once',
    help: 'Transactions that may run at once, as much as they cross each other',
    unit: '{transaction}',
    kind: 'gauge',
  },
  lostCommits: {
    name: 'dure.transaction.lost_commits',
    help: 'Commits whose answer was lost, by what was found out about them',
    unit: '{transaction}',
    kind: 'counter',
  },
  dead: { name: 'dure.consumer.dead', help: 'Dead letters, and messages held behind them', unit: '{message}', kind: 'gauge' },
  waiting: {
    name: 'dure.consumer.waiting',
    help: 'Messages waiting for another try, and those behind them',
    unit: '{message}',
    kind: 'gauge',
  },
  deadLetters: { name: 'dure.consumer.dead_letters', help: 'Dead letters', unit: '{message}', kind: 'gauge' },
  deadLettersAge: { name: 'dure.consumer.dead_letters.age', help: 'Age of the oldest dead letter', unit: 's', kind: 'gauge' },
  held: { name: 'dure.consumer.held', help: 'Messages held behind dead letters', unit: '{message}', kind: 'gauge' },
  dropped: {
    name: 'dure.telemetry.dropped',
    help: 'Spans lost because a sink was full or failing',
    unit: '{span}',
    kind: 'counter',
  },
}

export function createMetrics(): Metrics {
  const operations: OperationReading[] = []
  const observers = new Set<Parameters<Metrics['observe']>[0]>()
  const others: (() => Promise<readonly MetricFamily[]>)[] = []
  const read = async (): Promise<readonly MetricFamily[]> => {
    const readings = await gatherAll([...observers].map((observer) => async () => observer()))
    return merged([durations(operations), calls(operations), ...readings.map(familyOf)])
  }
  return {
    add: (operation) => void operations.push(operation),
    observe: (observer) => {
      observers.add(observer)
      return () => void observers.delete(observer)
    },
    read,
    elsewhere: (other) => void others.push(other),
    readEverywhere: async () => merged(await gatherAll([read, ...others])),
  }
}

/** What all of them give; one that fails gives nothing. */
async function gatherAll<T>(sources: readonly (() => Promise<readonly T[]>)[]): Promise<readonly T[]> {
  const lists = await Promise.all(sources.map((read) => read().catch(() => [])))
  return lists.flat()
}

function familyOf({ family, attributes, value }: Reading): MetricFamily {
  return { ...family, points: [{ attributes, value }] }
}

/** One family a name, with the points of all. */
function merged(families: readonly MetricFamily[]): readonly MetricFamily[] {
  const byName = Map.groupBy(families, ({ name }) => name)
  return [...byName.values()]
    .map((same): MetricFamily => ({ ...same[0]!, points: same.flatMap(({ points }) => points) }))
    .filter(({ points }) => points.length > 0)
}

function attributesOf({ service, operation }: OperationReading): Attributes {
  return { 'rpc.service': service, 'rpc.method': operation }
}

/** Of one that was never called nothing is told: most operations of most processes are idle. */
function durations(operations: readonly OperationReading[]): MetricFamily {
  const points = operations.flatMap((one): readonly HistogramPoint[] => {
    const { count, sum, below } = one.duration.snapshot()
    if (count === 0) return []
    return [{ attributes: attributesOf(one), count, sum: sum / 1_000, below: BOUNDS.map((bound) => below(bound * 1_000)) }]
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
