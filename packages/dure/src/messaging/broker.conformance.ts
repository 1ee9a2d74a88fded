import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CallError, type Message } from '../contract/contract.ts'
import { realRuntime, type Runtime } from '../runtime/runtime.ts'
import { silentLogger, type Logger } from '../telemetry/telemetry.ts'
import type { Broker, Delivery } from './broker.ts'
import { queueConformance } from './queue.conformance.ts'
import { LIMITS } from './limits.ts'

/** What an adapter has; what it does not have is not tested. */
export type BrokerFeatures = {
  /** Groups can be moved to an offset, a time, the beginning or the end. */
  readonly replay: boolean
  /** What is published survives `stop` and a new start in the same directory. */
  readonly persistent: boolean
  readonly browse: boolean
  readonly queues: boolean
  /** Messages sent to a queue can be given a delay. */
  readonly delay: boolean
  /** Dead messages of queues can be listed, retried and discarded. */
  readonly dead: boolean
}

/** Makes the broker under test: called again with the same directory after a `stop`. Adapters to a server may use its name as a prefix. */
export type MakeBroker = (world: {
  readonly directory: string
  readonly runtime: Runtime
  readonly log: Logger
}) => Promise<Broker>

/** Registers the cases that every Broker adapter has to pass with `node:test`. */
export function brokerConformance(name: string, makeBroker: MakeBroker, features: BrokerFeatures): void {
  const broker = (title: string, work: (rig: Rig) => Promise<void>): void => {
    test(`${name}: ${title}`, { timeout: 60_000 }, () => withRig(makeBroker, work))
  }

  broker('keeps the order of every key under concurrent publishers', async (rig) => {
    const { broker: b, topic } = rig
    await b.declareTopic(topic)
    const seen = collector()
    await b.subscribe({ group: 'g', topics: [topic], batch: 7, deliver: seen.deliver })
    await Promise.all(
      Array.from({ length: 10 }, async (_, key) => {
        for (let n = 0; n < 30; n += 3) await b.publish([0, 1, 2].map((step) => rig.message(`k${key}`, n + step)))
      }),
    )
    await until(() => seen.ids.size === 300)
    for (let key = 0; key < 10; key++) {
      assert.deepEqual(
        firsts(seen.deliveries, `k${key}`),
        Array.from({ length: 30 }, (_, n) => n),
      )
    }
  })

  broker('brings everything to a group that comes later, unless it asks for the end', async (rig) => {
    const { broker: b, topic } = rig
    await b.publish([rig.message('a', 1), rig.message('b', 2)])
    const all = collector()
    const late = collector()
    await b.subscribe({ group: 'all', topics: [topic], deliver: all.deliver })
    await b.subscribe({ group: 'late', topics: [topic], from: 'end', deliver: late.deliver })
    await b.publish([rig.message('a', 3)])
    await until(() => all.ids.size === 3 && late.ids.size === 1)
    assert.deepEqual(
      late.deliveries.map(({ message }) => numberOf(message)),
      [3],
    )
  })

  broker('carries every field of a message unchanged', async (rig) => {
    const { broker: b, topic } = rig
    const sent: Message = {
      ...rig.message('ключ/鍵/🗝', 1),
      causationId: 'cause',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      data: JSON.stringify({ text: 'línea\n\u2028 "quoted" \\ 🐘', nul: '\0' }),
    }
    const bare = rig.message('plain', 2)
    const seen = collector()
    await b.subscribe({ group: 'g', topics: [topic], deliver: seen.deliver })
    await b.publish([sent, bare])
    await until(() => seen.ids.size === 2)
    const arrived = new Map(seen.deliveries.map(({ message }) => [message.id, message]))
    assert.deepEqual(arrived.get(sent.id), sent)
    assert.deepEqual(arrived.get(bare.id), bare)
  })

  broker('brings a rejected batch again, before what comes after it, and lets other partitions go on', async (rig) => {
    const { broker: b, topic } = rig
    await b.declareTopic(topic, { partitions: 4 })
    const errors: unknown[] = []
    const seen = collector()
    let failing = true
    let partitionOfBad: number | undefined
    let tries = 0
    await b.subscribe({
      group: 'g',
      topics: [topic],
      batch: 1,
      onError: (error) => void errors.push(error),
      deliver: async (batch, place) => {
        if (batch.some(({ message }) => message.key === 'bad')) partitionOfBad = place.partition
        if (place.partition === partitionOfBad && failing) {
          tries++
          throw new Error('not now')
        }
        await seen.deliver(batch)
      },
    })
    await b.publish([rig.message('bad', 1), rig.message('bad', 2)])
    await until(() => tries >= 2)
    await b.publish(Array.from({ length: 40 }, (_, n) => rig.message(`k${n}`, n)))
    // Every key that does not share the partition arrives while it is blocked.
    await until(() => seen.deliveries.length > 0)
    assert.ok(seen.deliveries.every(({ partition }) => partition !== partitionOfBad))
    failing = false
    await until(() => seen.ids.size === 42)
    assert.deepEqual(firsts(seen.deliveries, 'bad'), [1, 2])
    assert.ok(errors.length >= 2)
  })

  broker('hands over one batch of a partition at a time', async (rig) => {
    const { broker: b, topic } = rig
    await b.declareTopic(topic, { partitions: 2 })
    const open = new Map<number, number>()
    let most = 0
    let count = 0
    await b.subscribe({
      group: 'g',
      topics: [topic],
      batch: 3,
      deliver: async (batch, { partition }) => {
        open.set(partition, (open.get(partition) ?? 0) + 1)
        most = Math.max(most, open.get(partition)!)
        await rig.runtime.timers.sleep(1)
        open.set(partition, open.get(partition)! - 1)
        count += batch.length
      },
    })
    for (let n = 0; n < 40; n++) await b.publish([rig.message(`k${n}`, n)])
    await until(() => count >= 40)
    assert.equal(most, 1)
  })

  broker('lets two groups read independently', async (rig) => {
    const { broker: b, topic } = rig
    const one = collector()
    const two = collector()
    await b.publish([rig.message('a', 1)])
    await b.subscribe({ group: 'one', topics: [topic], deliver: one.deliver })
    await b.subscribe({
      group: 'two',
      topics: [topic],
      deliver: async (batch) => {
        if (two.ids.size === 0 && one.ids.size < 3) throw new Error('not yet')
        await two.deliver(batch)
      },
    })
    await b.publish([rig.message('a', 2), rig.message('a', 3)])
    await until(() => one.ids.size === 3 && two.ids.size === 3)
    assert.deepEqual(firsts(two.deliveries, 'a'), [1, 2, 3])
  })

  broker('shares partitions among the members of a group, and moves one only when its batch is settled', async (rig) => {
    const { broker: b, topic } = rig
    await b.declareTopic(topic, { partitions: 4 })
    const first = collector()
    const second = collector()
    let release = (): void => {}
    const held = new Promise<void>((resolve) => void (release = resolve))
    const member = await b.subscribe({
      group: 'g',
      topics: [topic],
      deliver: async (batch) => {
        if (first.ids.size === 0) await held
        await first.deliver(batch)
      },
    })
    await b.publish(Array.from({ length: 20 }, (_, n) => rig.message(`k${n}`, n)))
    const other = await b.subscribe({ group: 'g', topics: [topic], deliver: second.deliver })
    release()
    await until(() => first.ids.size + second.ids.size === 20)
    await b.publish(Array.from({ length: 20 }, (_, n) => rig.message(`k${n}`, 100 + n)))
    await until(() => new Set([...first.ids, ...second.ids]).size === 40)
    const both = [...first.deliveries, ...second.deliveries]
    for (let key = 0; key < 20; key++) assert.deepEqual(firsts(both, `k${key}`), [key, 100 + key])
    // The one that stays takes over what the other leaves.
    await member.stop()
    await b.publish(Array.from({ length: 20 }, (_, n) => rig.message(`k${n}`, 200 + n)))
    await until(() => Array.from({ length: 20 }, (_, n) => firsts(second.deliveries, `k${n}`).includes(200 + n)).every(Boolean))
    await other.stop()
  })

  broker('stop of a subscription waits for the batch in hand and gives out nothing more', async (rig) => {
    const { broker: b, topic } = rig
    let began = false
    let ended = false
    let batches = 0
    const subscription = await b.subscribe({
      group: 'g',
      topics: [topic],
      batch: 1,
      deliver: async () => {
        batches++
        began = true
        await rig.runtime.timers.sleep(20)
        ended = true
      },
    })
    await b.publish([rig.message('a', 1), rig.message('a', 2), rig.message('a', 3)])
    await until(() => began)
    await Promise.all([subscription.stop(), subscription.stop()])
    assert.equal(ended, true)
    const atStop = batches
    await b.publish([rig.message('a', 4)])
    await rig.runtime.timers.sleep(20)
    assert.equal(batches, atStop)
  })

  broker('tells the lag of every group', async (rig) => {
    const { broker: b, topic } = rig
    const seen = collector()
    const subscription = await b.subscribe({ group: 'g', topics: [topic], deliver: seen.deliver })
    const lag = async (): Promise<number> =>
      (await b.lag()).filter((one) => one.group === 'g' && one.topic === topic).reduce((sum, one) => sum + one.lag, 0)
    await b.publish([rig.message('a', 1)])
    await until(async () => seen.ids.size === 1 && (await lag()) === 0)
    await subscription.stop()
    await b.publish([rig.message('a', 2), rig.message('b', 3)])
    assert.equal(await lag(), 2)
  })

  broker('takes an empty list for nothing to do', async ({ broker: b }) => {
    await b.publish([])
  })

  broker('bounds what it takes, and takes none of a list with a bad message', async (rig) => {
    const { broker: b, topic } = rig
    const seen = collector()
    await b.subscribe({ group: 'g', topics: [topic], deliver: seen.deliver })
    const large = { ...rig.message('large', 1), data: JSON.stringify('x'.repeat(LIMITS.data - 2)) }
    await b.publish([large])
    await until(() => seen.ids.has(large.id))
    const refused: readonly Message[] = [
      { ...rig.message('too large', 2), data: JSON.stringify('x'.repeat(LIMITS.data)) },
      rig.message('k'.repeat(LIMITS.key + 1), 2),
      rig.message('half a pair \ud800', 2),
      { ...rig.message('no type', 2), type: '' },
      { ...rig.message('no time', 2), time: Number.NaN },
    ]
    for (const bad of refused) {
      await assert.rejects(b.publish([rig.message('good', 3), bad]), (error) => isCallError(error, 'INVALID_ARGUMENT'))
    }
    const last = rig.message('good', 4)
    await b.publish([last])
    await until(() => seen.ids.has(last.id))
    assert.deepEqual(firsts(seen.deliveries, 'good'), [4])
  })

  broker('takes any well-formed key', async (rig) => {
    const { broker: b, topic } = rig
    const keys = [
      '',
      ' ',
      'ä',
      '키',
      '🗝️',
      "'; DROP TABLE topics; --",
      'a\0b',
      'line\nbreak',
      'k'.repeat(LIMITS.key),
      '__proto__',
    ]
    const seen = collector()
    await b.subscribe({ group: 'g', topics: [topic], deliver: seen.deliver })
    for (const n of [1, 2]) await b.publish(keys.map((key) => rig.message(key, n)))
    await until(() => seen.ids.size === keys.length * 2)
    for (const key of keys) assert.deepEqual(firsts(seen.deliveries, key), [1, 2], `key ${JSON.stringify(key.slice(0, 20))}`)
  })

  broker('stops once, however often it is asked, and refuses work afterwards', async (rig) => {
    const { broker: b, topic } = rig
    const seen = collector()
    await b.subscribe({ group: 'g', topics: [topic], deliver: seen.deliver })
    const publishing = b.publish([rig.message('a', 1)])
    await Promise.all([b.stop(), b.stop(), publishing.catch(() => {})])
    await assert.rejects(b.publish([rig.message('a', 2)]), (error) => isCallError(error, 'UNAVAILABLE'))
  })

  if (features.persistent) persistence(broker)
  if (features.replay) replay(broker)
  if (features.browse) {
    broker('shows messages without a group', async (rig) => {
      const { broker: b, topic } = rig
      await b.declareTopic(topic, { partitions: 1 })
      await b.publish(Array.from({ length: 5 }, (_, n) => rig.message('a', n)))
      const found = await b.browse({ topic, partition: 0, from: 2, limit: 2 })
      assert.deepEqual(
        found.map(({ message }) => numberOf(message)),
        [2, 3],
      )
    })
  }
  if (features.queues) queueConformance(broker, features)
}

