import { CallError } from '../../contract/contract.ts'
import type { Assignment, ReactionReading, Subscription } from '../../messaging/messaging.ts'
import type { Timer } from '../../runtime/runtime.ts'
import { timeLeft } from '../../runtime/internal.ts'
import type { ExtensionHost, ExtensionKind, OpenExtension } from '../../service/internal.ts'
import type { Extension } from '../../service/service.ts'
import { describe, diffShapes, shapesOf, type StateShape } from '../describe.ts'
import { FAMILIES, type Reading } from '../../telemetry/telemetry.ts'
import type { TopologyNodes } from '../graph.ts'
import { createReader, type Reader } from './reader.ts'
import { streamRecords, type StreamRecords } from './records.ts'
import { createRates, type Rates } from './rates.ts'
import { TABLES } from './tables.ts'
import type { Trails } from './trail.ts'

/** What handlers find: the rows of a topology of their service. */
export type OpenTopologies = (name: string) => StreamRecords | undefined

/** How a topology stands, as people see it: of this copy, and of what is committed. */
export type TopologyState = {
  readonly name: string
  /** Nothing older is waited for; milliseconds since the epoch. And how far that is behind the clock. */
  readonly watermark: number | undefined
  readonly behind: number | undefined
  readonly records: number
  /** Rows of state. */
  readonly rows: number
  /** Bytes of it in the memory of this copy, about; and whether some of it is in the store alone. */
  readonly bytes: number
  readonly spilled: boolean
  readonly aside: number
  readonly late: number
  readonly duplicates: number
  readonly dead: number
  /** A line for each operator, behind those that it reads. */
  readonly operators: string
  /** What operators with names have handed on: since the process began, and in a second of late. */
  readonly told: readonly { readonly operator: string; readonly count: number; readonly perSecond: number }[]
}

/** How a key came to what it has, as the copy that has its partition knows it. */
export type Why = Trails & { readonly topology: string }

type Entry = {
  readonly topology: TopologyNodes
  readonly records: StreamRecords
  readonly readers: Map<number, Reader>
  readonly rates: Rates
}

/** Milliseconds between looks whether time has passed without events. */
const TICK = 1_000
/** Messages that a broker hands over at once. */
const BATCH = 4_096
/** The task of a process that reads all partitions. */
const ALL = -1

export const topologyKind: ExtensionKind = {
  name: 'stream',
  migrations: { 'dure/stream-0001': TABLES },
  open: async (host, values) => {
    const entries = new Map<string, Entry>()
    for (const topology of values as readonly (Extension & TopologyNodes)[]) {
      const records = streamRecords(host.store, topology.name)
      if (host.store.sharing === 'shared') checkShared(host, topology)
      await checkShapes(host, topology, records)
      entries.set(topology.name, { topology, records, readers: new Map(), rates: createRates() })
    }
    const found: OpenTopologies = (name) => entries.get(name)?.records
    host.offer(topologyKind, found)
    return openTopologies(host, entries)
  },
}

