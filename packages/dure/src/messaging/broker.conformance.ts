import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Message } from '../contract/contract.ts'
import { assignmentConformance, epochConformance, positionConformance } from './assignment.conformance.ts'
import { boundsConformance, stopConformance } from './bounds.conformance.ts'
import type { Capabilities } from './capabilities.ts'
import { findConformance } from './find.conformance.ts'
import { queueConformance } from './queue.conformance.ts'
import { forgetConformance, persistenceConformance, replayConformance } from './replay.conformance.ts'
import { firsts, numberOf, until } from './numbered.conformance.ts'
import { collector, isCallError, withRig, type MakeBroker, type Rig } from './rig.conformance.ts'

export type { MakeBroker } from './rig.conformance.ts'
export { firsts, numbered, numberOf, publishAtLast, range, until, caughtUp } from './numbered.conformance.ts'
export {
  processConformance,
  type ConformanceServer,
  type ConnectModule,
  type MakeServer,
  type ProcessWorld,
} from './processes.conformance.ts'

/** Every way to lose some of four messages: published again and again until all are taken, each key has its order. */
export async function keepsKeyOrder(rig: Rig): Promise<void> {
  const { broker: b, topic } = rig
  const seen = collector()
  await b.subscribe({ group: 'g', topics: [topic], deliver: seen.deliver })
  const keys = ['a', 'b', 'a', 'a']
  for (let ways = 0; ways < 2 ** keys.length; ways++) {
    const messages = keys.map((key, n) => rig.message(`${key}${ways}`, n))
    rig.lose(messages.filter((_, n) => (ways & (1 << n)) !== 0))
    let taken = false
    for (let tries = 0; !taken && tries <= keys.length; tries++)
      taken = await b.publish(messages).then(
        () => true,
        (error: unknown) => !isCallError(error, 'UNAVAILABLE'),
      )
    assert.ok(taken, 'what is lost once each is taken at last')
    await until(() => messages.every(({ id }) => seen.ids.has(id)))
    assert.deepEqual(firsts(seen.deliveries, `a${ways}`), [0, 2, 3])
  }
}

/** A group's reader stops: unread grows, and so does the age of the first of it, until that is read. */
async function keepsAge(rig: Rig, { replay }: Capabilities): Promise<void> {
  const { broker: b, topic, runtime } = rig
  const { clock, timers } = runtime
  await b.declareTopic(topic, { partitions: 1 })
  const behind = async () => (await b.lag()).find((one) => one.group === 'g' && one.topic === topic)!
  const member = await b.subscribe({ group: 'g', topics: [topic], deliver: collector().deliver })
  await b.publish([rig.message('a', 1)])
  await until(async () => (await behind()).lag === 0)
  assert.equal((await behind()).since, undefined)
  await member.stop()
  const published: number[] = []
  for (const n of [2, 3]) {
    const before = clock.now()
    await b.publish([rig.message('a', n)])
    published.push(before)
    // Two messages of different times.
    await timers.sleep(20)
    const { lag, since = NaN } = await behind()
    // A server's clock may be cut to milliseconds where this one is not.
    assert.ok(
      since >= published[0]! - 1 && since <= published[0]! + 10_000 && lag === n - 1,
      `${since} of ${published[0]}, ${lag}`,
    )
    if (n === 3) assert.ok(since < before, 'the first that is unread counts')
  }
  if (replay) {
    // A group that was moved is behind since the first message that it has to read then.
    await b.seek({ group: 'g', topic, to: { time: published[1]! - 5 } })
    assert.ok((await behind()).since! >= published[1]! - 1)
    await b.seek({ group: 'g', topic, to: { time: published[0]! - 5 } })
    assert.ok((await behind()).since! < published[1]!)
  }
  let more = false
  await b.subscribe({
    ...{ group: 'g', topics: [topic], batch: 1 },
    deliver: async (batch) => {
      if (!more && batch.some(({ message }) => numberOf(message) === 3)) throw new Error('not now')
    },
  })
  await until(async () => ((await behind()).since ?? 0) >= published[1]! - 1)
  assert.equal((await behind()).lag, 1)
  more = true
  await until(async () => (await behind()).lag === 0)
  assert.equal((await behind()).since, undefined)
}

/**
 * Registers the cases that every Broker adapter has to pass with `node:test`; what it says it lacks is not tested.
 * @param capabilities those that the adapter has to tell of
 */