type Register = (title: string, work: (rig: Rig) => Promise<void>) => void

function persistence(broker: Register): void {
  broker('continues after a restart where the group had come to', async (rig) => {
    const { topic } = rig
    const before = collector()
    await rig.broker.subscribe({ group: 'g', topics: [topic], deliver: before.deliver })
    await rig.broker.publish(Array.from({ length: 20 }, (_, n) => rig.message(`k${n % 4}`, n)))
    await until(() => before.ids.size === 20)
    await rig.restart()
    const after = collector()
    await rig.broker.publish([rig.message('k0', 100)])
    await rig.broker.subscribe({ group: 'g', topics: [topic], deliver: after.deliver })
    await until(() => after.ids.size === 1)
    assert.deepEqual(firsts(after.deliveries, 'k0'), [100])
  })

  broker('keeps what nobody has read over a restart, and the number of partitions', async (rig) => {
    const { topic } = rig
    await rig.broker.declareTopic(topic, { partitions: 3 })
    await rig.broker.publish(Array.from({ length: 30 }, (_, n) => rig.message(`k${n % 10}`, n)))
    await rig.restart()
    await rig.broker.declareTopic(topic, { partitions: 16 })
    const seen = collector()
    await rig.broker.subscribe({ group: 'g', topics: [topic], deliver: seen.deliver })
    await until(() => seen.ids.size === 30)
    assert.ok(seen.deliveries.every(({ partition }) => partition < 3))
    for (let key = 0; key < 10; key++) assert.deepEqual(firsts(seen.deliveries, `k${key}`), [key, key + 10, key + 20])
  })
}

