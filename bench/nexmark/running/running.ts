/**
 * Queries in a process that is killed, over a broker whose partitions change hands: the events are there, and a service with all
 * queries reads them. What it says in the end is asked of its store, and of what it has published.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { startLocalServer } from '@dure/testing/servers'
import type { AnyEvent, Message } from 'dure/contract'
import { unknownFromJson } from 'dure/contract/internal'
import type { Broker } from 'dure/messaging'
import { realRuntime } from 'dure/runtime'
import { start } from 'dure/service'
import { sourcesOf } from 'dure/stream/internal'
import { silentLogger } from 'dure/telemetry'
import { keyOf, SIDE } from '../answers.ts'
import { AuctionOpened, BidMade, PersonSeen, SideInput } from '../contract.ts'
import type { NexmarkEvent } from '../events.ts'
import { queries } from '../queries/queries.ts'
import type { Row } from '../rows.ts'
import type { QueryName } from '../sql.ts'
import { brokerOf, NAME, nexmarkSystem, Told, whereOf, type BrokerName } from './system.ts'

export type RunningOptions = {
  readonly names: readonly QueryName[]
  readonly arriving: readonly { readonly event: NexmarkEvent; readonly clock: number }[]
  readonly broker: BrokerName
  /** How often the process is killed, and how often another member joins the group of a query and leaves it. */
  readonly kills: number
  readonly rebalances: number
  readonly progress: (line: string) => void
}

export type Ran = {
  readonly rows: (query: QueryName) => readonly Row[]
  readonly kills: number
  readonly rebalances: number
  readonly seconds: number
}

const MEMBER = join(import.meta.dirname, '../member.ts')
const [BATCH, LOOK] = [2_000, 50]
/** How often a process may be begun until it is ready. */
const STARTS = 5
/** Milliseconds without a change: five until all partitions are idle, ten of the longest window, and some for those that are slow. */
const CLOSED = 25_000
const EVENTS = { person: PersonSeen, auction: AuctionOpened, bid: BidMade, side: SideInput } as const
type Kind = keyof typeof EVENTS

export async function runQueries(options: RunningOptions): Promise<Ran> {
  const { names, arriving, broker: which, kills, rebalances, progress } = options
  const directory = mkdtempSync(join(tmpdir(), 'nexmark-running-'))
  const steps: (() => Promise<unknown>)[] = []
  try {
    const { url, withBroker, away } = await openBroker(which, directory, names, steps)
    const member = memberOf([directory, which, url, names.join(',')])
    steps.push(member.end)
    const counts = countsOf(arriving)
    // What is looked up is there before those who look.
    await withBroker((broker) => publishAll(broker, messagesOf(SIDE.map(({ value }) => ({ kind: 'side', value, clock: 0 })))))
    await member.begin()
    await until(() => recordsOf(directory, names) >= expectedOf(names, { ...NONE, side: counts.side }))
    if (away) await member.end()
    await withBroker((broker) =>
      publishAll(
        broker,
        messagesOf(arriving.map(({ event, clock }) => ({ kind: event.kind, value: event.value, clock, event }))),
      ),
    )
    progress(`${arriving.length} events are in the topics of ${which}`)
    const begun = performance.now()
    if (away) await member.begin()
    const whole = expectedOf(names, counts)
    const ghosts = ghostsOf(names, withBroker)
    let [killed, balanced] = [0, 0]
    const share = (done: number, of: number): number => ((done + 1) / (of + 1)) * whole
    for (let records = 0; records < whole;) {
      records = recordsOf(directory, names)
      const isDue = records >= share(killed, kills) && killed < kills
      // In turns: on a slow machine one of them is always due.
      if (
        records >= share(balanced, rebalances) &&
        balanced < rebalances &&
        (!isDue || balanced * kills <= killed * rebalances)
      ) {
        await ghosts.haunt(balanced++)
      } else if (isDue) {
        await member.kill()
        killed++
        await member.begin()
        if (killed % 20 === 0) progress(`${killed} kills, ${balanced} rebalances, ${records} of ${whole} records`)
      } else await sleep(LOOK)
    }
    // Nothing comes any more: time goes on with the clock, the last windows close, and what is told is delivered.
    await untilStill(directory)
    const seconds = (performance.now() - begun) / 1000
    await member.end()
    const told = await withBroker(readTold)
    const kept = new Map(names.map((name) => [name, keptRows(directory, name)]))
    return {
      rows: (query) => kept.get(query) ?? [...(told.get(query)?.values() ?? [])].flat(),
      ...{ kills: killed, rebalances: balanced, seconds },
    }
  } finally {
    for (const step of steps.toReversed()) await step().catch(() => {})
    rmSync(directory, { recursive: true, force: true })
  }
}