export function brokerConformance(name: string, makeBroker: MakeBroker, capabilities: Capabilities): void {
  const broker = (title: string, work: (rig: Rig) => Promise<void>): void => {
    test(`${name}: ${title}`, { timeout: 60_000 }, () => withRig(makeBroker, work))
  }

  broker('says what it can do', async ({ broker: b }) => {
    assert.deepEqual(b.capabilities, capabilities)
  })

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

  broker('a publish that fails leaves of each key a first part, so that publishing again keeps its order', keepsKeyOrder)

  if (capabilities.log) {
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
  } else {
    broker('brings to a group that comes later what is published from then on', async (rig) => {
      const { broker: b, topic } = rig
      await b.declareTopic(topic)
      await b.publish([rig.message('a', 1)])
      const late = collector()
      await b.subscribe({ group: 'late', topics: [topic], deliver: late.deliver })
      await b.publish([rig.message('a', 2)])
      await until(() => late.ids.size === 1)
      assert.deepEqual(firsts(late.deliveries, 'a'), [2])
    })
  }

  broker('a group that is declared after a restart gets what is published from then on', async (rig) => {
    const { topic } = rig
    for (const n of [1, 2]) {
      if (n === 2) await rig.restart()
      await rig.broker.declareGroup({ group: 'g', topics: [topic] })
      const message = rig.message('a', n)
      await rig.broker.publish([message])
      const seen = collector()
      await rig.broker.subscribe({ group: 'g', topics: [topic], deliver: seen.deliver })
      await until(() => seen.ids.has(message.id))
    }
  })

  broker(
    'a group that is declared misses nothing until it has a member, and keeps its place when it is declared again',
    async (rig) => {
      const { broker: b, topic } = rig
      await b.declareGroup({ group: 'g', topics: [topic] })
      await b.publish([rig.message('a', 1), rig.message('a', 2)])
      const unread = async (): Promise<number> =>
        (await b.lag()).filter(({ group, topic: of }) => group === 'g' && of === topic).reduce((sum, { lag }) => sum + lag, 0)
      assert.equal(await unread(), 2)
      const seen = collector()
      await b.subscribe({ group: 'g', topics: [topic], deliver: seen.deliver })
      await until(async () => seen.ids.size === 2 && (await unread()) === 0)
      await b.declareGroup({ group: 'g', topics: [topic] })
      assert.equal(await unread(), 0)
    },
  )

  broker('carries every field of a message unchanged', async (rig) => {
    const { broker: b, topic } = rig
    const sent: Message = {
      ...rig.message('ключ/鍵/🗝', 1),
      causationId: 'cause',
      initiator: 'ана',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      data: JSON.stringify({ text: 'línea\n\u2028 "quoted" \\ 🐘', nul: '\0' }),
      headers: { 'x-소속': 'équipe "a"', empty: '', ['__proto__']: 'a name like others' },
      contentType: 'application/json; charset=utf-8',
      replyTo: 'answers',
      sequence: 7,
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

  broker('a topic carries messages of several types', async (rig) => {
    const { broker: b, topic } = rig
    const seen = collector()
    await b.subscribe({ group: 'g', topics: [topic], deliver: seen.deliver })
    const sent = ['one', 'two'].map((type, n) => ({ ...rig.message('a', n), type: `${topic}.${type}`, topic }))
    await b.publish(sent)
    await until(() => seen.ids.size === 2)
    assert.deepEqual(
      seen.deliveries.map(({ message }) => message),
      sent,
    )
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
    for (const group of ['one', 'two']) await b.declareGroup({ group, topics: [topic] })
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
    // When others have what comes later, it would have come here as well.
    const last = rig.message('a', 4)
    const other = collector()
    await b.subscribe({ group: 'other', topics: [topic], deliver: other.deliver })
    await b.publish([last])
    await until(() => other.ids.has(last.id))
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
    const members = async (): Promise<number | undefined> => (await b.lag()).find(({ group }) => group === 'g')?.members
    assert.equal(await members(), 1)
    await subscription.stop()
    assert.equal(await members(), 0)
    await b.publish([rig.message('a', 2), rig.message('b', 3)])
    assert.equal(await lag(), 2)
    assert.ok((await b.retention(topic)) > 0)
    assert.equal(await b.retention(`${topic}.none`), await b.retention(topic))
  })

  if (capabilities.age) broker('tells since when a group that has stopped is behind', (rig) => keepsAge(rig, capabilities))

  boundsConformance(broker, capabilities)
  stopConformance(broker, capabilities)
  assignmentConformance(broker)
  forgetConformance(broker, capabilities)
  findConformance(broker, capabilities)
  if (capabilities.durable) {
    persistenceConformance(broker)
    epochConformance(broker)
  }
  if (capabilities.replay) {
    replayConformance(broker)
    positionConformance(broker)
  }
  if (capabilities.browse) {
    broker('shows messages without a group', async (rig) => {
      const { broker: b, topic } = rig
      await b.declareTopic(topic, { partitions: 1 })
      await b.publish(Array.from({ length: 5 }, (_, n) => rig.message('a', n)))
      const [, second] = await b.browse({ topic, partition: 0, limit: 2 })
      const found = await b.browse({ topic, partition: 0, after: second!.position, limit: 2 })
      await assert.rejects(b.browse({ topic, partition: 0, after: 'no position', limit: 2 }), (error) =>
        isCallError(error, 'OUT_OF_RANGE'),
      )
      assert.deepEqual(
        found.map(({ message }) => numberOf(message)),
        [2, 3],
      )
    })
  }
  if (capabilities.queues) queueConformance(broker, capabilities)
}