function replay(broker: Register): void {
  const readAll = async (rig: Rig, count: number): Promise<number[]> => {
    const seen = collector()
    const subscription = await rig.broker.subscribe({ group: 'g', topics: [rig.topic], deliver: seen.deliver })
    // The last message is a fence: when it has come, everything before it in the one partition has.
    const fence = rig.message('a', -1)
    await rig.broker.publish([fence])
    await until(() => seen.ids.has(fence.id) && seen.ids.size >= count)
    await subscription.stop()
    return seen.deliveries.map(({ message }) => numberOf(message)).filter((n) => n >= 0)
  }

  broker('replays from the beginning, an offset, a time, and skips to the end', async (rig) => {
    const { broker: b, topic, runtime } = rig
    await b.declareTopic(topic, { partitions: 1 })
    await b.publish([rig.message('a', 1), rig.message('a', 2)])
    await runtime.timers.sleep(5)
    const time = runtime.clock.now()
    await b.publish([rig.message('a', 3)])
    assert.deepEqual(await readAll(rig, 3), [1, 2, 3])
    const move = (to: Parameters<Broker['seek']>[0]['to']): Promise<void> => b.seek({ group: 'g', topic, to })
    await move('beginning')
    assert.deepEqual(await readAll(rig, 3), [1, 2, 3])
    const [, second] = await b.browse({ topic, partition: 0, from: 0, limit: 2 })
    await move({ partition: 0, offset: second!.offset })
    assert.deepEqual(await readAll(rig, 2), [2, 3])
    await move({ time })
    assert.deepEqual(await readAll(rig, 1), [3])
    await b.publish([rig.message('a', 4)])
    await move('end')
    assert.deepEqual(await readAll(rig, 0), [])
  })

  broker('refuses to move a group that is reading, or beyond what there is', async (rig) => {
    const { broker: b, topic } = rig
    await b.declareTopic(topic, { partitions: 1 })
    const subscription = await b.subscribe({ group: 'g', topics: [topic], deliver: async () => {} })
    await assert.rejects(b.seek({ group: 'g', topic, to: 'beginning' }), (error) => isCallError(error, 'FAILED_PRECONDITION'))
    await subscription.stop()
    for (const to of [
      { partition: 0, offset: 10 },
      { partition: 0, offset: -1 },
      { partition: 5, offset: 0 },
    ]) {
      await assert.rejects(b.seek({ group: 'g', topic, to }), (error) => isCallError(error, 'OUT_OF_RANGE'))
    }
    await assert.rejects(b.seek({ group: 'g', topic: `${topic}.none`, to: 'end' }), (error) => isCallError(error, 'NOT_FOUND'))
  })
}

