/**
 * Copies of a topology that re-keys and joins, under schedules made from seeds: crashes at any step of a commit or a look, partitions that
 * change hands, owners that do not know it, duplicates, disorder, a partition that falls silent.
 */
import { z } from 'zod'
import { event, type Message } from '../../contract/contract.ts'
import type { OutboxMessage, SqlStore, SqlTransaction } from '../../data/data.ts'
import { seededRandom, virtualRuntime } from '../../runtime/runtime.ts'
import type { ExtensionHost } from '../../service/internal.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { session, stream, topology, tumbling, type Topology } from '../stream.ts'
import { exchangeRecords, type ExchangeRecords, type Look } from './exchange-records.ts'
import { createReaders, type Readers } from './readers.ts'
import { askedRecords, type AskedRecords } from './asked.ts'
import { streamRecords, type StreamRecords } from './records.ts'
import { deliveriesOf, MINUTE, START } from './rig.test-support.ts'

const Row = z.object({ id: z.string(), group: z.string(), n: z.int() })
type Data = z.infer<typeof Row>
export const Left = event('side.left', { schema: Row, key: ({ id }) => id })
export const Right = event('side.right', { schema: Row, key: ({ id }) => id })
const Told = event('told', { schema: z.object({ by: z.string(), text: z.string() }), key: ({ by }) => by })

export const VARIANTS = ['time before its records', 'no fence', 'no fence at the start', 'taken before the commit'] as const
export type Variant = 'as it is' | (typeof VARIANTS)[number]
type Trouble = 'before' | 'within' | 'after' | 'look' | undefined
export type Random = ReturnType<typeof seededRandom>

const TOPICS = [
  { source: Left, partitions: 3 },
  { source: Right, partitions: 2 },
] as const
const partitionsOf = (topic: string): number => TOPICS.find(({ source }) => source.topic === topic)!.partitions

const late = { late: 'drop' } as const
const summing = (name: string) => ({
  ...{
    name,
    init: () => 0,
    add: (sum: number, { n }: { n: number }) => sum + n,
    remove: (sum: number, { n }: { n: number }) => sum - n,
  },
  merge: (one: number, other: number) => one + other,
})
const both = (name: string) => ({ name, join: (one?: Data, other?: Data) => ({ n: (one?.n ?? 0) * 1_000 + (other?.n ?? 0) }) })

/** Ends that a topology may have: what each says in the end does not depend on which topic was read first. */
function endsOf() {
  const [lefts, rights] = [stream(Left, { disorder: '6s' }), stream(Right, { disorder: '6s' })]
  const byGroup = lefts.keyBy(({ group }) => group)
  const totals = byGroup.window(tumbling('1m'), late).aggregate(summing('totals'))
  const sessions = byGroup.window(session('5s'), late).aggregate(summing('sessions'))
  const own = lefts.byKey().window(tumbling('1m'), late).aggregate(summing('own'))
  const again = own
    .toStream()
    .keyBy(({ start }) => start)
    .map(({ value }) => ({ n: value }))
  const rows = lefts.byKey().toTable({ name: 'rows' })
  const others = rights.byKey().toTable({ name: 'others' })
  const groups = rights.keyBy(({ group }) => group).aggregate(summing('per-right'))
  const foreign = rows.leftJoin(others, { ...both('foreign'), on: ({ group }) => group })
  const tell = (by: string) => (one: { key: string; start: number; end: number; value: number }) => ({
    ...{ by, text: `${one.key} ${one.start} ${one.end} ${one.value}` },
  })
  return {
    counts: byGroup.count({ name: 'counts' }),
    totals: totals.to(Told, tell('totals')),
    sessions: sessions.to(Told, tell('sessions')),
    again: again.aggregate(summing('again')),
    windows: again.window(tumbling('2m'), late).aggregate(summing('windows')).to(Told, tell('windows')),
    merged: lefts.merge(rights).byKey().aggregate(summing('merged')),
    tables: rows
      .outerJoin(others, both('tables'))
      .groupBy((_, key) => key)
      .aggregate(summing('by-key')),
    // What reads rows by their key is told of them in the order of their changes, whichever task has what they name.
    foreign: rows
      .outerJoin(foreign, { name: 'with-foreign', join: (one, other) => ({ n: (one?.n ?? 0) * 7 + (other?.n ?? 0) }) })
      .groupBy((_, key) => key)
      .aggregate(summing('by-foreign')),
    regrouped: rows.groupBy(({ group }) => group).aggregate(summing('regrouped')),
    near: byGroup
      .join(
        rights.keyBy(({ group }) => group),
        { ...both('near'), within: '4s', late: 'drop' },
      )
      .aggregate(summing('pairs')),
    right: groups,
  }
}
const NAMES = ['counts', 'again', 'merged', 'by-key', 'by-foreign', 'regrouped', 'pairs', 'per-right'] as const

