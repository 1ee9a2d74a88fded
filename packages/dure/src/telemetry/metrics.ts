import { copyName } from '../contract/internal.ts'
import type { Histogram } from './histogram.ts'
import type { Attributes } from './span.ts'

/** The numbers of a system, read when somebody asks; names, units and attributes are OpenTelemetry's. */
export type Metrics = {
  /** Adds one operation: how often it was answered, with which code, how long it took. Added again, it counts anew. */
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
  /** It tells what is in a service's store, so all copies of the service tell the same. */
  readonly shared?: boolean
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

type FamilyName =
  | 'duration'
  | 'calls'
  | 'inFlight'
  | 'lag'
  | 'lagAge'
  | 'lost'
  | 'outboxDepth'
  | 'outboxSize'
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
  | 'retained'
  | 'retainedSize'
  | 'retainedAge'
  | 'sagas'
  | 'sagasAge'
  | 'scheduleLate'
  | 'scheduleAge'
  | 'scheduleFailed'
  | 'modelBehind'
  | 'modelAge'
  | 'breaker'
  | 'guarded'
  | 'asked'
  | 'keyShares'
  | 'keysHandedOn'
  | 'keyedStates'
  | 'keyedStatesSize'
  | 'configVersion'
  | 'configStale'
  | 'configRefused'
  | 'dropped'

const of =
  (kind: Family['kind']) =>
  (name: string, unit: string, help: string): Family => ({ name, help, unit, kind })
const [gauge, counter, histogram] = [of('gauge'), of('counter'), of('histogram')]
const shared: typeof gauge = (...words) => ({ ...gauge(...words), shared: true })

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
  duration: histogram('rpc.server.call.duration', 's', 'Time from a call to its answer'),
  calls: counter('rpc.server.calls', '{call}', 'Calls answered, by code'),
  inFlight: gauge('rpc.server.active_calls', '{call}', 'Calls being worked on'),
  lag: gauge('messaging.consumer.lag', '{message}', 'Messages a consumer group has not read yet'),
  lagAge: gauge('dure.consumer.lag.age', 's', 'Time since the first message that a consumer group has not read was published'),
  lost: counter('dure.consumer.lost', '{message}', 'Messages that retention threw away before the consumer group had read them'),
  outboxDepth: shared('dure.outbox.depth', '{message}', 'Messages committed and not yet with the broker'),
  outboxSize: shared('dure.outbox.size', 'By', 'Bytes of their data'),
  outboxAge: shared('dure.outbox.age', 's', 'Age of the oldest message in the outbox'),
  outboxLanes: gauge('dure.outbox.lanes', '{lane}', 'Lanes of the outbox that this process delivers'),
  outboxHorizon: gauge(
    'dure.outbox.horizon.held',
    's',
    'For how long somebody has been keeping vacuum from the outbox; delivery does not wait',
  ),
  outboxSlotHeld: gauge(
    'dure.outbox.slot.held',
    'By',
    'Bytes of the log that the database keeps on its disk for the replication slot of the outbox',
  ),
  outboxSlotBehind: gauge('dure.outbox.slot.behind', 'By', 'Bytes of the log that the outbox has not delivered yet'),
  connections: gauge(
    'db.client.connection.count',
    '{connection}',
    'Connections to the database, by pool and by whether they are in use',
  ),
  connectionsWaiting: gauge(
    'db.client.connection.pending_requests',
    '{request}',
    'Transactions or reads that wait for a connection',
  ),
  crossed: counter(
    'dure.transaction.crossed',
    '{transaction}',
    'Times that a transaction was begun again because another crossed it',
  ),
  walSize: gauge(
    'dure.store.wal.size',
    'By',
    'Write-ahead log of an embedded store: it grows while a snapshot or a stream is open',
  ),
  atOnce: gauge(
    'dure.transaction.at_once',
    '{transaction}',
    'Transactions that may run at once, as much as they cross each other',
  ),
  lostCommits: counter(
    'dure.transaction.lost_commits',
    '{transaction}',
    'Commits whose answer was lost, by what was found out about them',
  ),
  dead: shared('dure.consumer.dead', '{message}', 'Dead letters, and messages held behind them'),
  waiting: shared('dure.consumer.waiting', '{message}', 'Messages waiting for another try, and those behind them'),
  deadLetters: shared('dure.consumer.dead_letters', '{message}', 'Dead letters'),
  deadLettersAge: shared('dure.consumer.dead_letters.age', 's', 'Age of the oldest dead letter'),
  retained: shared('dure.store.retained', '{row}', 'What a service keeps in its store for a time, by part'),
  retainedSize: shared('dure.store.retained.size', 'By', 'Bytes of its texts'),
  retainedAge: shared('dure.store.retained.age', 's', 'Age of the oldest of it'),
  held: shared('dure.consumer.held', '{message}', 'Messages held behind dead letters'),
  sagas: shared('dure.saga.open', '{instance}', 'Sagas that have not ended, by state'),
  sagasAge: shared('dure.saga.age', 's', 'Time since the oldest of them began'),
  scheduleLate: shared('dure.schedule.late', 's', 'For how long a tick of a schedule has been due that nobody has begun'),
  scheduleAge: shared('dure.schedule.last_run.age', 's', 'Time since its last run began'),
  scheduleFailed: shared(
    'dure.schedule.last_run.failed',
    '{run}',
    '1 when its last run that ended has failed, was cut off or lost; else 0',
  ),
  modelBehind: shared('dure.model.behind', '{event}', 'Events that a build of a read model has not taken yet'),
  modelAge: shared('dure.model.age', 's', 'Time since the first of them was published'),
  breaker: gauge('dure.breaker.state', '1', 'Breaker of the calls of an operation: 0 closed, 1 half open, 2 open'),
  guarded: counter(
    'dure.client.calls',
    '{call}',
    'Calls under policies, by how they ended: who answered, or what kept them from being made',
  ),
  asked: counter('rpc.client.calls', '{call}', 'Calls asked for, by who asked (`dure.caller`; empty at the door)'),
  keyShares: gauge('dure.keyed.shares', '{share}', 'Shares of the keys, of 64, whose calls run in this copy'),
  keysHandedOn: counter(
    'dure.keyed.handed_on',
    '{call}',
    'Calls that came to this copy and were handed on to the one with their key',
  ),
  keyedStates: gauge('dure.keyed.states', '{state}', 'States of keys that are in memory'),
  keyedStatesSize: gauge('dure.keyed.states.size', 'By', 'Bytes that they take, about'),
  configVersion: gauge('dure.config.version', '{change}', 'Settings that were accepted since the start'),
  configStale: gauge('dure.config.stale', '{source}', 'Sources of settings that cannot be reached'),
  configRefused: gauge('dure.config.refused', '1', 'Whether the last change of settings was refused'),
  dropped: counter('dure.telemetry.dropped', '{span}', 'Spans lost because a sink was full or failing'),
}

/** @param copy which copy of its services this process is: from the second on, its numbers bear the copy's name */
export function createMetrics(copy = 1): Metrics {
  const operations = new Map<string, OperationReading>()
  const observers = new Set<Parameters<Metrics['observe']>[0]>()
  const others: (() => Promise<readonly MetricFamily[]>)[] = []
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

function familyOf({ family, attributes, value }: Reading): MetricFamily {
  return { ...family, points: [{ attributes, value }] }
}

const COPY = 'dure.copy'
/** Who made the calls that a number is about; empty at the door. */
export const CALLER = 'dure.caller'

/** The service that tells a number: of calls that were made, the one that made them. Undefined where it is none's. */
export function tellerOf(attributes: Attributes): string | undefined {
  const teller = attributes[CALLER] ?? attributes['rpc.service']
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
    return [{ attributes: attributesOf(one), count, sum: sum / 1_000, below }]
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