type WithBroker = <T>(use: (broker: Broker) => Promise<T>) => Promise<T>

/** `away`: it is in the process that runs the queries, and while that runs nobody else has it. */
async function openBroker(
  which: BrokerName,
  directory: string,
  names: readonly QueryName[],
  steps: (() => Promise<unknown>)[],
): Promise<{ readonly url: string; readonly withBroker: WithBroker; readonly away: boolean }> {
  const world = { directory, runtime: realRuntime(), log: silentLogger() }
  if (which === 'embedded') {
    const open = await brokerOf(which, '')
    const withBroker: WithBroker = async (use) => {
      const broker = await open(world)
      try {
        return await use(broker)
      } finally {
        await broker.stop({ timeout: 5_000 })
      }
    }
    return { url: '', withBroker, away: true }
  }
  let url = ''
  if (which !== 'served') {
    const server = await startLocalServer(which, { directory: join(directory, which) })
    steps.push(server.close)
    url = which === 'kafka' ? `kafka://127.0.0.1:${server.ports['kafka']}` : `nats://127.0.0.1:${server.ports['nats']}`
  }
  const open = await brokerOf(which, url)
  let broker: Broker | undefined
  if (which === 'served') {
    const host = nexmarkSystem(names, async (given) => (broker = await open(given)))
    const running = await start(host, { directory, log: silentLogger(), part: ['broker'] })
    steps.push(() => running.stop())
  } else {
    broker = await open(world)
    steps.push(() => broker!.stop({ timeout: 5_000 }))
  }
  return { url, withBroker: (use) => use(broker!), away: false }
}

/** One process at a time. */
function memberOf(words: readonly string[]) {
  let child: ChildProcess | undefined
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const one = child
    if (one === undefined) return
    child = undefined
    const ended = once(one, 'exit')
    if (one.exitCode !== null || one.signalCode !== null) throw new Error(`The process of the queries ended by itself`)
    one.kill(signal)
    await ended
  }
  const begun = async (): Promise<boolean> => {
    child = spawn(process.execPath, ['--conditions=dure-source', MEMBER, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ready = once(child.stdout!, 'data').then(() => true)
    return Promise.race([ready, once(child, 'exit').then(() => false)])
  }
  return {
    /** Again when it ends before it is ready, as who supervises it would: its broker is busy, and a start waits so long only. */
    begin: async (): Promise<void> => {
      for (let tries = 1; !(await begun()); tries++)
        if (tries === STARTS) throw new Error(`The process of the queries ended ${STARTS} times before it was ready`)
    },
    kill: () => end('SIGKILL'),
    end: () => end('SIGTERM'),
  }
}

/** Members that join the group of a query, are given partitions, take nothing, and leave. */
function ghostsOf(names: readonly QueryName[], withBroker: WithBroker) {
  return {
    haunt: (number: number): Promise<void> =>
      withBroker(async (broker) => {
        const name = names[number % names.length]!
        const topics = [...sourcesOf(queries[name]().topology).keys()].map(({ topic }) => topic)
        let assigned: () => void
        const has = new Promise<void>((done) => void (assigned = done))
        const ghost = await broker.subscribe({
          group: `${NAME}/${name}`,
          topics,
          assigned: async () => assigned(),
          deliver: () => Promise.reject(new Error('It takes nothing')),
        })
        await Promise.race([has, sleep(5_000)])
        await ghost.stop({ timeout: 2_000 })
      }),
  }
}

type Given = { readonly kind: Kind; readonly value: unknown; readonly clock: number; readonly event?: NexmarkEvent }

function* messagesOf(all: Iterable<Given>): Generator<Message, void, undefined> {
  let number = 0
  for (const { kind, value, clock, event } of all) {
    const { name, topic } = EVENTS[kind] as AnyEvent
    yield {
      ...{ id: `${kind}-${number++}`, source: NAME, type: name, topic, time: clock, schemaVersion: 1, correlationId: NAME },
      ...{ causationId: undefined, traceparent: undefined, data: JSON.stringify(value) },
      key: event === undefined ? String((value as { readonly key: number }).key) : keyOf(event),
    }
  }
}

async function publishAll(broker: Broker, messages: Iterable<Message>): Promise<void> {
  for (const { topic } of Object.values(EVENTS)) await broker.declareTopic(topic, { partitions: 4 })
  let batch: Message[] = []
  for (const message of messages) {
    batch.push(message)
    if (batch.length < BATCH) continue
    await broker.publish(batch)
    batch = []
  }
  if (batch.length > 0) await broker.publish(batch)
}

type Counts = Readonly<Record<Kind, number>>
const NONE: Counts = { person: 0, auction: 0, bid: 0, side: 0 }

function countsOf(arriving: RunningOptions['arriving']): Counts {
  const counts = { ...NONE, side: SIDE.length }
  for (const { event } of arriving) counts[event.kind]++
  return counts
}

/** Records that all queries together read. */
function expectedOf(names: readonly QueryName[], counts: Counts): number {
  const kinds = Object.entries(EVENTS) as [Kind, AnyEvent][]
  return names.reduce((sum, name) => {
    const sources = sourcesOf(queries[name]().topology)
    return sum + kinds.reduce((own, [kind, event]) => own + (sources.has(event) ? counts[kind] : 0), 0)
  }, 0)
}

type StateRow = { readonly key: string; readonly at: number; readonly value: string; readonly long_key: string | null }

/** What is committed, read beside who writes it. */
function select<T>(directory: string, sql: string, values: readonly string[] = []): readonly T[] {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(join(directory, `${NAME}.db`), { readOnly: true })
    db.exec('PRAGMA busy_timeout = 5000')
    return db.prepare(sql).all(...values) as T[]
  } catch {
    // It is not there yet, or has no tables yet.
    return []
  } finally {
    db?.close()
  }
}

