import { CallError } from '../../contract/contract.ts'
import type { ReactionReading, Subscription } from '../../messaging/messaging.ts'
import type { Timer } from '../../runtime/runtime.ts'
import { timeLeft } from '../../runtime/internal.ts'
import type { ExtensionHost, ExtensionKind, OpenExtension } from '../../service/internal.ts'
import type { Extension } from '../../service/service.ts'
import { cut } from '../cut.ts'
import { describe, diffShapes, HANDED, shapesOf, type StateShape } from '../describe.ts'
import { FAMILIES, type Reading } from '../../telemetry/telemetry.ts'
import type { TopologyNodes } from '../graph.ts'
import { askedRecords, type AskedRecords } from './asked.ts'
import { exchangeRecords } from './exchange-records.ts'
import { startLooks, type Looks } from './looks.ts'
import { allOf, createReaders, leadOf, stagesOf, type Readers } from './readers.ts'
import type { Reader } from './reader.ts'
import { streamRecords, type Committed, type StreamRecords } from './records.ts'
import { createRates, type Rates } from './rates.ts'
import { MIGRATIONS } from './tables.ts'
import type { Trails } from './trail.ts'

/** What handlers find: what is committed of a topology of their service. */
export type OpenTopologies = (name: string) => (AskedRecords & { readonly progress: () => Promise<Progress> }) | undefined

/** How far what is committed has come, and what it lacks. */
export type Progress = Omit<Committed, 'partitions'> & {
  /** Milliseconds of the watermark behind the clock. */
  readonly behind: number | undefined
  /** `lag`: messages behind the position, as the broker counts them; undefined where it knows nothing of the partition. */
  readonly partitions: readonly (Committed['partitions'][number] & { readonly lag: number | undefined })[]
}

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

/** `readers`: undefined until the service listens. */
type Entry = {
  readonly topology: TopologyNodes
  readonly records: StreamRecords
  readers: Readers | undefined
  readonly rates: Rates
}

/** Milliseconds between looks whether time has passed without events. */
const TICK = 1_000
/** Messages that a broker hands over at once. */
const BATCH = 4_096

export const topologyKind: ExtensionKind = {
  name: 'stream',
  migrations: MIGRATIONS,
  open: async (host, values) => {
    const entries = new Map<string, Entry>()
    for (const topology of values as readonly (Extension & TopologyNodes)[]) {
      const records = streamRecords(host.store, topology.name)
      // How large stages are is known when there are topics.
      if (stagesOf(host.store, topology) === undefined)
        await checkShapes(host, topology, { records, cut: wholeOf(host, topology) })
      entries.set(topology.name, { topology, records, readers: undefined, rates: createRates() })
    }
    const asked = new Map(Array.from(entries, ([name, entry]) => [name, askedOf(host, entry)]))
    const found: OpenTopologies = (name) => asked.get(name)
    host.offer(topologyKind, found)
    return openTopologies(host, entries)
  },
}

function openTopologies(host: ExtensionHost, entries: ReadonlyMap<string, Entry>): OpenExtension {
  const { runtime, log } = host
  const subscriptions: Subscription[] = []
  let timer: Timer | undefined
  let looks: Looks | undefined
  const all = (): readonly Reader[] => [...entries.values()].flatMap(({ readers }) => readers?.all() ?? [])

  const tick = async (): Promise<void> => {
    // A partition that has something to read is not idle, however long that takes; and what comes after this look says nothing of it.
    const at = runtime.clock.now()
    const [lags, totals] = await Promise.all([host.broker.lag(), host.store.records.parked.totals()])
    const pass = async ({ topology, readers, rates }: Entry): Promise<void> => {
      rates.note(runtime.clock.now(), toldBy(readers?.all() ?? []))
      const group = groupOf(host, topology)
      const isRead = (topic: string, partition: number): boolean =>
        !lags.some((one) => one.group === group && one.topic === topic && one.partition === partition && one.lag > 0)
      const waiting = totals.some((one) => one.consumer === group && one.waiting > 0)
      await readers?.tick(isRead, at)
      if (waiting) await readers?.retry()
    }
    await allOf(Array.from(entries.values(), (entry) => () => pass(entry)))
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
      const staged = [...entries.values()].filter(({ topology }) => stagesOf(host.store, topology) !== undefined)
      for (const entry of entries.values()) subscriptions.push(await subscribe(host, entry, () => looks?.wake()))
      if (staged.length > 0)
        looks = startLooks({
          timers: runtime.timers,
          look: async () => (await Promise.all(staged.map(({ readers }) => readers!.look()))).some(Boolean),
          onError: (error) => log.warn('What copies have handed on could not be taken; it is tried again', { error }),
        })
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
      await looks?.stop()
      await Promise.all(subscriptions.map((one) => one.stop({ timeout: left() })))
    },
  }
}