/** A broker under test, and what a case needs around it. */
export type Rig = {
  readonly broker: Broker
  readonly runtime: Runtime
  /** Names that no other case uses. */
  readonly topic: string
  readonly queue: string
  /** Stops the broker and makes it again on the same data: read `rig.broker` afresh afterwards. */
  readonly restart: () => Promise<void>
  readonly message: (key: string, n: number) => Message
  readonly job: (n: number) => Message
}

let cases = 0

async function withRig(makeBroker: MakeBroker, work: (rig: Rig) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'dure-broker-'))
  const runtime = realRuntime()
  const world = { directory, runtime, log: silentLogger() }
  const unique = `${directory.slice(-6)}.${cases++}`
  let broker = await makeBroker(world)
  const make = (type: string, key: string, n: number): Message => ({
    id: runtime.ids.next(),
    source: 'conformance',
    type,
    key,
    time: runtime.clock.now(),
    schemaVersion: 1,
    correlationId: 'correlation',
    causationId: undefined,
    traceparent: undefined,
    data: JSON.stringify({ n }),
  })
  const topic = `topic.${unique}`
  const queue = `queue.${unique}`
  try {
    await work({
      get broker() {
        return broker
      },
      runtime,
      topic,
      queue,
      restart: async () => {
        await broker.stop()
        broker = await makeBroker(world)
      },
      message: (key, n) => make(topic, key, n),
      job: (n) => make(queue, '', n),
    })
  } finally {
    await broker.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

export type Collector = {
  readonly deliveries: Delivery[]
  readonly ids: Set<string>
  readonly deliver: (batch: readonly Delivery[]) => Promise<void>
}

/** Keeps what is delivered, and when each message came first. */
export function collector(): Collector {
  const deliveries: Delivery[] = []
  const ids = new Set<string>()
  return {
    deliveries,
    ids,
    deliver: async (batch) => {
      for (const delivery of batch) {
        deliveries.push(delivery)
        ids.add(delivery.message.id)
      }
    },
  }
}

/** The numbers of a key's messages in the order in which each came for the first time. */
function firsts(deliveries: readonly Delivery[], key: string): number[] {
  const seen = new Set<string>()
  const numbers: number[] = []
  for (const { message } of deliveries) {
    if (message.key !== key || seen.has(message.id)) continue
    seen.add(message.id)
    numbers.push(numberOf(message))
  }
  return numbers
}

export function numberOf(message: Message): number {
  return (JSON.parse(message.data) as { n: number }).n
}

export function isCallError(error: unknown, code: CallError['code']): boolean {
  assert.ok(error instanceof CallError, `Expected a CallError, got ${String(error)}`)
  assert.equal(error.code, code, error.message)
  return true
}

/** Waits for a condition; the case's own timeout is the bound. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  // A timer that keeps the process alive, unlike those of the runtime: a case must not end for want of other work.
  while (!(await condition())) await new Promise((resolve) => void setTimeout(resolve, 2))
}
