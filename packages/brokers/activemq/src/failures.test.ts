import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test, type TestContext } from 'node:test'
import rhea from 'rhea'
import type { Message } from 'dure/contract'
import type { Delivery } from 'dure/messaging'
import { realRuntime } from 'dure/runtime'
import { createLogger, silentLogger } from 'dure/telemetry'
import { missingServer } from '@dure/testing/servers'
import { activeMqBroker, type ActiveMqOptions } from './activemq.ts'
import { openLine } from './line.ts'
import { serverOf } from './server.ts'
import {
  brokerFor,
  caughtUp,
  messageOf,
  othersFlood,
  othersSend,
  refused,
  SECRET,
  serverFor,
  until,
} from './broker.test-support.ts'

const runtime = realRuntime()
const open = (options: ActiveMqOptions) => (): Promise<unknown> =>
  activeMqBroker(options)({ runtime, log: createLogger({ clock: runtime.clock, write: () => {} }) })

test('what cannot be reached, or is no ActiveMQ, is refused with what to do', { timeout: 60_000 }, async (t) => {
  await refused(open({ url: 'amqp://127.0.0.1:1' }), 'UNAVAILABLE', /nothing listens there; start the server or correct `url`/)
  await refused(
    open({ url: `redis://user:${SECRET}@one` }),
    'INVALID_ARGUMENT',
    /begins with "redis:"; give "amqp:\/\/host:port"/,
  )
  await refused(open({ url: SECRET }), 'INVALID_ARGUMENT', /cannot be read/)
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  t.after(() => silent.close())
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  await refused(open({ url: `amqp://127.0.0.1:${port}`, timeout: 200 }), 'UNAVAILABLE', /No answer for 200 ms/)
  assert.throws(() => activeMqBroker({ url: 'amqp://one', prefix: 'a.b' }), /its prefix is "a\.b"/)
})

// Each of them takes minutes: both in `npm run test:long`.
for (const kind of process.env['DURE_TEST_LONG'] === '1' ? (['activemq', 'artemis'] as const) : (['artemis'] as const)) {
  const how = { timeout: 120_000, skip: missingServer(kind) }

  test(`${kind}: who comes is asked, over TLS as well, and no password is in a log`, how, async (t) => {
    const server = await serverFor(t, kind, { account: { name: 'shop', password: SECRET } })
    const url = `amqp://127.0.0.1:${server.port}`
    await refused(open({ url }), 'UNAUTHENTICATED', /correct `credentials`/)
    await refused(open({ url, credentials: { username: 'shop', password: 'wrong' } }), 'UNAUTHENTICATED', /user and password/)
    const secured = await tlsBefore(t, server.port)
    const credentials = { username: 'shop', password: SECRET }
    await refused(open({ url: secured.url, credentials }), 'FAILED_PRECONDITION', /give the authority as `tls\.ca`/)
    const broker = await brokerFor(t, { url: secured.url, credentials, tls: { ca: secured.ca } })
    const came = Promise.withResolvers<Message>()
    await broker.receive({ queue: 'print', handle: async (message) => came.resolve(message) })
    const sent = messageOf('print', '', 1)
    await broker.send([sent])
    assert.deepEqual(await came.promise, sent)
    await server.crash()
    await until(() => broker.lines.length > 0)
    assert.equal(broker.lines.join().includes(SECRET), false)
  })

  test(`${kind}: whatever others publish becomes a message, and no partition stands still`, how, async (t) => {
    const server = await serverFor(t, kind)
    const broker = await brokerFor(t, { url: server.url })
    await broker.declareTopic('orders', { partitions: 1 })
    const before = messageOf('orders', 'a', 1)
    const after = messageOf('orders', 'a', 2)
    const came: Delivery[] = []
    await broker.subscribe({ group: 'g', topics: ['orders'], deliver: async (batch) => void came.push(...batch) })
    await broker.publish([before])
    const event = {
      'cloudEvents:specversion': '1.0',
      'cloudEvents:id': '7',
      'cloudEvents:source': 'shop',
      'cloudEvents:type': 'orders',
    }
    const section = (bytes: Buffer): unknown => rhea.message.data_section(bytes)
    const address = `${kind === 'activemq' ? 'topic://' : ''}VirtualTopic.dure.orders.0`
    await othersSend(t, server, address, [
      { message_id: 'one', body: '{"total":7}' },
      {
        message_id: 'two',
        application_properties: { ...event, 'cloudEvents:partitionkey': 'k' },
        body: section(Buffer.from('{"total":8}')),
      },
      { message_id: 'three', body: section(Buffer.from([0xff, 0xfe, 0, 1])) },
      { message_id: 'four', group_id: 'k4', body: { total: 9 } },
      { body: section(Buffer.alloc(10 * 1024 * 1024, 'x')) },
      // An array that says it has 50 million values.
      Buffer.from([0, 0x53, 0x77, 0xf0, 0, 0, 0, 5, 2, 0xfa, 0xf0, 0x80, 0x40]),
      { message_id: Buffer.from([0xff, 0]), body: null },
      { message_id: 'one', body: '{"total":7}' },
    ])
    await broker.publish([after])
    await until(() => came.some(({ message }) => message.id === after.id))
    assert.equal(came.length, 10)
    const [own, one, two, three, four, large, claims, none, again, last] = came.map(({ message }) => message)
    assert.deepEqual([own, last], [before, after])
    assert.deepEqual([one!.data, one!.type, one!.source], ['{"total":7}', 'orders', 'foreign'])
    assert.deepEqual([two!.id, two!.key, two!.data], ['7@shop', 'k', '{"total":8}'])
    assert.match(three!.contentType!, /unreadable/)
    assert.deepEqual([four!.key, four!.data], ['k4', '{"total":9}'])
    assert.ok(large!.contentType!.includes('unreadable') && large!.data.length < 2 * 1024 * 1024)
    assert.match(claims!.contentType!, /unreadable/)
    assert.equal(none!.data, 'null')
    // Their id is the place; who sends it twice is heard once.
    assert.equal(again!.id, one!.id)
    await caughtUp(broker)
  })

  test(`${kind}: when it has stopped, nothing of it keeps its process alive`, how, async (t) => {
    const server = await serverFor(t, kind)
    const program = `
      import { realRuntime } from 'dure/runtime'
      import { silentLogger } from 'dure/telemetry'
      import { activeMqBroker } from ${JSON.stringify(new URL('./activemq.ts', import.meta.url))}
      const broker = await activeMqBroker({ url: ${JSON.stringify(server.url)}, timeout: 600_000 })({ runtime: realRuntime(), log: silentLogger() })
      await broker.subscribe({ group: 'g', topics: ['orders'], deliver: async () => {} })
      await broker.receive({ queue: 'print', handle: async () => {} })
      await broker.stop()`
    const words = ['--conditions=dure-source', '--input-type=module', '-e', program]
    // What waits for a sign of life would wait for longer than this test may.
    await promisify(execFile)(process.execPath, words, { cwd: import.meta.dirname })
  })

  test(`${kind}: a message whose reader is cut off again and again is not taken away by the server`, how, async (t) => {
    const server = await serverFor(t, kind)
    const broker = await brokerFor(t, { url: server.url })
    await broker.declareTopic('orders', { partitions: 1 })
    await broker.declareGroup({ group: 'g', topics: ['orders'] })
    await broker.publish([messageOf('orders', 'a', 1)])
    await broker.send([messageOf('print', '', 1)])
    for (let tries = 0; tries < 12; tries++) {
      const reader = await brokerFor(t, { url: server.url })
      const [topic, queue] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const hang = (told: () => void) => (): Promise<never> => {
        told()
        return new Promise<never>(() => {})
      }
      await reader.subscribe({ group: 'g', topics: ['orders'], deliver: hang(topic.resolve) })
      await reader.receive({ queue: 'print', handle: hang(queue.resolve) })
      await Promise.all([topic.promise, queue.promise])
      await reader.stop({ timeout: 1 })
    }
    const lags = await broker.lag()
    assert.deepEqual(
      lags.map(({ lag }) => lag),
      [1, 1],
    )
  })
}

