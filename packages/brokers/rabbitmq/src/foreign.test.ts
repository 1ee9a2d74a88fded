import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { missingServer, startLocalServer, type LocalServer } from '@dure/testing/servers'
import type { Message } from 'dure/contract'
import { createLogger, silentLogger } from 'dure/telemetry'
import { Connection, type Publisher } from 'rabbitmq-client'
import rhea from 'rhea'
import { openLink } from './link.ts'
import { at, caughtUp, message, numberOf, openBroker, rabbitmqctl, range, runtime, until } from './world.test-support.ts'

const topic = 'orders'
const linkOptions = {
  ...{ runtime, log: silentLogger(), timeout: 5_000, heartbeat: 5 },
  address: { host: '127.0.0.1', port: 0, username: 'guest', password: 'guest', vhost: '/', tls: undefined },
}
const isUnreadable = ({ contentType = '' }: Message): boolean => contentType.includes('unreadable')

describe('rabbitmq, beside other programs', { skip: missingServer('rabbitmq'), timeout: 120_000 }, () => {
  let server: LocalServer
  let other: Connection
  before(async () => {
    server = await startLocalServer('rabbitmq')
    other = new Connection(server.url.replace('//', '//guest:guest@'))
  })
  after(async () => {
    await other.close()
    await server.close()
  })

  /** A client of AMQP 0.9.1, which knows nothing of streams: to it a partition is a queue. */
  const publisherFor = (t: TestContext): Publisher => {
    const publisher = other.createPublisher({ confirm: true })
    t.after(() => publisher.close())
    return publisher
  }

  test('whatever they write into a partition becomes a message or is set aside, and none holds up the others', async (t) => {
    const options = at(server)
    const broker = await openBroker(options)
    t.after(() => broker.stop())
    await broker.declareTopic(topic, { partitions: 1 })
    const own = message(topic, 'a', 1)
    await broker.publish([own, own])
    const publisher = publisherFor(t)
    const send = (headers: Record<string, unknown>, data: Buffer, contentType?: string): Promise<void> =>
      publisher.send({ routingKey: `${options.prefix}.topic.${topic}-0`, headers, contentType, contentEncoding: 'utf-8' }, data)
    const event = (more: Record<string, unknown>) => ({
      ...{ 'cloudEvents:specversion': '1.0', 'cloudEvents:id': '7', 'cloudEvents:source': 'shop', 'cloudEvents:type': 'orders' },
      ...more,
    })
    await send({}, Buffer.from('{"total":7}'), 'application/json')
    await send(event({ 'cloudEvents:partitionkey': 'k' }), Buffer.from('{"total":8}'), 'application/json')
    await send(event({ 'cloudEvents:partitionkey': 'k' }), Buffer.from('{"total":8}'), 'application/json')
    // That client has no bytes in headers; those of streams have.
    const link = await openLink({ ...linkOptions, address: { ...linkOptions.address, port: server.ports['stream']! } })
    t.after(link.close)
    const binary = event({ 'cloudEvents:partitionkey': Buffer.from([0xff, 0xfe]) })
    const body = rhea.message.data_section(Buffer.from('{}'))
    await link.append(`${options.prefix}.topic.${topic}-0`, [rhea.message.encode({ application_properties: binary, body })])
    await send(event({ 'cloudEvents:specversion': '0.3' }), Buffer.from('{}'), 'application/json')
    await send({}, Buffer.from([0, 1, 2, 255]))
    await Promise.all(range(4).map(() => send({}, Buffer.from(JSON.stringify('x'.repeat(10_000_000))))))
    const last = message(topic, 'a', 2)
    await broker.publish([last])

    const came: Message[] = []
    await broker.subscribe({
      group: 'g',
      topics: [topic],
      deliver: async (batch) => void came.push(...batch.map((one) => one.message)),
    })
    await until(() => came.at(-1)?.id === last.id)
    assert.deepEqual(
      came.map((one) => (isUnreadable(one) ? 'aside' : `${one.source} ${one.key}`)),
      ['test a', 'test a', 'foreign ', 'shop k', 'shop k', ...range(7).map(() => 'aside'), 'test a'],
    )
    assert.deepEqual([came[0]!.id, came[1]!.id, came[2]!.data, came[3]!.id], [own.id, own.id, '{"total":7}', came[4]!.id])
    assert.ok(came.every(({ data }) => data.length < 3 * 1024 * 1024))
    await caughtUp(broker)
    const shown = await broker.browse({ topic, partition: 0, limit: 20 })
    assert.deepEqual(
      shown.slice(0, 3).map(({ message: one }) => one.id),
      came.slice(0, 3).map(({ id }) => id),
    )
  })

  test('work that they send is taken, also without a word about it', async (t) => {
    const options = at(server)
    const broker = await openBroker(options)
    t.after(() => broker.stop())
    const done: Message[] = []
    await broker.receive({ queue: 'jobs', concurrency: 1, handle: async (one) => void done.push(one) })
    const publisher = publisherFor(t)
    const queue = `${options.prefix}.queue.jobs`
    await publisher.send({ routingKey: queue }, { n: 1 })
    await publisher.send({ routingKey: queue, contentEncoding: 'utf-8' }, Buffer.from([0xff, 0]))
    await publisher.send({ routingKey: queue, headers: { 'x-team': 'ours', retry: 3 } }, Buffer.from('{"n":3}'))
    await until(() => done.length === 3)
    assert.deepEqual(done.map(isUnreadable), [false, true, false])
    assert.deepEqual([numberOf(done[0]!), numberOf(done[2]!), done[2]!.headers?.['retry']], [1, 3, '3'])
    await caughtUp(broker)
  })

  test('lag is what the server itself counts, ready and in hand', async (t) => {
    const options = at(server)
    const broker = await openBroker(options)
    const end = Promise.withResolvers<void>()
    t.after(() => broker.stop({ timeout: 100 }))
    t.after(() => end.resolve())
    await broker.send(range(12).map((n) => message('slow', '', n)))
    const inHand = new Set<number>()
    await broker.receive({
      ...{ queue: 'slow', concurrency: 3 },
      handle: async (one) => {
        inHand.add(numberOf(one))
        if (numberOf(one) > 2) await end.promise
      },
    })
    await until(() => inHand.size === 6)
    const queue = `${options.prefix}.queue.slow`
    const counted = async (): Promise<boolean> => {
      const said = await rabbitmqctl(server, 'list_queues', '--silent', 'name', 'messages')
      const figure = Number(
        said
          .split('\n')
          .find((line) => line.startsWith(`${queue}\t`))
          ?.split('\t')[1],
      )
      const lag = (await broker.lag()).find((one) => one.topic === 'slow')?.lag
      return lag === 9 && figure === 9
    }
    await until(counted)
  })

  test('what is kept without an end is handed over, also by who learns of it from the log', async (t) => {
    const options = at(server)
    const [one, two] = [await openBroker(options), await openBroker(options)]
    t.after(() => Promise.all([one.stop(), two.stop()]))
    await one.declareTopic(topic, { partitions: 1, retention: { ms: Infinity, bytes: Infinity } })
    await one.publish([message(topic, 'a', 1)])
    assert.equal(await two.retention(topic), Infinity)
    const came: Message[] = []
    await two.subscribe({
      group: 'g',
      topics: [topic],
      deliver: async (batch) => void came.push(...batch.map((each) => each.message)),
    })
    await until(() => came.length === 1)
  })

  test('its start says that streams confirm before they are on the disk', async () => {
    const lines: string[] = []
    const log = createLogger({ clock: runtime.clock, level: 'warn', write: (line) => void lines.push(line) })
    const broker = await openBroker(at(server), log)
    await broker.stop()
    assert.match(lines.join(''), /confirms what is published to a stream before it is on the disk/)
  })
})