function recordsOf(directory: string, names: readonly QueryName[]): number {
  const rows = select<{ topology: string; records: number }>(directory, 'SELECT topology, records FROM dure_stream_positions')
  return rows.reduce((sum, { topology, records }) => sum + (names.includes(topology as QueryName) ? records : 0), 0)
}

async function untilStill(directory: string): Promise<void> {
  let before = ''
  for (let since = performance.now(); performance.now() - since < CLOSED; await sleep(LOOK * 10)) {
    const now = JSON.stringify([
      select(directory, 'SELECT count(*), max(position) FROM dure_outbox'),
      select(directory, 'SELECT count(*) FROM dure_stream_state'),
    ])
    if (now !== before) since = performance.now()
    before = now
  }
}

/** The rows of a query whose answer is its state; undefined of another. */
function keptRows(directory: string, name: QueryName): readonly Row[] | undefined {
  const query = queries[name]()
  const { table } = query
  if (table === undefined || whereOf(query) === 'told') return undefined
  const { read } = query.topology.nodes.find((node) => node.name === table.name)!
  const sql = 'SELECT key, at, value, long_key FROM dure_stream_state WHERE topology = ? AND part = ?'
  const byKey = Map.groupBy(select<StateRow>(directory, sql, [name, table.name]), ({ key, long_key }) => long_key ?? key)
  return [...byKey].flatMap(([key, rows]) => {
    const cells = rows
      .toSorted((one, other) => one.at - other.at)
      .map(({ at, value }) => ({ at, value: unknownFromJson(JSON.parse(value)) }))
    const all = { from: -Infinity, to: Infinity, watermark: -Infinity }
    return [...read!.values(cells, key, all)].flatMap((value) => table.rowsOf(value as never, key))
  })
}

/** What was told of each key last, by query; what was only told once and more often under one id is there once. */
async function readTold(broker: Broker): Promise<ReadonlyMap<string, ReadonlyMap<string, readonly Row[]>>> {
  const told = new Map<string, Map<string, readonly Row[]>>()
  const seen = new Set<string>()
  await broker.declareTopic(Told.topic)
  for (let partition = 0; partition < (await broker.partitions(Told.topic)); partition++) {
    let after: string | undefined
    for (;;) {
      const some = await broker.browse({ topic: Told.topic, partition, limit: BATCH, ...(after !== undefined && { after }) })
      if (some.length === 0) break
      after = some.at(-1)!.position
      for (const { message } of some) {
        if (seen.has(message.id)) continue
        seen.add(message.id)
        const { query, key, rows } = JSON.parse(message.data) as { query: QueryName; key: string; rows: readonly Row[] }
        let of = told.get(query)
        if (of === undefined) told.set(query, (of = new Map()))
        of.set(queries[query]().table === undefined ? message.id : key, rows)
      }
    }
  }
  return told
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(LOOK)
}
