/**
 * A stream under schedules made from seeds: crashes at any step of a commit, partitions that change hands, owners that do not know it,
 * duplicates, disorder, a partition that falls silent. The stream as it is passes all; each of its broken variants is found.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { event, type Message } from '../../contract/contract.ts'
import { testAdapter } from '../../data/adapter.conformance.ts'
import type { OutboxMessage, SqlStore, SqlTransaction } from '../../data/data.ts'
import { realRuntime, seededRandom, virtualRuntime } from '../../runtime/runtime.ts'
import type { ExtensionHost } from '../../service/internal.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { stream, topology, tumbling } from '../stream.ts'
import { createReader, type Reader } from './reader.ts'
import { streamRecords, type StreamRecords } from './records.ts'
import { MIGRATIONS } from './tables.ts'

const Sold = event('item.sold', { schema: z.object({ seller: z.string(), cents: z.int() }), key: ({ seller }) => seller })
const Total = event('seller.total', {
  schema: z.object({ seller: z.string(), from: z.int(), cents: z.int() }),
  key: ({ seller }) => seller,
})
const [MINUTE, START, LENGTH] = [60_000, 1_700_000_040_000, 60]

const VARIANTS = ['position first', 'state first', 'no fence', 'no idleness', 'closed early'] as const
type Variant = 'as it is' | (typeof VARIANTS)[number]
type Trouble = 'before' | 'within' | 'after' | undefined

const salesOf = (name: string, variant: Variant) =>
  topology(name, [
    stream(Sold, { disorder: variant === 'closed early' ? 0 : '6s', idle: variant === 'no idleness' ? '100d' : '30s' })
      .byKey()
      .window(tumbling('1m'), { late: 'drop' })
      .aggregate({ name: 'totals', init: () => 0, add: (sum, { cents }) => sum + cents })
      .to(Total, ({ key, start, value }) => ({ seller: key, from: start, cents: value })),
  ])

/** The rows as a variant writes them; where it moves positions apart, `runSeed` does. */
function broken(records: StreamRecords, name: string, variant: Variant): StreamRecords {
  if (variant === 'position first') return { ...records, move: async () => {} }
  // What was seen is of the position: whoever forgets the one forgets the other.
  const write: StreamRecords['write'] = (tx, task, rows) =>
    records.write(
      tx,
      task,
      rows.filter(({ part }) => part !== '/seen'),
    )
  if (variant === 'state first') return { ...records, move: async () => {}, write }
  if (variant !== 'no fence') return records
  return {
    ...records,
    check: async () => {},
    move: async (tx, { assignment: { topic, partition }, position }) => {
      const sql = 'UPDATE dure_stream_positions SET position = ? WHERE topology = ? AND topic = ? AND partition = ?'
      await tx.run(sql, [position, name, topic, partition])
    },
  }
}

type World = { readonly store: SqlStore }
type Owner = { readonly reader: Reader; readonly epoch: number; next: number }

