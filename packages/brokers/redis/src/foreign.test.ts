import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partitionOf } from 'dure/messaging/adapter'
import { brokerFor, caughtUp, clientFor, messageOf, runtime, serverFor, until } from './redis.test-support.ts'
import { missingServer } from '@dure/testing/servers'

const how = { timeout: 60_000, skip: missingServer('redis') }

test('whatever others write into a stream becomes a message, and what cannot be read is one as well', how, async (t) => {
  const server = await serverFor(t, 'redis')
  const client = await clientFor(t, server)
  const broker = await brokerFor(t, { url: server.url })
  await broker.declareTopic('orders', { partitions: 1 })
  const stream = 'dure:topic:{orders}:0'
  const before = messageOf('orders', 'a', 1)
  await broker.publish([before])
  await client.xAdd(stream, '*', { data: '{"total":7}' })
  await client.xAdd(stream, '*', {
    ce_specversion: '1.0',
    ce_id: '7',
    ce_source: 'shop',
    ce_type: 'orders',
    ce_partitionkey: 'k',
    data: '{"total":8}',
  })
  await client.xAdd(stream, '*', { something: 'else' })
  await client.xAdd(stream, '*', { data: Buffer.from([0xff, 0xfe, 0, 1]) })
  await client.xAdd(stream, '*', { data: 'x'.repeat(10 * 1024 * 1024) })
  const after = messageOf('orders', 'a', 2)
  await broker.publish([after])
  const seen: string[] = []
  const positions: string[] = []
  const { byteLength } = Buffer
  let largest = 0
  await broker.subscribe({
    ...{ group: 'g', topics: ['orders'], batch: 1 },
    deliver: async ([one]) => {
      seen.push(`${one!.message.source} ${one!.message.key} ${one!.message.id === before.id || one!.message.id === after.id}`)
      positions.push(one!.position)
      largest = Math.max(largest, byteLength(one!.message.data))
    },
  })
  await until(() => seen.length === 7)
  assert.deepEqual([seen[0], seen[2], seen[6]], ['test a true', 'shop k false', 'test a true'])
  assert.equal(new Set(positions).size, 7)
  assert.ok(largest <= 2 * 1024 * 1024, `${largest} bytes`)
  await caughtUp(broker)
  const shown = await broker.browse({ topic: 'orders', partition: 0, limit: 10 })
  assert.ok(shown.length >= 5)
  assert.equal(shown[1]!.message.data, '{"total":7}')
})

test('work that others send is taken, what others acknowledged is left to nobody', how, async (t) => {
  const server = await serverFor(t, 'redis')
  const client = await clientFor(t, server)
  const broker = await brokerFor(t, { url: server.url, lease: 300 })
  await broker.send([messageOf('print', '', 1), messageOf('print', '', 2)])
  const queue = 'dure:queue:{print}'
  await client.xGroupCreate(queue, 'receivers', '0')
  const words = ['XREADGROUP', 'GROUP', 'receivers', 'python', 'COUNT', '1', 'STREAMS', queue, '>']
  const read = await client.sendCommand<Record<string, [[string]]>>(words)
  await client.xAck(queue, 'receivers', read[queue]![0][0])
  await client.xAdd(queue, '*', { data: '3' })
  const done: string[] = []
  await broker.receive({ queue: 'print', handle: async ({ data }) => void done.push(data) })
  await until(() => done.length === 2)
  assert.deepEqual(done, ['{"n":2}', '3'])
  await until(async () => (await broker.lag()).every(({ lag, members }) => lag === 0 && members === 1))
})

test('retention throws away what is old or too much, tells whose it was, and counts it as lost', how, async (t) => {
  const { url } = await serverFor(t, 'redis')
  const broker = await brokerFor(t, { url, sweep: 100 })
  await broker.declareTopic('orders', { partitions: 1, retention: { ms: 500 } })
  await broker.declareGroup({ group: 'slow', topics: ['orders'] })
  for (let n = 0; n < 5; n++) await broker.publish([messageOf('orders', 'a', n)])
  assert.equal(await broker.retention('orders'), 600)
  const lag = async () => (await broker.lag()).find(({ group }) => group === 'slow')!
  await until(async () => (await lag()).lag === 0)
  assert.equal((await lag()).lost, 5)
  assert.ok(broker.lines.some((line) => line.includes('had not read')))
  const late = messageOf('orders', 'a', 5)
  await broker.publish([late])
  assert.equal((await lag()).lag, 1)
  const seen: string[] = []
  await broker.subscribe({
    group: 'slow',
    topics: ['orders'],
    deliver: async (batch) => void seen.push(...batch.map(({ message }) => message.id)),
  })
  await until(() => seen.length === 1)
  assert.deepEqual(seen, [late.id])

  await broker.declareTopic('large', { retention: { bytes: 500_000 } })
  const data = JSON.stringify({ n: 0, text: 'x'.repeat(10_000) })
  for (let n = 0; n < 200; n++) await broker.publish([{ ...messageOf('large', `k${n}`, n), data }])
  const kept = async (): Promise<number> => {
    let count = 0
    for (let partition = 0; partition < 8; partition++)
      count += (await broker.browse({ topic: 'large', partition, limit: 1_000 })).length
    return count
  }
  await until(async () => (await kept()) <= 60)
  assert.ok((await kept()) >= 20, `${await kept()} kept`)
})

test('a topic that another made with fewer partitions is taken as it is, also in the middle', how, async (t) => {
  const server = await serverFor(t, 'redis')
  const client = await clientFor(t, server)
  const [one, two] = [await brokerFor(t, { url: server.url }), await brokerFor(t, { url: server.url })]
  await one.declareTopic('orders', { partitions: 2 })
  await two.declareTopic('orders', { partitions: 16 })
  assert.equal(await two.partitions('orders'), 2)
  await client.flushAll()
  await two.declareTopic('orders', { partitions: 1 })
  // The first still thinks that there are two.
  await one.publish([messageOf('orders', 'a', 1), messageOf('orders', 'b', 2)])
  assert.equal((await one.browse({ topic: 'orders', partition: 0, limit: 10 })).length, 2)
  assert.equal(partitionOf('a', 1), 0)
  await runtime.timers.sleep(1)
})