function topologyOf(name: string, random: Random): Topology {
  const ends = Object.values(endsOf())
  const chosen = ends.filter(() => random.integer(3) === 0)
  return topology(name, chosen.length === 0 ? [ends[random.integer(ends.length)]!] : chosen)
}

type Copy = { readonly readers: Readers; isDead: boolean }
type Owner = { copy: Copy; epoch: number; next: number }

/** Runs one schedule in one process, and in three copies; answers how what they say differs, or undefined. */
export async function runSeed(store: SqlStore, seed: number, variant: Variant): Promise<string | undefined> {
  const name = `t-${seed}-${variant.replaceAll(' ', '-')}`
  const logs = logsOf(seededRandom(seed))
  const one = await runCopies(store, { seed, name: `${name}-one`, logs, copies: 1, variant: 'as it is' })
  const three = await runCopies(store, { seed, name, logs, copies: 3, variant })
  return one === three ? undefined : `one process:\n${one}\nthree:\n${three}`
}

type Logs = ReadonlyMap<string, ReturnType<typeof deliveriesOf>>
type Run = {
  readonly seed: number
  readonly name: string
  readonly logs: Logs
  readonly copies: number
  readonly variant: Variant
}

async function runCopies(store: SqlStore, { seed, name, logs: given, copies: count, variant }: Run): Promise<string> {
  const random = seededRandom(seed * 31 + count)
  const below = random.integer
  const runtime = virtualRuntime({ start: START + 20 * MINUTE })
  const published: Message[] = []
  const topologyHere = topologyOf(name, seededRandom(seed))
  const read = new Set(topologyHere.nodes.flatMap(({ source }) => source?.event.topic ?? []))
  const logs = new Map([...given].filter(([place]) => read.has(place.split('/')[0]!)))
  let trouble: Trouble
  let epoch = 0

  const copyOf = (): Copy => {
    const copy: Copy = { isDead: false, readers: undefined as unknown as Readers }
    const kill = (now: Trouble): never => {
      copy.isDead = true
      throw new Error(`killed ${now}`)
    }
    const troubled: SqlStore = {
      ...store,
      sharing: count === 1 ? 'exclusive' : 'shared',
      select: async (...statement) => {
        if (copy.isDead) kill('before')
        if (trouble === 'look') kill(trouble)
        return store.select(...statement)
      },
      transaction: async (work, options) => {
        const now = trouble
        trouble = undefined
        if (copy.isDead || now === 'before') kill('before')
        const answer = await store.transaction(async (tx) => {
          const made = await work(tx)
          if (now === 'within') kill(now)
          return made
        }, options)
        if (now === 'after') kill(now)
        return answer
      },
    }
    const outbox = {
      append: (tx: SqlTransaction, messages: readonly OutboxMessage[]) => tx.onCommit(() => published.push(...messages)),
    }
    const host = { service: 'shop', store: troubled, outbox, runtime, log: silentLogger() } as unknown as ExtensionHost
    const records = brokenRecords(streamRecords(troubled, name), variant)
    const exchange = brokenExchange(exchangeRecords(troubled, name), { store: troubled, variant })
    return Object.assign(copy, {
      readers: createReaders({ host, topology: topologyHere, records, exchange, partitions: partitionsOf }),
    })
  }

  const copies = Array.from({ length: count }, copyOf)
  const owners = new Map<string, Owner>()
  const zombies: { readonly copy: Copy; readonly place: string; readonly epoch: number; readonly next: number }[] = []
  const placeOf = (place: string) => ({ topic: place.split('/')[0]!, partition: Number(place.split('/')[1]) })
  const give = async (place: string): Promise<void> => {
    for (;;) {
      const copy = copies[below(count)]!
      if (copy.isDead) continue
      try {
        const taken = await copy.readers.assigned({ ...placeOf(place), epoch: ++epoch, broker: 'b' })
        owners.set(place, { copy, epoch, next: taken === undefined ? 0 : Number(taken.after) + 1 })
        return
      } catch {
        await replaceDead()
      }
    }
  }
  const replaceDead = async (): Promise<void> => {
    trouble = undefined
    for (const [at, copy] of copies.entries()) {
      if (!copy.isDead) continue
      copies[at] = copyOf()
      for (const [place, owner] of owners) if (owner.copy === copy) await give(place)
    }
  }
  const left = (place: string): number => logs.get(place)!.length - owners.get(place)!.next
  const isRead = (topic: string, partition: number): boolean => left(`${topic}/${partition}`) === 0
  const places = [...logs.keys()]
  for (const place of places) await give(place)

  while (places.some((place) => left(place) > 0)) {
    const place = places[below(places.length)]!
    const owner = owners.get(place)!
    const copy = copies[below(count)]!
    const step = below(20)
    if (step < 4) trouble = (['before', 'within', 'after', 'look'] as const)[step]
    try {
      if (step === 4) {
        // It is told, or it is not: then it goes on as though it had it.
        if (below(2) === 0) await owner.copy.readers.revoked(placeOf(place))
        else zombies.push({ copy: owner.copy, place, epoch: owner.epoch, next: owner.next })
        await give(place)
      } else if (step === 5 && zombies.length > 0) {
        const zombie = zombies[below(zombies.length)]!
        if (zombie.copy !== owners.get(zombie.place)!.copy)
          await zombie.copy.readers
            .deliver(logs.get(zombie.place)!.slice(zombie.next, zombie.next + 3), placeOf(zombie.place))
            .catch(() => {})
      } else if (step === 6) {
        // One process alone takes whatever it has not read for long as idle, while it reads others.
        if (count > 1) runtime.jump(40_000)
        await copy.readers.tick(isRead)
      } else if (step % 2 === 0) await copy.readers.look()
      else if (left(place) > 0) {
        const batch = logs.get(place)!.slice(owner.next, owner.next + 1 + below(6))
        await owner.copy.readers.deliver(batch, placeOf(place))
        owner.next += batch.length
      }
    } catch (error) {
      if (!copies.some(({ isDead }) => isDead) && !/Fenced|given it to another|not read here/.test(`${error}`)) throw error
    }
    trouble = undefined
    await replaceDead()
  }
  for (let round = 0; round < 6; round++) {
    runtime.jump(10 * MINUTE)
    for (const { readers } of copies) await readers.tick(isRead).catch(fenced)
    for (let isMore = true; isMore;) {
      isMore = false
      for (const { readers } of copies) isMore = (await readers.look().catch(fenced)) === true || isMore
    }
  }
  return textOf(await statesOf(askedRecords(store, name)), published)
}