function askedOf(host: ExtensionHost, { topology, records }: Entry): ReturnType<OpenTopologies> {
  const { store, broker, runtime } = host
  const stages = stagesOf(store, topology)
  const stageOf = (part: string): string | undefined => stages?.find(({ nodes }) => nodes.some(({ name }) => name === part))?.name
  return {
    ...askedRecords(store, topology.name, stageOf),
    progress: async () => {
      const group = groupOf(host, topology)
      const [committed, lags] = await Promise.all([records.progress(), broker.lag()])
      const partitions = committed.partitions.map((one) => {
        const found = lags.find((each) => each.group === group && each.topic === one.topic && each.partition === one.partition)
        return { ...one, lag: found?.lag }
      })
      return { ...committed, behind: behindOf(runtime, committed), partitions }
    },
  }
}

const behindOf = ({ clock }: ExtensionHost['runtime'], { watermark }: Pick<Committed, 'watermark'>): number | undefined =>
  watermark === undefined ? undefined : clock.now() - watermark

/** What is in one piece is spread as its topic is, where copies share it. */
const wholeOf = ({ store }: ExtensionHost, { nodes }: TopologyNodes): Parameters<typeof shapesOf>[1] =>
  store.sharing === 'shared' ? { stages: cut(nodes), parts: undefined } : undefined

const groupOf = ({ service }: ExtensionHost, { name }: TopologyNodes): string => `${service}/${name}`

