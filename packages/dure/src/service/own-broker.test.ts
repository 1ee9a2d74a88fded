import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { contract, event, type AnyEvent } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { embeddedBroker, queue, type Broker, type Capabilities } from '../messaging/messaging.ts'
import { minimalBroker } from '../messaging/minimal-broker.conformance.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { service, start, system, SystemError, type Service } from './service.ts'
import { until } from './rig.test-support.ts'

const Placed = event('placed', { schema: z.object({ n: z.int() }), key: () => 'k' })
const Print = queue('print', { schema: z.object({ n: z.int() }) })
const runtime = realRuntime()
const log = silentLogger()

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dure-own-broker-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const desk = (heard: (n: number) => void): Service =>
  service(contract('desk', { version: '1.0.0', owner: 'tests', operations: {}, events: [Placed] }), {
    database: database({ migrations: {} }),
    handlers: {},
    subscriptions: ({ on, work }) => [on(Placed, ({ data: { n } }) => heard(n)), work(Print, () => {})],
  })

test('a system that needs what its broker lacks is refused at start, in words, and leaves nothing behind', async (t) => {
  const directory = directoryOf(t)
  const without = (...lost: readonly (keyof Capabilities)[]) =>
    system('shop', {
      services: [desk(() => {})],
      broker: async (world) => {
        const broker = await embeddedBroker()(world)
        const capabilities = { ...broker.capabilities, ...Object.fromEntries(lost.map((one) => [one, false])) }
        return { ...broker, capabilities }
      },
    })
  await assert.rejects(start(without('queues'), { directory, log }), (error) => {
    assert.ok(error instanceof SystemError)
    assert.deepEqual(error.problems, [
      'Service "desk" works on "print", but broker "embedded" has no queues; choose a broker that does',
    ])
    return true
  })
  await assert.rejects(start(without('topics', 'ordered'), { directory, log }), /announces "placed".*reacts to "placed"/s)
  const running = await start(without('replay'), { directory, log })
  await running.stop()
})

test('a service that requires a log or replay is refused over a broker that keeps none, and runs without', async (t) => {
  const directory = directoryOf(t)
  const over = (requires: readonly (keyof Capabilities)[]) =>
    system('shop', {
      services: [
        service(contract('stats', { version: '1.0.0', owner: 'tests', operations: {}, events: [Placed] }), {
          database: database({ migrations: {} }),
          handlers: {},
          requires,
          subscriptions: ({ on }) => [on(Placed, () => {})],
        }),
      ],
      broker: async () => minimalBroker({ runtime }),
    })
  await assert.rejects(start(over(['log', 'replay']), { directory, log }), (error) => {
    assert.ok(error instanceof SystemError)
    assert.deepEqual(error.problems, [
      'Service "stats" requires "log", but broker "minimal" keeps no log of what was published; choose a broker that does',
      'Service "stats" requires "replay", but broker "minimal" cannot bring again what was read; choose a broker that does',
    ])
    return true
  })
  const running = await start(over([]), { directory, log })
  await running.stop()
})

test('the groups of all services are there before the first starts', async (t) => {
  const made: Broker[] = []
  const shop = system('shop', {
    services: [desk(() => {})],
    broker: async (world) => {
      const broker = await embeddedBroker()(world)
      made.push(broker)
      return broker
    },
  })
  const running = await start(shop, { directory: directoryOf(t), log, part: ['broker'] })
  t.after(() => running.stop())
  assert.deepEqual(
    (await made[0]!.lag()).map(({ group, topic }) => `${group} ${topic}`),
    ['desk/placed placed'],
  )
})

const Opened = event('shop.opened', {
  ...{ schema: z.object({ n: z.int() }), key: () => 'k' },
  ...{ topic: 'shop', partitions: 3, retention: { ms: 86_400_000 } },
})
const Closed = event('shop.closed', { ...Opened, key: () => 'k' })
const Sold = event('shop.sold', { ...Opened, key: () => 'k', partitions: 4 })
const door = (...events: readonly AnyEvent[]) => contract('door', { version: '1.0.0', owner: 'tests', operations: {}, events })

test('events say what their topic is like, and may share it; who reacts to one is not given the other', async (t) => {
  const made: Broker[] = []
  const heard: unknown[] = []
  const shop = system('shop', {
    services: [
      service(door(Opened, Closed), {
        database: database({ migrations: {} }),
        handlers: {},
        subscriptions: ({ on }) => [
          on(Closed, ({ type, data, headers, replyTo, sequence }) => {
            heard.push([type, data, headers, replyTo, sequence])
          }),
        ],
      }),
    ],
    broker: async (world) => {
      const broker = await embeddedBroker()(world)
      made.push(broker)
      return broker
    },
  })
  const running = await start(shop, { directory: directoryOf(t), log })
  t.after(() => running.stop())
  const [broker] = made
  assert.equal(await broker!.partitions('shop'), 3)
  assert.equal(await broker!.retention('shop'), 86_400_000 + 60_000)
  const head = { source: 't', topic: 'shop', key: 'k', time: 0, schemaVersion: 1, correlationId: 'c' }
  const about = { ...head, causationId: undefined, traceparent: undefined }
  const said = { headers: { by: 'ada' }, replyTo: 'answers', sequence: 4 }
  await broker!.publish([
    { ...about, id: '1', type: 'shop.opened', data: '{"n":1}' },
    { ...about, ...said, id: '2', type: 'shop.closed', data: '{"n":2}' },
    { ...about, id: '3', type: 'shop.closed', data: '{"n":3}' },
  ])
  await until(() => heard.length === 2)
  assert.deepEqual(heard, [
    ['shop.closed', { n: 2 }, { by: 'ada' }, 'answers', 4],
    ['shop.closed', { n: 3 }, {}, undefined, undefined],
  ])
})

test('events that share a topic and want it made otherwise are refused', () => {
  assert.throws(
    () => system('shop', { services: [service(door(Opened, Sold), { handlers: {} })] }),
    /Events "shop.opened" and "shop.sold" share the topic "shop" and want it made otherwise/,
  )
})

test('a broker that the network reaches is used by every process directly', { timeout: 60_000 }, async (t) => {
  const directory = directoryOf(t)
  const there = await embeddedBroker()({ directory, runtime, log })
  t.after(() => there.stop())
  let opened = 0
  const network = Object.assign(
    (): Broker => {
      opened++
      return { ...there, name: 'far', stop: async () => {} }
    },
    { reach: 'network' as const },
  )
  const heard: number[] = []
  const shop = system('shop', { services: [desk((n) => void heard.push(n))], broker: network })
  // No process hosts it, so none is waited for.
  const running = await start(shop, { directory, log, part: ['desk'] })
  const other = await start(shop, { directory, log, part: ['doors'] })
  t.after(() => Promise.all([running.stop(), other.stop()]))
  assert.equal(opened, 2)
  const head = { source: 't', type: 'placed', key: 'k', time: 0, schemaVersion: 1, correlationId: 'c' }
  await there.publish([{ ...head, id: '1', causationId: undefined, traceparent: undefined, data: '{"n":7}' }])
  await until(() => heard.length === 1)
  assert.deepEqual(heard, [7])
})