function openTopologies(host: ExtensionHost, entries: ReadonlyMap<string, Entry>): OpenExtension {
  const { runtime, log } = host
  const subscriptions: Subscription[] = []
  let timer: Timer | undefined
  const all = (): readonly Reader[] => [...entries.values()].flatMap(({ readers }) => [...readers.values()])

  const tick = async (): Promise<void> => {
    // A partition that has something to read is not idle, however long that takes.
    const [lags, totals] = await Promise.all([host.broker.lag(), host.store.records.parked.totals()])
    for (const { topology, readers, rates } of entries.values()) {
      rates.note(runtime.clock.now(), toldBy(readers))
      const group = groupOf(host, topology)
      const isRead = (topic: string, partition: number): boolean =>
        !lags.some((one) => one.group === group && one.topic === topic && one.partition === partition && one.lag > 0)
      const waiting = totals.some((one) => one.consumer === group && one.waiting > 0)
      for (const reader of readers.values()) {
        await reader.tick(isRead)
        if (waiting) await reader.retry()
      }
    }
  }
  const tickOn = (): void => {
    timer = runtime.timers.after(TICK, () => {
      void tick()
        .catch((error: unknown) => log.warn('Cannot let time pass for the streams', { error }))
        .finally(() => timer !== undefined && tickOn())
    })
  }

  return {
    listen: async () => {
      for (const entry of entries.values()) subscriptions.push(await subscribe(host, entry))
      tickOn()
    },
    busy: async () => all().reduce((sum, one) => sum + one.status().inHand, 0),
    consumers: () => [{ readings: () => readingsOf(host, entries) }],
    control: {
      list: async () => Promise.all([...entries.values()].map((one) => stateOf(host, one))),
      why: async ({ name, key }: { readonly name: string; readonly key: string }) => whyOf(entries.values(), name, key),
    },
    readings: () => [...entries.values()].flatMap((one) => measured(host, one)),
    stop: async ({ timeout }) => {
      timer?.cancel()
      timer = undefined
      const left = timeLeft(runtime.clock, timeout)
      await Promise.all(subscriptions.map((one) => one.stop({ timeout: left() })))
    },
  }
}

const groupOf = ({ service }: ExtensionHost, { name }: TopologyNodes): string => `${service}/${name}`

async function subscribe(host: ExtensionHost, { topology, records, readers }: Entry): Promise<Subscription> {
  const { broker, log, store } = host
  const events = topology.nodes.flatMap(({ source }) => (source === undefined ? [] : [source.event]))
  for (const { topic, partitions, retention } of events)
    await broker.declareTopic(topic, { ...(partitions !== undefined && { partitions }), ...(retention && { retention }) })
  const counts = new Map<string, number>()
  for (const topic of topicsOf(topology)) counts.set(topic, await broker.partitions(topic))
  const partitions = (topic: string): number => counts.get(topic)!
  // All of them have one bound.
  const memory = (): number => (topology.memory ?? Infinity) / Math.max(1, readers.size)
  const readerOf = ({ partition }: Pick<Assignment, 'partition'>): Reader => {
    const task = store.sharing === 'shared' ? partition : ALL
    let reader = readers.get(task)
    if (reader === undefined) readers.set(task, (reader = createReader({ host, topology, records, task, partitions, memory })))
    return reader
  }
  return broker.subscribe({
    group: groupOf(host, topology),
    topics: topicsOf(topology),
    batch: BATCH,
    onError: (error) => log.warn('Events could not be taken; the broker brings them again', { stream: topology.name, error }),
    assigned: (assignment) => readerOf(assignment).assigned(assignment),
    revoked: (place) => readerOf(place).revoked(place),
    deliver: (batch, place) => readerOf(place).deliver(batch, place),
  })
}

async function readingsOf(host: ExtensionHost, entries: ReadonlyMap<string, Entry>): Promise<readonly ReactionReading[]> {
  const totals = await host.store.records.parked.totals()
  return [...entries.values()].map(({ topology }) => {
    const consumer = groupOf(host, topology)
    const { waiting = 0, deadLetters = 0, held = 0, oldest } = totals.find((one) => one.consumer === consumer) ?? {}
    return { ...{ consumer, kind: 'topic', topic: topicsOf(topology)[0]!, waiting, deadLetters, held, oldest } }
  })
}

const topicsOf = ({ nodes }: TopologyNodes): readonly string[] => [
  ...new Set(nodes.flatMap(({ source }) => source?.event.topic ?? [])),
]

async function stateOf({ runtime }: ExtensionHost, { topology, records, readers, rates }: Entry): Promise<TopologyState> {
  const { watermark, records: read, rows } = await records.progress()
  const own = [...readers.values()].map((one) => one.status())
  const sum = (of: 'bytes' | 'aside' | 'late' | 'duplicates' | 'dead'): number => own.reduce((total, one) => total + one[of], 0)
  return {
    ...{
      name: topology.name,
      operators: describe(topology).text,
      watermark,
      behind: watermark === undefined ? undefined : runtime.clock.now() - watermark,
      records: read,
      rows,
    },
    ...{ aside: sum('aside'), late: sum('late'), duplicates: sum('duplicates'), dead: sum('dead') },
    ...{ bytes: sum('bytes'), spilled: own.some(({ isPartial }) => isPartial) },
    told: [...toldBy(readers)].map(([operator, count]) => ({ operator, count, perSecond: rates.of(operator) })),
  }
}