const fenced = (error: unknown): false => {
  if ((error as Error).name === 'FencedError') return false
  throw error
}

async function statesOf(records: AskedRecords): Promise<readonly string[]> {
  const all = await Promise.all(
    NAMES.map(async (part) =>
      (await records.list(part, 10_000)).map(({ key, value }) => `${part} ${key} ${JSON.stringify(value)}`),
    ),
  )
  return all.flat()
}

const textOf = (states: readonly string[], published: readonly Message[]): string =>
  [...states, ...published.map(({ data }) => data)].toSorted().join('\n')

/** In order but for 5 seconds of their time, some of it delivered again; the last partition of each falls silent early. */
function logsOf(random: Random): Logs {
  const below = random.integer
  const logs = new Map<string, ReturnType<typeof deliveriesOf>>()
  for (const { source, partitions } of TOPICS)
    for (let partition = 0; partition < partitions; partition++) {
      const messages: Message[] = []
      const length = partition === partitions - 1 ? 8 : 30
      for (let n = 0; n < length; n++) {
        // Whoever publishes hashes in its own way.
        const id = `${partition}-${below(3)}`
        const data = { id, group: `${below(2)}-${below(3)}`, n: 1 + below(100) }
        const again = messages.length > 0 && below(10) === 0 ? messages[below(messages.length)] : undefined
        messages.push(
          again ?? {
            ...{
              id: `${source.name}-${partition}-${n}`,
              source: 'tests',
              type: source.name,
              key: id,
              time: START + n * 4_000 + below(6_000),
            },
            ...{
              schemaVersion: 1,
              correlationId: 'c',
              causationId: undefined,
              traceparent: undefined,
              data: JSON.stringify(data),
            },
          },
        )
      }
      logs.set(`${source.topic}/${partition}`, deliveriesOf(messages, partition))
    }
  return logs
}

function brokenRecords(records: StreamRecords, variant: Variant): StreamRecords {
  if (variant !== 'no fence') return records
  return { ...records, check: async () => {} }
}

function brokenExchange(
  exchange: ExchangeRecords,
  { store, variant }: { readonly store: SqlStore; readonly variant: Variant },
): ExchangeRecords {
  let last: Look = { waiting: [], times: [] }
  if (variant === 'time before its records')
    return {
      ...exchange,
      look: async () => {
        const { waiting } = last
        last = await exchange.look()
        return { waiting, times: last.times }
      },
    }
  // Who has a partition no more says that its time is not known, and nobody says anything else.
  if (variant === 'no fence at the start') return { ...exchange, begin: (place) => exchange.begin(place, async () => {}) }
  if (variant === 'taken before the commit')
    return {
      ...exchange,
      read: async (rows) => {
        const texts = await exchange.read(rows)
        await store.transaction((tx) => exchange.remove(tx, texts), { isolated: false })
        return texts
      },
      remove: async () => {},
    }
  return exchange
}