/** Runs one schedule; answers what was published wrongly, or undefined. */
async function runSeed({ store }: World, seed: number, variant: Variant): Promise<string | undefined> {
  const random = seededRandom(seed)
  // Every other one has next to nothing in memory.
  const memory = seed % 2 === 0 ? 1 : Infinity
  const below = random.integer
  const name = `sales-${seed}-${variant.replaceAll(' ', '-')}`
  const runtime = virtualRuntime({ start: START + 20 * MINUTE })
  const published: Message[] = []
  const sales = salesOf(name, variant)
  const logs = [0, 1].map((partition) => logOf(partition, below))
  let trouble: Trouble
  let epoch = 0

  const readerOf = (partition: number): Reader => {
    const troubled: SqlStore = {
      ...store,
      sharing: 'shared',
      transaction: async (work, options) => {
        const now = trouble
        trouble = undefined
        if (now === 'before') throw new Error('killed')
        const answer = await store.transaction(async (tx) => {
          const made = await work(tx)
          if (now === 'within') throw new Error('killed')
          return made
        }, options)
        if (now === 'after') throw new Error('killed')
        return answer
      },
    }
    const outbox = {
      append: (tx: SqlTransaction, messages: readonly OutboxMessage[]) => tx.onCommit(() => published.push(...messages)),
    }
    const host = { service: 'shop', store: troubled, outbox, runtime, log: silentLogger() } as unknown as ExtensionHost
    const records = broken(streamRecords(store, name), name, variant)
    return createReader({ host, topology: sales, records, task: partition, partitions: () => 2, memory: () => memory })
  }
  const place = (partition: number) => ({ topic: Sold.topic, partition })
  const begin = async (partition: number): Promise<Owner> => {
    const reader = readerOf(partition)
    const taken = await reader.assigned({ ...place(partition), epoch: ++epoch, broker: 'b' })
    return { reader, epoch, next: taken === undefined ? 0 : Number(taken.after) + 1 }
  }
  const deliver = async (owner: Owner, partition: number): Promise<void> => {
    const batch = logs[partition]!.slice(owner.next, owner.next + 1 + below(6))
    if (batch.length === 0) return
    const assignment = { ...place(partition), epoch: owner.epoch, broker: 'b' }
    const last = { assignment, position: batch.at(-1)!.position, records: batch.length, newest: 0 }
    const apart = (): Promise<void> => store.transaction((tx) => streamRecords(store, name).move(tx, last), { isolated: false })
    if (variant === 'position first') await apart()
    await owner.reader.deliver(batch, place(partition))
    if (variant === 'state first') await apart()
    owner.next += batch.length
  }

  const owners = [await begin(0), await begin(1)]
  const zombies: (readonly [owner: Owner, partition: number])[] = []
  while (owners.some(({ next }, partition) => next < logs[partition]!.length)) {
    const partition = below(2)
    const owner = owners[partition]!
    const step = below(10)
    if (step === 0) {
      zombies.push([owner, partition])
      owners[partition] = await begin(partition)
    } else if (step === 1 && zombies.length > 0) {
      const [zombie, of] = zombies[below(zombies.length)]!
      await deliver(zombie, of).catch(() => {})
    } else if (step < 5) {
      trouble = (['before', 'within', 'after'] as const)[below(3)]
      const isKilled = below(2) === 0
      await deliver(owner, partition).catch(() => {})
      trouble = undefined
      if (isKilled) owners[partition] = await begin(partition)
    } else await deliver(owner, partition)
  }
  runtime.jump(10 * MINUTE)
  for (const { reader } of owners) await reader.tick(() => true)
  return difference(
    logs.flat().map(({ message }) => message),
    published,
  )
}

/** In order but for 5 seconds of their time, some of it delivered again; the second partition falls silent early. */
function logOf(partition: number, below: (most: number) => number) {
  const messages: Message[] = []
  for (let n = 0; n < (partition === 0 ? LENGTH : LENGTH / 2); n++) {
    const seller = `s${partition}${below(3)}`
    const again = messages.length > 0 && below(10) === 0 ? messages[below(messages.length)] : undefined
    const data = JSON.stringify({ seller, cents: 1 + below(100) })
    const time = START + n * 2_000 + below(7_000)
    messages.push(
      again ?? {
        ...{ id: `${partition}-${n}`, source: 'tests', type: Sold.name, key: seller, time, schemaVersion: 1, correlationId: 'c' },
        ...{ causationId: undefined, traceparent: undefined, data },
      },
    )
  }
  return messages.map((message, at) => ({ message, partition, position: String(at) }))
}

function difference(messages: readonly Message[], published: readonly Message[]): string | undefined {
  const expected = new Map<string, number>()
  for (const { key, time, data } of new Map(messages.map((message) => [message.id, message])).values()) {
    const window = `${key} ${Math.floor(time / MINUTE) * MINUTE}`
    expected.set(window, (expected.get(window) ?? 0) + (JSON.parse(data) as { cents: number }).cents)
  }
  const lines = (all: Iterable<readonly [string, number]>): string =>
    [...all]
      .map((one) => one.join(' '))
      .toSorted()
      .join('\n')
  const told = published.map(({ data }) => {
    const { seller, from, cents } = JSON.parse(data) as { seller: string; from: number; cents: number }
    return [`${seller} ${from}`, cents] as const
  })
  return lines(told) === lines(expected) ? undefined : `told:\n${lines(told)}\nexpected:\n${lines(expected)}`
}

async function makeWorld(t: TestContext): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-schedules-'))
  const adapter = await testAdapter({ directory, runtime: realRuntime(), log: silentLogger() })
  const store = await adapter.open('sales', { migrations: MIGRATIONS })
  t.after(async () => {
    await store.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return { store }
}

const SEEDS = Number(process.env['DURE_STREAM_SEEDS'] ?? 8)

test('every schedule ends with each window told once, and right', { timeout: 600_000 }, async (t) => {
  const world = await makeWorld(t)
  for (let seed = 1; seed <= SEEDS; seed++) assert.equal(await runSeed(world, seed, 'as it is'), undefined, `seed ${seed}`)
})

for (const variant of VARIANTS)
  test(`found by a schedule: ${variant}`, { timeout: 600_000 }, async (t) => {
    const world = await makeWorld(t)
    for (let seed = 1; seed <= SEEDS; seed++) if ((await runSeed(world, seed, variant)) !== undefined) return
    assert.fail(`${SEEDS} schedules, and none found it`)
  })
