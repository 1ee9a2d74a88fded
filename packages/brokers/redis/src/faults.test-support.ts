import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError, type Message } from 'dure/contract'
import {
  brokerFor,
  caughtUp,
  clientFor,
  ledger,
  memberProcess,
  messageOf,
  runtime,
  serverFor,
  until,
} from './redis.test-support.ts'
import { missingServer } from '@dure/testing/servers'
import type { Kind } from './suite.test-support.ts'

const KEYS = ['a', 'b', 'c', 'd']

/** Publishes lists one after the other, each until it is taken, as a relay does; answers what was refused on the way. */
async function publishAll(
  broker: { publish: (messages: readonly Message[]) => Promise<void> },
  lists: readonly (readonly Message[])[],
): Promise<CallError[]> {
  const refused: CallError[] = []
  for (const list of lists)
    for (;;) {
      try {
        await broker.publish(list)
        break
      } catch (error) {
        assert.ok(error instanceof CallError, String(error))
        refused.push(error)
        await runtime.timers.sleep(20)
      }
    }
  return refused
}

const listsOf = (topic: string, count: number): Message[][] =>
  Array.from({ length: count }, (_, at) => KEYS.flatMap((key) => [0, 1].map((n) => messageOf(topic, key, 2 * at + n))))

/** What becomes of messages, members and work when something fails, on a server of this kind. */
export function faultsOn(kind: Kind): void {
  const how = { timeout: 60_000, skip: missingServer(kind) }
  test(`${kind}: killed under load and started again, everything arrives, each key in order`, how, async (t) => {
    const server = await serverFor(t, kind)
    const writer = await brokerFor(t, { url: server.url })
    const reader = await brokerFor(t, { url: server.url })
    const { byKey, deliver } = ledger()
    await reader.subscribe({ group: 'g', topics: ['orders'], deliver, onError: () => {} })
    const publishing = publishAll(writer, listsOf('orders', 600))
    for (let kills = 1; kills <= 3; kills++) {
      await until(() => (byKey.get('a')?.length ?? 0) > kills * 100)
      await server.crash()
      await server.start()
    }
    await publishing
    await until(() => KEYS.every((key) => byKey.get(key)?.length === 1_200))
    for (const key of KEYS)
      assert.deepEqual(
        byKey.get(key),
        Array.from({ length: 1_200 }, (_, n) => n),
      )
    await caughtUp(reader)
  })

  test(`${kind}: frozen, it is told that the outcome is not known; thawed, all goes on in order`, how, async (t) => {
    const server = await serverFor(t, kind)
    const writer = await brokerFor(t, { url: server.url, timeout: 300 })
    const reader = await brokerFor(t, { url: server.url, timeout: 300 })
    const { byKey, deliver } = ledger()
    await reader.subscribe({ group: 'g', topics: ['orders'], deliver, onError: () => {} })
    const lists = listsOf('orders', 20)
    await publishAll(writer, lists.slice(0, 10))
    server.freeze()
    await assert.rejects(writer.publish(lists[10]!), (error: CallError) => {
      assert.equal(error.code, 'UNAVAILABLE')
      assert.match(error.message, /whether it took that is not known|nothing was sent/)
      return true
    })
    const publishing = publishAll(writer, lists.slice(10))
    await runtime.timers.sleep(500)
    server.thaw()
    await publishing
    await until(() => KEYS.every((key) => byKey.get(key)?.length === 40))
    for (const key of KEYS)
      assert.deepEqual(
        byKey.get(key),
        Array.from({ length: 40 }, (_, n) => n),
      )
  })

  test(
    `${kind}: its memory full, it says so and takes nothing; readers go on, and so do writers when there is room`,
    how,
    async (t) => {
      const server = await serverFor(t, kind)
      const client = await clientFor(t, server)
      const broker = await brokerFor(t, { url: server.url, lease: 300 })
      const { byKey, deliver } = ledger()
      await broker.declareGroup({ group: 'g', topics: ['orders'] })
      const lists = listsOf('orders', 10)
      await publishAll(broker, lists.slice(0, 5))
      await broker.send([messageOf('print', '', 1)])
      await client.configSet('maxmemory', '1mb')
      await assert.rejects(broker.publish(lists[5]!), (error: CallError) => {
        assert.equal(error.code, 'RESOURCE_EXHAUSTED')
        assert.match(error.message, /memory is full, and it has taken nothing; raise `maxmemory`/)
        return true
      })
      const printed: string[] = []
      await broker.receive({ queue: 'print', handle: async ({ id }) => void printed.push(id) })
      await broker.subscribe({ group: 'g', topics: ['orders'], deliver })
      await until(() => KEYS.every((key) => byKey.get(key)?.length === 10) && printed.length === 1)
      await caughtUp(broker)
      // Longer than a lease: it keeps its place.
      await runtime.timers.sleep(700)
      await client.configSet('maxmemory', '0')
      await publishAll(broker, lists.slice(5))
      await until(() => KEYS.every((key) => byKey.get(key)?.length === 20))
      for (const key of KEYS)
        assert.deepEqual(
          byKey.get(key),
          Array.from({ length: 20 }, (_, n) => n),
        )
    },
  )

  test(
    `${kind}: a member that is killed with a batch in hand loses its partitions, and another gets the batch`,
    how,
    async (t) => {
      const server = await serverFor(t, kind)
      const broker = await brokerFor(t, { url: server.url })
      await broker.declareTopic('orders', { partitions: 2 })
      const { child, said } = await memberProcess(t, { url: server.url, topic: 'orders', hang: 2, lease: 500 })
      await publishAll(broker, listsOf('orders', 3))
      await until(
        () => said.filter(({ took }) => took).length > said.filter(({ done }) => done).length && said.some(({ done }) => done),
      )
      const { byKey, deliver } = ledger()
      const epochs: number[] = []
      await broker.subscribe({ group: 'g', topics: ['orders'], deliver, assigned: async ({ epoch }) => void epochs.push(epoch) })
      child.kill('SIGKILL')
      await until(() => epochs.length === 2)
      const before = said.flatMap(({ epoch }) => epoch ?? [])
      assert.ok(Math.min(...epochs) > Math.max(...before), `${epochs.join()} after ${before.join()}`)
      await until(async () => (await broker.lag()).every(({ lag, members }) => lag === 0 && members === 1))
      const all = KEYS.flatMap((key) => byKey.get(key) ?? [])
      // It took two to the end, at most: the others are all here.
      assert.ok(all.length >= KEYS.length * 6 - 2, `${all.length}`)
      for (const key of KEYS) {
        const numbers = byKey.get(key) ?? []
        assert.deepEqual(
          numbers,
          numbers.toSorted((a, b) => a - b),
        )
      }
    },
  )

  test(
    `${kind}: a member that was frozen commits nothing once another has its partition, and comes back in a later epoch`,
    how,
    async (t) => {
      const server = await serverFor(t, kind)
      const broker = await brokerFor(t, { url: server.url })
      await broker.declareTopic('orders', { partitions: 1 })
      const frozen = await memberProcess(t, { url: server.url, topic: 'orders', hang: 0, lease: 500 })
      await broker.publish([1, 2, 3].map((n) => messageOf('orders', 'a', n)))
      await until(() => frozen.said.some(({ took }) => took))
      frozen.child.kill('SIGSTOP')
      const { byKey, deliver } = ledger()
      let epoch = 0
      const other = await broker.subscribe({
        group: 'g',
        topics: ['orders'],
        deliver,
        assigned: async (assignment) => void (epoch = assignment.epoch),
      })
      await until(() => byKey.get('a')?.length === 3)
      await caughtUp(broker)
      // What it has in hand ends now, and is the first of three.
      frozen.child.kill('SIGCONT')
      frozen.child.send('go on')
      await until(() => frozen.said.some(({ done }) => done))
      await broker.publish([messageOf('orders', 'a', 4)])
      await until(() => byKey.get('a')?.length === 4)
      await caughtUp(broker)
      await other.stop()
      await until(() => frozen.said.filter(({ assigned }) => assigned === 0).length === 2)
      assert.ok(frozen.said.findLast(({ assigned }) => assigned === 0)!.epoch! > epoch)
      // It was told of a loss by nobody, and of nothing that it had read already.
      assert.equal(
        frozen.said.some(({ revoked }) => revoked !== undefined),
        false,
      )
      await broker.publish([messageOf('orders', 'a', 5)])
      await until(() => frozen.said.some(({ took }) => took?.includes(5)))
      assert.deepEqual(
        frozen.said.flatMap(({ took }) => took ?? []),
        [1, 5],
      )
    },
  )

  test(
    `${kind}: a partition moves between processes only when its batch is settled and it has been given back`,
    how,
    async (t) => {
      const server = await serverFor(t, kind)
      const [one, two] = [await brokerFor(t, { url: server.url }), await brokerFor(t, { url: server.url })]
      await one.declareTopic('orders', { partitions: 4 })
      const happened: string[] = []
      const slow = Promise.withResolvers<void>()
      const { byKey, deliver } = ledger()
      const reading = (name: string, wait: Promise<void>) => ({
        ...{ group: 'g', topics: ['orders'], batch: 2 },
        assigned: async ({ partition }: { partition: number }) => void happened.push(`${name} has ${partition}`),
        revoked: async ({ partition }: { partition: number }) => void happened.push(`${name} gave ${partition}`),
        deliver: async (batch: Parameters<typeof deliver>[0]) => {
          await wait
          await deliver(batch)
        },
      })
      await one.subscribe(reading('one', slow.promise))
      await publishAll(one, listsOf('orders', 10))
      const second = await two.subscribe(reading('two', Promise.resolve()))
      await runtime.timers.sleep(100)
      const held = happened.filter((what) => what.startsWith('two has')).length
      slow.resolve()
      await until(() => KEYS.every((key) => byKey.get(key)?.length === 20))
      await until(() => happened.filter((what) => what.startsWith('two has')).length === 2)
      assert.ok(held < 2, 'what has a batch in hand does not move')
      for (const what of happened.filter((each) => each.startsWith('two has')))
        assert.ok(happened.indexOf(what.replace('two has', 'one gave')) < happened.indexOf(what), happened.join(', '))
      for (const key of KEYS)
        assert.deepEqual(
          byKey.get(key),
          Array.from({ length: 20 }, (_, n) => n),
        )
      await second.stop()
      await until(() => happened.filter((what) => what.startsWith('one has')).length === 6)
    },
  )

  test(
    `${kind}: work in the hands of a receiver that is killed comes to another, and of one that is slow to nobody`,
    how,
    async (t) => {
      const server = await serverFor(t, kind)
      const broker = await brokerFor(t, { url: server.url, lease: 400 })
      await broker.send([1, 2].map((n) => messageOf('print', '', n)))
      const { child, said } = await memberProcess(t, { url: server.url, queue: 'print', hang: 0, lease: 400 })
      await until(() => said.some(({ took }) => took?.includes(1)))
      const done: string[] = []
      await broker.receive({ queue: 'print', concurrency: 1, handle: async ({ data }) => void done.push(data) })
      await until(() => done.length === 1)
      await runtime.timers.sleep(1_200)
      assert.deepEqual(done, ['{"n":2}'])
      child.kill('SIGKILL')
      await until(() => done.length === 2)
      assert.deepEqual(done, ['{"n":2}', '{"n":1}'])
      await caughtUp(broker)
    },
  )

  test(`${kind}: emptied under running members, topics and groups are made again with another identity`, how, async (t) => {
    const server = await serverFor(t, kind)
    const client = await clientFor(t, server)
    const broker = await brokerFor(t, { url: server.url, lease: 400 })
    const { byKey, deliver } = ledger()
    const identities: string[] = []
    await broker.subscribe({
      group: 'g',
      topics: ['orders'],
      deliver,
      assigned: async (one) => void identities.push(one.broker),
    })
    await publishAll(broker, listsOf('orders', 2))
    await until(() => KEYS.every((key) => byKey.get(key)?.length === 4))
    await client.flushAll()
    await publishAll(broker, [KEYS.map((key) => messageOf('orders', key, 4))])
    await until(() => KEYS.every((key) => byKey.get(key)?.length === 5))
    await until(() => new Set(identities).size === 2)
  })
}
