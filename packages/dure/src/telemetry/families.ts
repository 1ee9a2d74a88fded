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

type FamilyName =
  | 'duration'
  | 'calls'
  | 'inFlight'
  | 'consumed'
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
  | 'streamBehind'
  | 'streamStateSize'
  | 'streamLate'
  | 'streamTold'
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
  consumed: counter('messaging.client.consumed.messages', '{message}', 'Messages that have had their effect'),
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
  streamBehind: gauge('dure.stream.watermark.delay', 's', 'How far the time of the events of a stream is behind the clock'),
  streamStateSize: gauge('dure.stream.state.size', 'By', 'State of a stream in memory'),
  streamLate: counter('dure.stream.late', '{event}', 'Events that a stream dropped because they were late'),
  streamTold: counter('dure.stream.records', '{record}', 'What an operator of a stream has handed on'),
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

/** Only real units become part of a name; `{call}` and its like are words for people. */
const SUFFIXES: Readonly<Record<string, string | undefined>> = {
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  By: 'bytes',
  KiBy: 'kibibytes',
  MiBy: 'mebibytes',
  '%': 'percent',
  Cel: 'celsius',
  m: 'meters',
  g: 'grams',
}

/** The unit as it ends a name; undefined for what is none. */
export function prometheusUnit({ unit }: Pick<Family, 'unit'>): string | undefined {
  return SUFFIXES[unit]
}

/** What Prometheus calls a family; no two may be called alike. */
export function prometheusName({ name, unit, kind }: Pick<Family, 'name' | 'unit' | 'kind'>): string {
  const base = name.replaceAll(/[^a-zA-Z0-9_:]/g, '_')
  const suffix = SUFFIXES[unit]
  const united = suffix === undefined || base.endsWith(`_${suffix}`) ? base : `${base}_${suffix}`
  return kind !== 'counter' || united.endsWith('_total') ? united : `${united}_total`
}
