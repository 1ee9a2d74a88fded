import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message } from '../../../contract/contract.ts'
import { caughtUp, firsts, numberOf, until } from '../../numbered.conformance.ts'
import { collector, isCallError } from '../../rig.conformance.ts'
import { BATCH_SIZE } from './pack.ts'
import { makeWorld, runtime } from './world.test-support.ts'

const message = (key: string, n: number, pad = ''): Message => ({
  id: runtime.ids.next(),
  source: 'test',
  type: 'topic',
  key,
  time: runtime.clock.now(),
  schemaVersion: 1,
  correlationId: 'c',
  causationId: undefined,
  traceparent: undefined,
  data: JSON.stringify({ n, pad }),
})
const job = (n: number): Message => ({ ...message('', n), type: 'queue' })
const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, n) => from + n)

test('a frozen client loses its partitions with the batch in hand, and what it settles later counts for nothing', async (t) => {
  const world = await makeWorld(t)
  const [one, two] = [world.connect(), world.connect()]
  const taken: number[] = []
  let finish = (): void => {}
  const held = new Promise<void>((resolve) => void (finish = resolve))
  await one.broker.subscribe({
    group: 'g',
    topics: ['topic'],
    batch: 2,
    deliver: async (batch) => {
      taken.push(...batch.map(({ message: m }) => numberOf(m)))
      await held
      // All that it had in hand has failed, as far as it knows: the broker must not listen.
      throw new Error('too late')
    },
  })
  await one.broker.publish([message('a', 1), message('a', 2), message('a', 3)])
  await until(() => taken.length === 2)
  one.wire.freeze()
  const seen = collector()
  await two.broker.subscribe({ group: 'g', topics: ['topic'], batch: 2, deliver: seen.deliver })
  await until(() => seen.ids.size === 3)
  assert.deepEqual(
    seen.deliveries.map(({ message: m }) => numberOf(m)),
    [1, 2, 3],
  )
  one.wire.thaw()
  finish()
  // It joins again, by itself, and takes over when the other leaves.
  await until(() => one.wire.asked('open') === 2 && one.wire.asked('subscribe') === 2)
  await two.broker.publish([message('a', 4)])
  await until(() => seen.ids.size === 4 || taken.includes(4))
})

test('what a frozen member had goes to another in a later epoch, and what it is given back in one later still', async (t) => {
  const world = await makeWorld(t)
  const [one, two] = [world.connect(), world.connect()]
  const told: string[] = []
  const epochs: number[] = []
  const member = (name: string) => ({
    group: 'g',
    topics: ['topic'],
    deliver: async () => {},
    assigned: async ({ epoch }: { readonly epoch: number }) => {
      told.push(`${name} has it`)
      epochs.push(epoch)
    },
    revoked: async () => void told.push(`${name} gives it back`),
  })
  await one.broker.declareTopic('topic', { partitions: 1 })
  await one.broker.subscribe(member('one'))
  await until(() => told.length === 1)
  one.wire.freeze()
  const other = await two.broker.subscribe(member('two'))
  await until(() => told.includes('two has it'))
  one.wire.thaw()
  await until(() => one.wire.asked('subscribe') === 2)
  await other.stop()
  await until(() => told.filter((what) => what === 'one has it').length === 2)
  // It was lost, and so not given back.
  assert.deepEqual(told, ['one has it', 'two has it', 'two gives it back', 'one has it'])
  assert.deepEqual(
    epochs,
    [...new Set(epochs)].toSorted((a, z) => a - z),
  )
})

test('a stream that has been open for long is left for a fresh one, and nothing comes twice', async (t) => {
  const world = await makeWorld(t)
  const late: (() => void)[] = []
  const { timers } = runtime
  const after: typeof timers.after = (ms, work) => {
    if (ms > 600_000) late.push(work)
    return timers.after(ms, work)
  }
  const { broker, wire } = world.connect(10_000, { ...runtime, timers: { ...timers, after } })
  const seen = collector()
  await broker.subscribe({ group: 'g', topics: ['topic'], deliver: seen.deliver })
  await broker.publish([message('a', 1)])
  await until(() => seen.deliveries.length === 1)
  for (const turn of late.splice(0)) turn()
  await until(() => wire.asked('deliveries') === 2)
  await broker.publish([message('a', 2)])
  await until(() => seen.deliveries.length === 2)
  assert.deepEqual(firsts(seen.deliveries, 'a'), [1, 2])
  assert.equal(wire.asked('open'), 1)
})

