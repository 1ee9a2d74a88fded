import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { missingServer, startLocalServer, type LocalServer } from '@dure/testing/servers'
import type { Delivery } from 'dure/messaging'
import fc from 'fast-check'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { startNatsProxy } from './proxy.test-support.ts'
import {
  caughtUp,
  firsts,
  freshPrefix,
  message,
  numberOf,
  openBroker,
  publishAtLast,
  range,
  until,
} from './world.test-support.ts'

const topic = 'orders'

describe('nats, when something fails', { skip: missingServer('nats'), timeout: 120_000 }, () => {
  let server: LocalServer
  before(async () => {
    server = await startLocalServer('nats')
  })
  after(() => server.close())

  for (const trouble of ['killed', 'frozen'] as const) {
    test(`a server that is ${trouble} under load loses nothing that it took, and the order of keys holds`, async (t) => {
      const broker = await openBroker({ servers: server.url, prefix: freshPrefix(), timeout: 1_000 })
      t.after(() => broker.stop({ timeout: 2_000 }))
      await broker.declareTopic(topic, { partitions: 4 })
      const came: Delivery[] = []
      await broker.subscribe({
        group: 'g',
        topics: [topic],
        batch: 16,
        onError: () => {},
        deliver: async (batch) => void came.push(...batch),
      })
      let published = 0
      const publishing = Promise.all(
        range(8).map(async (key) => {
          for (let n = 0; n < 60; n += 3) {
            await publishAtLast(
              broker,
              [0, 1, 2].map((step) => message(topic, `k${key}`, n + step)),
            )
            published += 3
          }
        }),
      )
      for (const at of [60, 200]) {
        await until(() => published > at)
        if (trouble === 'killed') {
          await server.crash()
          await server.start()
        } else {
          server.freeze()
          await new Promise((resolve) => void setTimeout(resolve, 1_500))
          server.thaw()
        }
      }
      await publishing
      await until(() => range(8).every((key) => firsts(came, `k${key}`).length === 60))
      for (const key of range(8)) assert.deepEqual(firsts(came, `k${key}`), range(60))
      await caughtUp(broker)
    })
  }

  test('whatever is lost or cut on the way, publishing again keeps the order of keys', async (t) => {
    const proxy = await startNatsProxy(server.port)
    t.after(() => proxy.close())
    const prefix = freshPrefix()
    const through = await openBroker({ servers: proxy.url, prefix, timeout: 150 })
    const direct = await openBroker({ servers: server.url, prefix })
    t.after(() => Promise.all([through.stop({ timeout: 500 }), direct.stop()]))
    await direct.declareTopic(topic, { partitions: 2 })
    const came: Delivery[] = []
    await direct.subscribe({ group: 'g', topics: [topic], deliver: async (batch) => void came.push(...batch) })
    let runs = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 80 }),
        fc.array(fc.nat({ max: 79 }), { maxLength: 5 }),
        fc.option(fc.nat({ max: 40_000 })),
        async (keys, lost, cutAfter) => {
          const run = runs++
          const list = keys.map((key, n) => message(topic, `${key}${run}`, n))
          const losing = new Set(lost.flatMap((at) => list[at]?.id ?? []))
          // Each is lost once.
          const isLost = (frame: Buffer) => losing.delete([...losing].find((id) => frame.includes(`ce-id: ${id}`)) ?? '')
          proxy.fate = (frame) => (isLost(frame) ? 'lost' : 'passes')
          void proxy.cutAfter(cutAfter ?? Infinity)
          await publishAtLast(through, list)
          void proxy.cutAfter(Infinity)
          for (const key of new Set(list.map((one) => one.key))) {
            const sent = list.filter((one) => one.key === key).map(numberOf)
            await until(() => firsts(came, key).length === sent.length)
            assert.deepEqual(firsts(came, key), sent)
          }
        },
      ),
      { numRuns: 40 },
    )
  })

  test('a connection that is cut while a batch is in hand brings nothing out of order, and nothing is missing', async (t) => {
    const proxy = await startNatsProxy(server.port)
    t.after(() => proxy.close())
    const prefix = freshPrefix()
    const through = await openBroker({ servers: proxy.url, prefix })
    const direct = await openBroker({ servers: server.url, prefix })
    t.after(() => Promise.all([through.stop({ timeout: 500 }), direct.stop()]))
    await direct.declareTopic(topic, { partitions: 1 })
    const came: Delivery[] = []
    await through.subscribe({
      ...{ group: 'g', topics: [topic], batch: 7, onError: () => {} },
      deliver: async (batch) => {
        await new Promise((resolve) => void setTimeout(resolve, 2))
        came.push(...batch)
      },
    })
    for (const n of range(300)) {
      await direct.publish([message(topic, 'a', n)])
      if (n % 60 === 30) proxy.cut()
    }
    await until(() => firsts(came, 'a').length === 300)
    assert.deepEqual(firsts(came, 'a'), range(300))
  })

  test('who is cut off loses its partitions, and what it acknowledges later does nothing', async (t) => {
    const proxy = await startNatsProxy(server.port)
    t.after(() => proxy.close())
    const prefix = freshPrefix()
    const zombie = await openBroker({ servers: proxy.url, prefix, timeout: 500 })
    const healthy = await openBroker({ servers: server.url, prefix })
    t.after(() => Promise.all([zombie.stop({ timeout: 500 }), healthy.stop()]))
    await healthy.declareTopic(topic, { partitions: 1 })
    await healthy.publish(range(5).map((n) => message(topic, 'a', n)))
    const epochs: number[] = []
    const inHand = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    const told: string[] = []
    await zombie.subscribe({
      ...{ group: 'g', topics: [topic], onError: () => {} },
      assigned: async ({ epoch }) => void epochs.push(epoch),
      revoked: async () => void told.push('revoked'),
      deliver: async () => {
        inHand.resolve()
        await release.promise
      },
    })
    await inHand.promise
    proxy.hold(true)
    const later: number[] = []
    const second = Promise.withResolvers<void>()
    const successor = await healthy.subscribe({
      ...{ group: 'g', topics: [topic], onError: () => {} },
      assigned: async ({ epoch }) => void epochs.push(epoch),
      deliver: async (batch) => {
        later.push(...batch.map((one) => numberOf(one.message)))
        await second.promise
        throw new Error('it could not')
      },
    })
    await until(() => later.length > 0)
    assert.equal(later[0], 0)
    assert.ok(epochs[1]! > epochs[0]!, epochs.join())
    // The late one comes back and acknowledges all of it.
    proxy.hold(false)
    release.resolve()
    await until(() => epochs.length >= 2)
    await new Promise((resolve) => void setTimeout(resolve, 300))
    const unread = async (): Promise<number> => (await healthy.lag()).reduce((sum, { lag }) => sum + lag, 0)
    assert.equal(await unread(), 5)
    second.resolve()
    await successor.stop()
    assert.equal(await unread(), 5)
    assert.deepEqual(told, [], 'who has lost a partition is not asked for it')
  })

  test('a partition moves between two processes when its batch has settled, and no message comes twice', async (t) => {
    const prefix = freshPrefix()
    const brokers = await Promise.all([1, 2].map(() => openBroker({ servers: server.url, prefix })))
    t.after(() => Promise.all(brokers.map((one) => one.stop())))
    await brokers[0]!.declareTopic(topic, { partitions: 4 })
    const came: Delivery[] = []
    const held = new Map<number, number>()
    const wrong: string[] = []
    const member = (who: number) =>
      brokers[who]!.subscribe({
        ...{ group: 'g', topics: [topic], batch: 5 },
        assigned: async ({ partition }) => {
          if (held.has(partition)) wrong.push(`${partition} is ${who}'s while it is ${held.get(partition)}'s`)
          held.set(partition, who)
        },
        revoked: async ({ partition }) => void held.delete(partition),
        deliver: async (batch, { partition }) => {
          if (held.get(partition) !== who) wrong.push(`${partition} brings to ${who}`)
          await new Promise((resolve) => void setTimeout(resolve, 3))
          came.push(...batch)
        },
      })
    await member(0)
    const publishing = Promise.all(
      range(10).map(async (key) => {
        for (const n of range(40)) await brokers[key % 2]!.publish([message(topic, `k${key}`, n)])
      }),
    )
    await until(() => came.length > 40)
    const late = await member(1)
    await until(() => [...held.values()].filter((who) => who === 1).length === 2)
    await late.stop()
    await publishing
    await until(() => range(10).every((key) => firsts(came, `k${key}`).length === 40))
    for (const key of range(10)) assert.deepEqual(firsts(came, `k${key}`), range(40))
    assert.equal(came.length, 400)
    assert.deepEqual(wrong, [])
  })

  test('work of a receiver that was cut off comes to another one, and a slow one keeps its own', async (t) => {
    const proxy = await startNatsProxy(server.port)
    t.after(() => proxy.close())
    const prefix = freshPrefix()
    const gone = await openBroker({ servers: proxy.url, prefix, timeout: 500 })
    const other = await openBroker({ servers: server.url, prefix })
    t.after(() => Promise.all([gone.stop({ timeout: 100 }), other.stop()]))
    const inHand = Promise.withResolvers<void>()
    await gone.receive({
      ...{ queue: 'mail', concurrency: 1, onError: () => {} },
      handle: async () => {
        inHand.resolve()
        await new Promise<never>(() => {})
      },
    })
    await other.send([message('mail', '', 1)])
    await inHand.promise
    proxy.hold(true)
    const done: number[] = []
    let runs = 0
    await other.receive({
      queue: 'mail',
      handle: async (job) => {
        runs++
        // Longer than the server waits for an acknowledgement.
        await new Promise((resolve) => void setTimeout(resolve, 2_500))
        done.push(numberOf(job))
      },
    })
    await until(() => done.length === 1)
    assert.deepEqual([done, runs], [[1], 1])
    await caughtUp(other)
  })

  test('a stream that is deleted under its readers is told, not passed over; a deleted consumer of a queue is made again', async (t) => {
    const prefix = freshPrefix()
    const [reader, writer] = await Promise.all([1, 2].map(() => openBroker({ servers: server.url, prefix })))
    t.after(() => Promise.all([reader!.stop({ timeout: 500 }), writer!.stop()]))
    const nc = await connect({ servers: server.url })
    t.after(() => nc.close())
    const jsm = await jetstreamManager(nc)
    await reader!.declareTopic(topic, { partitions: 1 })
    const errors: string[] = []
    const came: Delivery[] = []
    await reader!.subscribe({
      ...{ group: 'g', topics: [topic], onError: (error) => void errors.push(String(error)) },
      deliver: async (batch) => void came.push(...batch),
    })
    await writer!.publish(range(10).map((n) => message(topic, 'a', n)))
    await until(() => came.length === 10)
    await jsm.streams.delete(`${prefix}-topic-${topic}`)
    await publishAtLast(writer!, [message(topic, 'a', 10)])
    await until(() => errors.some((error) => /was deleted and made again .* start this process again/.test(error)))

    const done: number[] = []
    await reader!.receive({ queue: 'mail', handle: async (job) => void done.push(numberOf(job)) })
    await jsm.consumers.delete(`${prefix}-queue-mail`, 'work')
    await writer!.send([message('mail', '', 1)])
    await until(() => done.length === 1)
  })
})
