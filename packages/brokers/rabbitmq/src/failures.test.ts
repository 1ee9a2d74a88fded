import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { missingServer, startLocalServer, type LocalServer } from '@dure/testing/servers'
import { startProxy as startPlainProxy } from '@dure/testing/servers'
import type { Broker, Delivery } from 'dure/messaging'
import { CODE, COMMAND, frame, text, u16 } from './frames.ts'
import { startProxy } from './proxy.test-support.ts'
import { at, firsts, message, numberOf, openBroker, publishAtLast, range, until, caughtUp } from './world.test-support.ts'

const topic = 'orders'

describe('rabbitmq, when something fails', { skip: missingServer('rabbitmq'), timeout: 180_000 }, () => {
  let server: LocalServer
  before(async () => {
    server = await startLocalServer('rabbitmq')
  })
  after(() => server.close())

  const lagOf = async (broker: Broker, name: string): Promise<number> =>
    (await broker.lag()).filter((one) => one.topic === name).reduce((sum, { lag }) => sum + lag, 0)

  for (const trouble of ['killed', 'standing still'] as const)
    test(`a server that is ${trouble} under load loses nothing that it took, and the order of keys holds`, async (t) => {
      const broker = await openBroker({ ...at(server), timeout: 2_000 })
      t.after(() => broker.stop({ timeout: 2_000 }))
      await broker.declareTopic(topic, { partitions: 4 })
      const [came, done]: [Delivery[], Set<number>] = [[], new Set()]
      await broker.subscribe({
        ...{ group: 'g', topics: [topic], batch: 16, onError: () => {} },
        deliver: async (batch) => void came.push(...batch),
      })
      await broker.receive({ queue: 'jobs', onError: () => {}, handle: async (job) => void done.add(numberOf(job)) })
      // Who is at work for a stream or queue the server writes down a moment after it has made it: killed before that, it does not find them.
      await broker.send([message('jobs', '', 0)])
      await server.stop()
      await server.start()
      let published = 0
      const publishing = Promise.all(
        range(8).map(async (key) => {
          for (let n = 0; n < 60; n += 3) {
            const list = [0, 1, 2].map((step) => message(topic, `k${key}`, n + step))
            await publishAtLast(broker, list)
            published += 3
          }
        }),
      )
      const sendAtLast = async (n: number): Promise<void> => {
        const sent = await broker.send([message('jobs', '', n)]).then(
          () => true,
          () => false,
        )
        if (!sent) await new Promise((resolve) => void setTimeout(resolve, 50)).then(() => sendAtLast(n))
      }
      const sending = (async () => {
        for (const n of range(60)) await sendAtLast(n)
      })()
      await until(() => published > 100)
      if (trouble === 'killed') {
        await server.crash()
        await server.start()
      } else {
        server.freeze()
        await new Promise((resolve) => void setTimeout(resolve, 3_000))
        server.thaw()
      }
      await Promise.all([publishing, sending])
      await until(() => range(8).every((key) => firsts(came, `k${key}`).length === 60) && done.size === 60)
      for (const key of range(8)) assert.deepEqual(firsts(came, `k${key}`), range(60))
      await caughtUp(broker)
    })

  test('a publish whose answer is lost says that it may be done or not, and may be published again', async (t) => {
    const proxy = await startProxy(server.ports['stream']!)
    const broker = await openBroker({ ...at(server), streamPort: proxy.port })
    t.after(() => broker.stop().then(proxy.close))
    await broker.declareTopic(topic, { partitions: 1 })
    const messages = range(5).map((n) => message(topic, 'a', n))
    proxy.fate = (text) => (text.includes(messages[0]!.id) ? 'cut after' : 'goes')
    await assert.rejects(broker.publish(messages), { code: 'UNAVAILABLE', message: /whether it took that is not known/ })
    proxy.fate = () => 'goes'
    await publishAtLast(broker, messages)
    const there = await broker.browse({ topic, partition: 0, limit: 100 })
    assert.deepEqual(firsts(there, 'a'), range(5))
    assert.equal(there.length, 10)
  })

  test('a member that is cut off loses its partition, and what it settles later moves nothing', async (t) => {
    const proxy = await startPlainProxy({ to: server.ports['stream']! })
    const own = at(server)
    const zombie = await openBroker({ ...own, streamPort: proxy.port, timeout: 1_000 })
    const healthy = await openBroker(own)
    t.after(() => Promise.all([zombie.stop({ timeout: 500 }), healthy.stop()]).then(proxy.close))
    await healthy.declareTopic(topic, { partitions: 1 })
    await healthy.publish(range(5).map((n) => message(topic, 'a', n)))
    const epochs: number[] = []
    const [inHand, release, settled] = range(3).map(() => Promise.withResolvers<void>())
    await zombie.subscribe({
      ...{ group: 'g', topics: [topic], onError: () => {} },
      assigned: async ({ epoch }) => void epochs.push(epoch),
      deliver: async () => {
        inHand!.resolve()
        await release!.promise
        settled!.resolve()
      },
    })
    await inHand!.promise
    const came: Delivery[] = []
    const other = await healthy.subscribe({
      ...{ group: 'g', topics: [topic], batch: 2 },
      assigned: async ({ epoch }) => void epochs.push(epoch),
      deliver: async (batch) => {
        came.push(...batch)
        throw new Error('not settled')
      },
    })
    proxy.hold(true)
    await until(() => came.length >= 2)
    release!.resolve()
    await settled!.promise
    proxy.hold(false)
    // Its late word is there before this one.
    await until(async () => (await zombie.lag().catch(() => [])).length > 0)
    assert.equal(await lagOf(healthy, topic), 5)
    assert.ok(epochs[1]! > epochs[0]!, epochs.join())
    await other.stop()
  })

  test('a stream that the server says is gone, and who asked for it then has all the same, is read and written on', async (t) => {
    const proxy = await startProxy(server.ports['stream']!)
    const own = at(server)
    const broker = await openBroker({ ...own, streamPort: proxy.port })
    t.after(() => broker.stop().then(proxy.close))
    await broker.declareTopic(topic, { partitions: 1 })
    const came: Delivery[] = []
    const deliver = async (batch: readonly Delivery[]): Promise<void> => void came.push(...batch)
    await broker.subscribe({ group: 'g', topics: [topic], onError: () => {}, deliver })
    for (const n of range(5)) {
      await publishAtLast(broker, [message(topic, 'a', n)])
      await until(() => firsts(came, 'a').length === n + 1)
      for (const name of [`${own.prefix}.topic.${topic}-0`, `${own.prefix}.log`])
        proxy.say(frame(COMMAND.gone, [u16(CODE.notAvailable), text(name)]))
    }
    await caughtUp(broker)
  })

  test('what waits to be published is bounded', async (t) => {
    const broker = await openBroker(at(server))
    t.after(() => broker.stop())
    await broker.declareTopic(topic, { partitions: 1 })
    const large = JSON.stringify('x'.repeat(1_000_000))
    const outcomes = await Promise.allSettled(range(80).map((n) => broker.publish([{ ...message(topic, 'a', n), data: large }])))
    const refused = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []))
    assert.ok(refused.length > 0 && refused.every((code) => code === 'RESOURCE_EXHAUSTED'), refused.join())
  })

  test('work in the hands of another process counts as not done', async (t) => {
    const own = at(server)
    const [one, two] = [await openBroker(own), await openBroker(own)]
    t.after(() => Promise.all([one.stop({ timeout: 100 }), two.stop()]))
    const end = Promise.withResolvers<void>()
    let began = 0
    await one.receive({
      queue: 'slow',
      handle: async () => {
        began++
        await end.promise
      },
    })
    await two.send(range(3).map((n) => message('slow', '', n)))
    await until(() => began === 3)
    assert.equal(await lagOf(two, 'slow'), 3)
    end.resolve()
    await until(async () => (await lagOf(two, 'slow')) === 0)
  })
})