test('a client whose connection breaks for good is gone soon; one that comes back at once keeps what it has', async (t) => {
  const world = await makeWorld(t)
  const [one, two] = [world.connect(), world.connect()]
  let finish = (): void => {}
  const held = new Promise<void>((resolve) => void (finish = resolve))
  const first = collector()
  let batches = 0
  await one.broker.subscribe({
    group: 'g',
    topics: ['topic'],
    deliver: async (batch) => {
      batches++
      if (batches === 1) await held
      await first.deliver(batch)
    },
  })
  await one.broker.publish([message('a', 1)])
  await until(() => batches === 1)
  one.wire.cut()
  one.wire.mend()
  await until(() => one.wire.asked('deliveries') === 2)
  finish()
  await one.broker.publish([message('a', 2)])
  await until(() => first.ids.size === 2)
  assert.equal(first.deliveries.length, 2, 'what it had in hand did not come twice')
  assert.equal(one.wire.asked('open'), 1)

  one.wire.cut()
  const second = collector()
  await two.broker.subscribe({ group: 'g', topics: ['topic'], deliver: second.deliver })
  await two.broker.publish([message('a', 3)])
  await until(() => second.ids.size === 1)
})

test('an answer to settling that is lost does no harm', async (t) => {
  const world = await makeWorld(t)
  const { broker, wire } = world.connect()
  const seen = collector()
  await broker.subscribe({ group: 'g', topics: ['topic'], batch: 1, deliver: seen.deliver })
  wire.loseAnswer('settle')
  await broker.publish(range(5).map((n) => message('a', n)))
  await until(() => seen.ids.size === 5)
  await caughtUp(broker)
  assert.equal(seen.deliveries.length, 5)
})

test('a publish whose answer is lost is made again, in its place, with the same ids', async (t) => {
  const world = await makeWorld(t)
  const { broker, wire } = world.connect()
  const seen = collector()
  await broker.subscribe({ group: 'g', topics: ['topic'], deliver: seen.deliver })
  wire.loseAnswer('publish')
  const first = broker.publish([message('a', 1)])
  await until(() => wire.asked('publish') === 1)
  await Promise.all([first, broker.publish([message('a', 2)]), broker.publish([message('a', 3)])])
  await until(() => seen.deliveries.length === 4)
  assert.deepEqual(firsts(seen.deliveries, 'a'), [1, 2, 3])
  assert.equal(seen.ids.size, 3)
})

test('what is published in one turn goes in one call, and one that is refused does not spoil it for the others', async (t) => {
  const world = await makeWorld(t)
  const { broker, wire } = world.connect()
  await Promise.all(range(200).map((n) => broker.publish([message('a', n)])))
  assert.equal(wire.asked('publish'), 1)
  const results = await Promise.allSettled([
    broker.publish([message('a', 1)]),
    broker.publish([{ ...message('a', 2), type: 'no\0topic' }]),
    broker.publish([message('a', 3)]),
  ])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
})

test('what is published is what was handed in, whatever becomes of it afterwards', async (t) => {
  const world = await makeWorld(t)
  const { broker } = world.connect()
  const seen = collector()
  await broker.subscribe({ group: 'g', topics: ['topic'], deliver: seen.deliver })
  const own = [{ ...message('a', 1) }]
  const published = broker.publish(own)
  own[0]!.key = 'changed'
  own.length = 0
  await published
  await until(() => seen.ids.size === 1)
  assert.equal(seen.deliveries[0]!.message.key, 'a')
})

test('who cannot reach the broker is told when patience is over, and not before', async (t) => {
  const world = await makeWorld(t)
  const { broker, wire } = world.connect(150)
  wire.cut()
  const refused = Promise.all([
    assert.rejects(broker.publish([message('a', 1)]), (error) => isCallError(error, 'UNAVAILABLE')),
    assert.rejects(broker.lag(), (error) => isCallError(error, 'UNAVAILABLE')),
    assert.rejects(broker.subscribe({ group: 'g', topics: ['topic'], deliver: async () => {} }), (error) =>
      isCallError(error, 'UNAVAILABLE'),
    ),
  ])
  await refused
  const patient = world.connect()
  patient.wire.cut()
  const published = patient.broker.publish([message('a', 2)])
  // It has been tried in vain, and more than once.
  await until(() => patient.wire.asked('publish') >= 3)
  patient.wire.mend()
  await published
})

