import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { missingServer, startLocalServer, type LocalServer, type Proxy } from '@dure/testing/servers'
import type { Broker, Delivery } from 'dure/messaging'
import { published, startKafkaProxy } from './proxy.test-support.ts'
import {
  caughtUp,
  firsts,
  messageOf,
  numberOf,
  openBroker,
  publishAtLast,
  QUICK_GROUPS,
  range,
  until,
} from './server.test-support.ts'

const topic = 'orders'

/** Eight keys at once, each in order, over and over until each message is taken. */
async function publishAll(broker: Broker, most: number, published: (count: number) => void): Promise<void> {
  const publishKey = async (key: number): Promise<void> => {
    for (let n = 0; n < most; n += 3) {
      await publishAtLast(
        broker,
        [0, 1, 2].map((step) => messageOf(topic, `k${key}`, n + step)),
      )
      published(3)
    }
  }
  await Promise.all(range(8).map(publishKey))
}

describe('kafka, when something fails', { skip: missingServer('kafka'), timeout: 180_000 }, () => {
  let proxy: Proxy
  let server: LocalServer
  before(async () => {
    proxy = await startKafkaProxy()
    const settings = { ...QUICK_GROUPS, 'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxy.port}` }
    server = await startLocalServer('kafka', { settings })
    proxy.to = server.port
  })
  after(async () => {
    await proxy.close()
    await server.close()
  })

  for (const trouble of ['killed', 'standing still'] as const)
    test(`a server that is ${trouble} under load loses nothing that it took, and the order of keys holds`, async (t) => {
      const broker = await openBroker({ url: server.url, requestTimeout: 2_000 })
      t.after(() => broker.stop({ timeout: 5_000 }))
      await broker.declareTopic(topic, { partitions: 4 })
      const came: Delivery[] = []
      await broker.subscribe({
        ...{ group: 'g', topics: [topic], batch: 16, onError: () => {} },
        deliver: async (batch) => void came.push(...batch),
      })
      let published = 0
      const publishing = publishAll(broker, 60, (count) => (published += count))
      await until(() => published > 100)
      if (trouble === 'killed') {
        await server.crash()
        await server.start()
      } else {
        server.freeze()
        await new Promise((resolve) => void setTimeout(resolve, 3_000))
        server.thaw()
      }
      await publishing
      await until(() => range(8).every((key) => firsts(came, `k${key}`).length === 60))
      for (const key of range(8)) assert.deepEqual(firsts(came, `k${key}`), range(60))
      await caughtUp(broker)
    })

  test('a publish whose answer is lost is there once: it is sent again under the same number', async (t) => {
    const broker = await openBroker({ url: server.url })
    t.after(() => broker.stop())
    await broker.declareTopic(topic, { partitions: 1 })
    const messages = range(5).map((n) => messageOf(topic, 'a', n))
    let cuts = 0
    proxy.fate = published((text) => (text.includes(messages[0]!.id) && cuts++ < 2 ? 'cut after' : 'passes'))
    await broker.publish(messages)
    const there = await broker.browse({ topic, partition: 0, limit: 100 })
    assert.deepEqual(
      there.map(({ message }) => numberOf(message)),
      range(5),
    )
    assert.equal(cuts, 3)
  })

  test('a publish that cannot be taken says so, and that it may be done or not', async (t) => {
    const broker = await openBroker({ url: server.url, publishTries: 2 })
    t.after(() => broker.stop())
    await broker.declareTopic(topic)
    const message = messageOf(topic, 'a', 1)
    proxy.fate = published((text) => (text.includes(message.id) ? 'cut before' : 'passes'))
    await assert.rejects(broker.publish([message]), { code: 'UNAVAILABLE', message: /may be done or not, try again/ })
    proxy.fate = () => 'passes'
    await broker.publish([message])
  })

  test('what waits to be published is bounded', async (t) => {
    const broker = await openBroker({ url: server.url, pending: 1_000 })
    t.after(() => broker.stop())
    await broker.declareTopic(topic)
    const large = { ...messageOf(topic, 'a', 1), data: JSON.stringify({ n: 1, text: 'x'.repeat(900) }) }
    const [, second] = await Promise.allSettled([broker.publish([large]), broker.publish([{ ...large, id: 'second' }])])
    assert.equal((second as PromiseRejectedResult).reason.code, 'RESOURCE_EXHAUSTED')
  })

  test('work goes on behind a message that takes long, and what is done does not come again to the next process', async (t) => {
    const options = { url: server.url, prefix: `${Date.now()}.`, partitions: 1 }
    const first = await openBroker(options)
    const hanging = Promise.withResolvers<void>()
    const done: number[] = []
    await first.send(range(10).map((n) => messageOf('jobs', '', n)))
    const handle = async (message: Parameters<typeof numberOf>[0]): Promise<void> => {
      if (numberOf(message) === 3) await hanging.promise
      done.push(numberOf(message))
    }
    await first.receive({ queue: 'jobs', concurrency: 4, handle })
    const left = async (): Promise<number | undefined> => (await first.lag()).find((one) => one.topic === 'jobs')?.lag
    await until(async () => done.length === 9 && (await left()) === 1)
    await first.stop({ timeout: 50 })
    const next = await openBroker(options)
    t.after(() => next.stop())
    const again: number[] = []
    await next.receive({ queue: 'jobs', handle: async (message) => void again.push(numberOf(message)) })
    await until(async () => again.length > 0 && (await next.lag()).every(({ lag }) => lag === 0))
    assert.deepEqual(again, [3])
    hanging.resolve()
  })
})