test(
  'artemis: more messages than a session may have unsettled come over a queue and a partition, the first of them held',
  { timeout: 240_000, skip: missingServer('artemis') },
  async (t) => {
    const COUNT = 67_000
    const server = await serverFor(t, 'artemis')
    const broker = await brokerFor(t, { url: server.url })
    await broker.declareTopic('orders', { partitions: 1 })
    const [taken, read] = [new Set<string>(), new Set<string>()]
    const held = Promise.withResolvers<void>()
    await broker.receive({
      queue: 'print',
      handle: async ({ id }) => {
        taken.add(id)
        if (taken.size === 1) await held.promise
      },
    })
    await broker.subscribe({
      group: 'g',
      topics: ['orders'],
      deliver: async (batch) => batch.forEach(({ message }) => read.add(message.id)),
    })
    await othersFlood(t, server, { address: 'dure.queue.print', kind: 'queue', count: COUNT })
    await othersFlood(t, server, { address: 'VirtualTopic.dure.orders.0', kind: 'topic', count: COUNT })
    await until(() => taken.size === COUNT && read.size === COUNT)
    held.resolve()
    await caughtUp(broker)
  },
)

test(
  'activemq: what came to a group that was forgotten is thrown away, and nothing of one that is there',
  { timeout: 120_000, skip: missingServer('activemq') },
  async (t) => {
    const { url } = await serverFor(t, 'activemq')
    const publisher = await brokerFor(t, { url })
    await publisher.declareTopic('orders', { partitions: 1 })
    for (const group of ['gone', 'there']) await publisher.declareGroup({ group, topics: ['orders'] })
    await publisher.forget({ group: 'gone', reason: 'a test' })
    await publisher.publish(Array.from({ length: 5 }, (_, n) => messageOf('orders', 'a', n)))
    const line = await openLine({ url, timeout: 5_000 }, { runtime, log: silentLogger() })
    t.after(() => line.close())
    const server = await serverOf(line, runtime, 'dure')
    const waiting = async (group: string): Promise<number | undefined> =>
      (await server.stats()).get(`Consumer.${group}.VirtualTopic.dure.orders.0`)?.size
    assert.deepEqual([await waiting('gone'), await waiting('there')], [5, 5])
    assert.deepEqual(
      (await publisher.lag()).map(({ group }) => group),
      ['there'],
    )
    await brokerFor(t, { url, sweep: 100 })
    await until(async () => (await waiting('gone')) === 0)
    assert.equal(await waiting('there'), 5)
  },
)

/** TLS before a port that has none, by an authority of its own. */
async function tlsBefore(t: TestContext, port: number): Promise<{ readonly url: string; readonly ca: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'dure-activemq-tls-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const words = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out crt -days 3 -subj /CN=localhost'
  execFileSync('openssl', ['req', ...words.split(' '), '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'], {
    cwd: folder,
    stdio: 'ignore',
  })
  const [key, cert] = ['key', 'crt'].map((name) => readFileSync(join(folder, name), 'utf8'))
  const server = createTlsServer({ key, cert }, (client) => {
    const there = connect(port, '127.0.0.1')
    for (const [one, other] of [
      [client, there],
      [there, client],
    ] as const)
      one
        .on('error', () => {})
        .on('close', () => other.destroy())
        .pipe(other)
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { url: `amqps://localhost:${(server.address() as AddressInfo).port}`, ca: cert! }
}