async function subscribe(host: ExtensionHost, entry: Entry, wake: () => void): Promise<Subscription> {
  const { broker, log, store } = host
  const { topology, records } = entry
  const events = topology.nodes.flatMap(({ source }) => (source === undefined ? [] : [source.event]))
  for (const { topic, partitions, retention } of events)
    await broker.declareTopic(topic, { ...(partitions !== undefined && { partitions }), ...(retention && { retention }) })
  const counts = new Map<string, number>()
  for (const topic of topicsOf(topology)) counts.set(topic, await broker.partitions(topic))
  const partitions = (topic: string): number => counts.get(topic)!
  const stages = stagesOf(store, topology)
  if (stages !== undefined)
    await checkShapes(host, topology, { records, cut: { stages, parts: leadOf(stages, partitions).partitions } })
  const readers = createReaders({ host, topology, records, partitions })
  entry.readers = readers
  return broker.subscribe({
    group: groupOf(host, topology),
    topics: topicsOf(topology),
    batch: BATCH,
    onError: (error) => log.warn('Events could not be taken; the broker brings them again', { stream: topology.name, error }),
    assigned: readers.assigned,
    revoked: readers.revoked,
    deliver: async (batch, place) => {
      await readers.deliver(batch, place)
      wake()
    },
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
  const committed = await records.progress()
  const { watermark, records: read, rows } = committed
  const own = (readers?.all() ?? []).map((one) => one.status())
  const sum = (of: 'bytes' | 'aside' | 'late' | 'duplicates' | 'dead'): number => own.reduce((total, one) => total + one[of], 0)
  return {
    ...{
      name: topology.name,
      operators: describe(topology).text,
      watermark,
      behind: behindOf(runtime, committed),
      records: read,
      rows,
    },
    ...{ aside: sum('aside'), late: sum('late'), duplicates: sum('duplicates'), dead: sum('dead') },
    ...{ bytes: sum('bytes'), spilled: own.some(({ isPartial }) => isPartial) },
    told: [...toldBy(readers?.all() ?? [])].map(([operator, count]) => ({ operator, count, perSecond: rates.of(operator) })),
  }
}

/** What operators with names have handed on, of all partitions. */
function toldBy(readers: readonly Reader[]): ReadonlyMap<string, number> {
  const told = new Map<string, number>()
  for (const reader of readers)
    for (const [name, { count }] of reader.status().told) told.set(name, (told.get(name) ?? 0) + count)
  return told
}

/** How a key came to what it has: at one operator, or at all of a topology. */
function whyOf(entries: Iterable<Entry>, name: string, key: string): readonly Why[] {
  return [...entries].flatMap(({ topology, readers }) => {
    const names = topology.nodes.flatMap((node) => node.name ?? [])
    const operators = new Set(topology.name === name ? names : names.filter((one) => one === name))
    if (operators.size === 0) return []
    const trails = (readers?.all() ?? []).map((reader) => reader.why(operators, key))
    const sum = (of: 'records' | 'noted'): number => trails.reduce((total, one) => total + one[of], 0)
    return [
      { topology: topology.name, records: sum('records'), noted: sum('noted'), steps: trails.flatMap(({ steps }) => steps) },
    ]
  })
}

function measured({ runtime }: ExtensionHost, { topology, readers }: Entry): readonly Reading[] {
  const attributes = { 'dure.stream.name': topology.name }
  const own = (readers?.all() ?? []).map((one) => one.status())
  const marks = own.flatMap(({ watermark }) => watermark ?? [])
  const bytes = own.reduce((sum, one) => sum + one.bytes, 0)
  return [
    ...(marks.length === 0
      ? []
      : [{ family: FAMILIES.streamBehind, attributes, value: Math.max(0, runtime.clock.now() - Math.min(...marks)) / 1_000 }]),
    { family: FAMILIES.streamStateSize, attributes, value: bytes },
    { family: FAMILIES.streamLate, attributes, value: own.reduce((sum, one) => sum + one.late, 0) },
    ...[...toldBy(readers?.all() ?? [])].map(([operator, value]): Reading => {
      return { family: FAMILIES.streamTold, attributes: { ...attributes, 'dure.stream.operator': operator }, value }
    }),
  ]
}

/** @throws {CallError} FAILED_PRECONDITION when state could not be read by what this release makes of it */
async function checkShapes(
  host: ExtensionHost,
  topology: TopologyNodes,
  { records, cut: spread }: { readonly records: StreamRecords; readonly cut: Parameters<typeof shapesOf>[1] },
): Promise<void> {
  const { service, store } = host
  const shapes = shapesOf(topology, spread)
  const before = await records.shapes()
  const refusal = (what: string): CallError =>
    new CallError('FAILED_PRECONDITION', `Starting service "${service}" failed: ${what}`)
  if (before !== undefined) {
    const { refused, removed } = diffShapes(JSON.parse(before) as readonly StateShape[], shapes)
    const [first] = refused
    if (first !== undefined)
      throw refusal(
        `operator "${first.name}" of topology "${topology.name}" cannot go on with its state: ${first.why}. To do: give the changed operator a new name, which begins without state`,
      )
    const gone = removed.find((name) => name.includes(HANDED))
    if (gone !== undefined && (await exchangeRecords(store, topology.name).look()).waiting.length > 0)
      throw refusal(
        `topology "${topology.name}" hands nothing on as "${gone}" any more, and records of the release before wait. To do: start that release until they are taken, stop all its copies, and start this one`,
      )
  }
  const text = JSON.stringify(shapes)
  if (text !== before) await records.noteShapes(text)
}