/** What operators with names have handed on, of all partitions. */
function toldBy(readers: ReadonlyMap<number, Reader>): ReadonlyMap<string, number> {
  const told = new Map<string, number>()
  for (const reader of readers.values())
    for (const [name, { count }] of reader.status().told) told.set(name, (told.get(name) ?? 0) + count)
  return told
}

/** How a key came to what it has: at one operator, or at all of a topology. */
function whyOf(entries: Iterable<Entry>, name: string, key: string): readonly Why[] {
  return [...entries].flatMap(({ topology, readers }) => {
    const names = topology.nodes.flatMap((node) => node.name ?? [])
    const operators = new Set(topology.name === name ? names : names.filter((one) => one === name))
    if (operators.size === 0) return []
    const trails = [...readers.values()].map((reader) => reader.why(operators, key))
    const sum = (of: 'records' | 'noted'): number => trails.reduce((total, one) => total + one[of], 0)
    return [
      { topology: topology.name, records: sum('records'), noted: sum('noted'), steps: trails.flatMap(({ steps }) => steps) },
    ]
  })
}

function measured({ runtime }: ExtensionHost, { topology, readers }: Entry): readonly Reading[] {
  const attributes = { 'dure.stream.name': topology.name }
  const own = [...readers.values()].map((one) => one.status())
  const marks = own.flatMap(({ watermark }) => watermark ?? [])
  const bytes = own.reduce((sum, one) => sum + one.bytes, 0)
  return [
    ...(marks.length === 0
      ? []
      : [{ family: FAMILIES.streamBehind, attributes, value: Math.max(0, runtime.clock.now() - Math.min(...marks)) / 1_000 }]),
    { family: FAMILIES.streamStateSize, attributes, value: bytes },
    { family: FAMILIES.streamLate, attributes, value: own.reduce((sum, one) => sum + one.late, 0) },
    ...[...toldBy(readers)].map(([operator, value]): Reading => {
      return { family: FAMILIES.streamTold, attributes: { ...attributes, 'dure.stream.operator': operator }, value }
    }),
  ]
}

/** @throws {CallError} FAILED_PRECONDITION when copies would count apart what belongs together */
function checkShared({ service }: ExtensionHost, topology: TopologyNodes): void {
  const { name, nodes } = topology
  const topics = topicsOf(topology)
  const again = nodes.find(({ exchange }) => exchange === true)
  if (again === undefined && topics.length === 1) return
  const why =
    again === undefined ? `it reads ${topics.length} topics` : `its operator "${again.kind}" goes by another key than its topic`
  throw new CallError(
    'FAILED_PRECONDITION',
    `Starting service "${service}" failed: copies share its store, and topology "${name}" cannot be shared among them, since ${why}. To do: read one topic by its own key (\`byKey\`), or give the service a store of its own (SQLite)`,
  )
}

/** @throws {CallError} FAILED_PRECONDITION when state could not be read by what this release makes of it */
async function checkShapes({ service }: ExtensionHost, topology: TopologyNodes, records: StreamRecords): Promise<void> {
  const shapes = shapesOf(topology)
  const before = await records.shapes()
  if (before !== undefined) {
    const [refused] = diffShapes(JSON.parse(before) as readonly StateShape[], shapes).refused
    if (refused !== undefined)
      throw new CallError(
        'FAILED_PRECONDITION',
        `Starting service "${service}" failed: operator "${refused.name}" of topology "${topology.name}" cannot go on with its state: ${refused.why}. To do: give the changed operator a new name, which begins without state`,
      )
  }
  const text = JSON.stringify(shapes)
  if (text !== before) await records.noteShapes(text)
}