test('a broker that starts again under load loses nothing and keeps the order of every key', { timeout: 60_000 }, async (t) => {
  const world = await makeWorld(t)
  const publisher = world.connect()
  const consumers = [world.connect(), world.connect()]
  const seen = collector()
  const work = new Map<number, number>()
  await publisher.broker.declareTopic('topic', { partitions: 4 })
  for (const { broker } of consumers) {
    await broker.subscribe({ group: 'g', topics: ['topic'], batch: 8, deliver: seen.deliver })
    await broker.receive({ queue: 'queue', handle: async (m) => void work.set(numberOf(m), (work.get(numberOf(m)) ?? 0) + 1) })
  }
  const keys = range(10)
  const publishing = Promise.all(
    keys.map(async (key) => {
      for (const n of range(60)) {
        await publisher.broker.publish([message(`k${key}`, n)])
        if (key === 0) await publisher.broker.send([job(n)])
      }
    }),
  )
  for (const count of [100, 250, 400]) {
    await until(() => seen.ids.size >= count)
    await world.restart()
  }
  await publishing
  await until(() => seen.ids.size === 600 && work.size === 60)
  for (const key of keys) assert.deepEqual(firsts(seen.deliveries, `k${key}`), range(60))
  await until(async () => (await publisher.broker.lag()).every(({ lag }) => lag === 0))
})

test('a batch that is too large to travel at once comes in parts, and what is done of it does not come again', async (t) => {
  const world = await makeWorld(t)
  const { broker } = world.connect()
  const pad = 'x'.repeat(BATCH_SIZE / 3)
  const sizes: number[] = []
  const seen = collector()
  let failing = true
  await world.inside().publish(range(10).map((n) => message('a', n, pad)))
  await broker.subscribe({
    group: 'g',
    topics: ['topic'],
    deliver: async (batch) => {
      sizes.push(batch.length)
      if (failing && batch.some(({ message: m }) => numberOf(m) === 5)) {
        failing = false
        throw new Error('not now')
      }
      await seen.deliver(batch)
    },
  })
  await until(() => seen.ids.size === 10)
  assert.deepEqual(
    seen.deliveries.map(({ message: m }) => numberOf(m)),
    range(10),
  )
  assert.deepEqual(sizes, [2, 2, 2, 2, 2, 2])
  // One list that is larger than a call may be: published in order all the same.
  await broker.publish(range(10, 10).map((n) => message('a', n, pad)))
  await until(() => seen.ids.size === 20)
  assert.deepEqual(firsts(seen.deliveries, 'a'), range(20))
})

test('a member that leaves while the broker cannot be reached leaves nothing behind that swallows messages', async (t) => {
  const world = await makeWorld(t)
  const { broker, wire } = world.connect(100)
  const seen = collector()
  const leaving = await broker.subscribe({ group: 'g', topics: ['topic'], deliver: async () => {} })
  await broker.subscribe({ group: 'other', topics: ['topic'], deliver: seen.deliver })
  wire.cut()
  await leaving.stop()
  wire.mend()
  await until(() => wire.asked('open') >= 2)
  const inside = collector()
  await world.inside().subscribe({ group: 'g', topics: ['topic'], deliver: inside.deliver })
  await world.inside().publish([message('a', 1)])
  await until(() => inside.ids.size === 1 && seen.ids.size === 1)
})

test('a member that was given up while it joined does not keep others from its partitions', async (t) => {
  const world = await makeWorld(t, 5_000)
  const { broker, wire } = world.connect(50)
  await broker.subscribe({ group: 'other', topics: ['topic'], deliver: async () => {} })
  wire.loseAnswer('subscribe')
  const joining = assert.rejects(
    broker.subscribe({ group: 'g', topics: ['topic'], deliver: async () => assert.fail() }),
    (error) => isCallError(error, 'UNAVAILABLE'),
  )
  await until(async () => (await world.inside().lag()).some(({ group }) => group === 'g'))
  wire.cut()
  await joining
  wire.mend()
  const seen = collector()
  await world.inside().subscribe({ group: 'g', topics: ['topic'], deliver: seen.deliver })
  await world.inside().publish([message('a', 1)])
  await until(() => seen.ids.size === 1)
})

test('with a client that dies its work of a queue goes to others', async (t) => {
  const world = await makeWorld(t)
  const [one, two] = [world.connect(), world.connect()]
  const taken: string[] = []
  let began = 0
  let finish = (): void => {}
  const held = new Promise<void>((resolve) => void (finish = resolve))
  await one.broker.receive({
    queue: 'queue',
    handle: async () => {
      began++
      await held
    },
  })
  await one.broker.send([job(1)])
  await until(() => began === 1)
  one.wire.cut()
  await two.broker.receive({ queue: 'queue', handle: async ({ id }) => void taken.push(id) })
  await until(() => taken.length === 1)
  finish()
})
