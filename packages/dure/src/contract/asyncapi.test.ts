import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiagnosticSeverity, Parser } from '@asyncapi/parser'
import { z } from 'zod'
import { asyncapi, contract, ContractError, error, event, request } from './contract.ts'

// oxlint-disable-next-line typescript/no-explicit-any
type Drawn = any

const Folder: z.ZodType = z.object({
  name: z.string(),
  get inside() {
    return z.map(z.string(), Folder)
  },
})
const Placed = event('order.placed', {
  schema: z.object({
    orderId: z.uuid(),
    at: z.date(),
    total: z.bigint(),
    pair: z.tuple([z.string(), z.date()]),
    byShop: z.map(z.string(), z.set(z.bigint())),
    raw: z.instanceof(Uint8Array),
    folder: Folder,
    any: z.unknown(),
  }),
  key: (e) => e.orderId,
  version: 3,
  upcast: { 1: (old) => old, 2: (old) => old },
  description: 'A customer placed an order',
})
const Gone = event('order.gone', { schema: z.object({ orderId: z.uuid() }), key: (e) => e.orderId })
const Orders = contract('orders', { version: '2.0.0', owner: 'team', operations: {}, events: [Placed, Gone] })
const Empty = contract('empty', { version: '1.0.0', owner: 'team', operations: {} })

async function draw(...args: Parameters<typeof asyncapi>): Promise<Drawn> {
  const text = JSON.stringify(asyncapi(...args))
  const { diagnostics } = await new Parser().parse(text)
  assert.deepEqual(
    diagnostics.filter((each) => each.severity === DiagnosticSeverity.Error),
    [],
  )
  return JSON.parse(text)
}

test('events of every wire type make a valid AsyncAPI 3 document', async () => {
  const document = await draw([Orders, Empty], {
    title: 'Shop',
    servers: { main: { host: 'localhost:9092', protocol: 'kafka' } },
  })
  assert.equal(document.asyncapi, '3.0.0')
  assert.deepEqual(Object.keys(document.channels), ['order.placed', 'order.gone'])
  assert.equal(document.operations['orders.order.placed'].action, 'send')
  const message = document.components.messages['order.placed']
  assert.equal(message['x-dure-schema-version'], 3)
  assert.equal(message.payload.properties.schemaversion.maximum, 3)
  assert.equal(message.payload.properties.type.const, 'order.placed')
  assert.equal(message.payload.properties.partitionkey.description, 'Events of one key keep their order: {orderId}')
})

test('tuples are said as JSON Schema draft 7 says them', () => {
  const { pair } = (asyncapi([Orders], { title: 'Shop' }) as Drawn).components.messages['order.placed'].payload.properties.data
    .properties
  assert.equal(pair.items.length, 2)
  assert.equal(pair.additionalItems, false)
  assert.equal(pair.prefixItems, undefined)
})

test('a system without events has a valid document too', async () => {
  assert.deepEqual((await draw([Empty], { title: 'Quiet', version: '9.0.0' })).info.version, '9.0.0')
})

test('requests and their replies are in it, with where the reply goes', async () => {
  const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ left: z.int() }) })
  const Reserve = request('reserve-stock', {
    key: ({ order }) => order,
    input: z.object({ order: z.string() }),
    output: z.object({ at: z.date() }),
    errors: { OutOfStock },
  })
  const Release = request('release-stock', { input: z.object({ order: z.string() }) })
  const Stock = contract('stock', { version: '1.0.0', owner: 'team', operations: {}, requests: [Reserve, Release] })
  const { channels, operations, components } = await draw([Stock], { title: 'Shop' })
  assert.deepEqual(Object.keys(channels), ['reserve-stock', 'reserve-stock.reply', 'release-stock', 'release-stock.reply'])
  const { action, reply } = operations['stock.reserve-stock']
  assert.deepEqual(
    [action, reply.address.location, reply.channel],
    ['receive', '$message.payload#/replyto', { $ref: '#/channels/reserve-stock.reply' }],
  )
  const [output, refusal] = components.messages['reserve-stock.reply'].payload.properties.data.oneOf
  assert.deepEqual(output.required, ['output'])
  assert.equal(refusal.properties.error.properties.code.const, 'OUT_OF_STOCK')
})

test('a request that could not be kept is refused with its place', () => {
  const refused = (requests: readonly unknown[]): string => {
    try {
      contract('stock', { version: '1.0.0', owner: 'team', operations: {}, requests: requests as never })
    } catch (thrown) {
      assert.ok(thrown instanceof ContractError)
      return thrown.problems.map(({ where }) => where).join()
    }
    return ''
  }
  const input = z.object({})
  assert.equal(refused([request('a', { input, output: z.function() as never })]), 'stock request "a" output')
  assert.equal(refused([request('a', { input, errors: { Bad: error('bad' as never) } })]), 'stock request "a" error Bad')
  assert.equal(refused([Gone]), 'stock requests')
  assert.equal(refused([request('a', { input }), request('a', { input })]), 'stock request "a"')
})

test('servers, who reacts, and what the protocol of the broker has words for', async () => {
  const Kept = event('stock.counted', {
    schema: z.object({ sku: z.string() }),
    key: (e) => e.sku,
    topic: 'stock',
    partitions: 12,
    retention: { ms: Infinity, bytes: 1_000 },
  })
  const Count = request('count-stock', { input: z.object({ sku: z.string() }) })
  const Stock = contract('stock', { version: '1.0.0', owner: 'team', operations: {}, events: [Kept], requests: [Count] })
  const readers = [
    { service: 'shop', name: 'stock.counted', event: 'stock.counted' },
    { service: 'stock', name: 'count again', event: 'stock.counted' },
    { service: 'shop', name: 'other', event: 'nothing' },
  ]
  const host = 'broker.internal:1'
  const document = await draw([Stock], {
    title: 'Shop',
    readers,
    servers: Object.fromEntries(['kafka', 'amqps', 'nats', 'redis', 'mqtt'].map((protocol) => [protocol, { host, protocol }])),
  })
  assert.deepEqual(Object.keys(document.operations), [
    'stock.stock.counted',
    'shop.stock.counted.reads',
    'stock.count-again.reads',
    'stock.count-stock',
  ])
  const reads = document.operations['stock.count-again.reads']
  assert.deepEqual([reads.action, reads.channel], ['receive', { $ref: '#/channels/stock' }])
  assert.deepEqual(reads.bindings, { kafka: { groupId: { type: 'string', enum: ['stock/count again'] } } })
  const queue = (name: string): object => ({ is: 'queue', queue: { name, durable: true, exclusive: false, autoDelete: false } })
  assert.deepEqual(document.channels.stock.bindings, {
    kafka: { topic: 'stock', partitions: 12, topicConfiguration: { 'retention.ms': -1, 'retention.bytes': 1_000 } },
    amqp: queue('stock'),
  })
  assert.deepEqual(document.channels['count-stock'].bindings.amqp, queue('count-stock'))
  assert.deepEqual(document.components.messages['stock.counted'].bindings, {
    kafka: { key: { type: 'string', description: '{sku}' } },
  })
  assert.deepEqual(
    document.info.tags.map(({ name }: { readonly name: string }) => name),
    ['stock', 'shop'],
  )
  // As a broker calls them, and with nothing where its protocol has no words.
  const address = (what: string, name: string): string => `dure.${what}.${name}`
  const other = await draw([Stock], { title: 'Shop', address, servers: { nats: { host, protocol: 'nats' } } })
  assert.deepEqual(
    [other.channels.stock.address, other.channels['count-stock'].address],
    ['dure.topic.stock', 'dure.queue.count-stock'],
  )
  assert.equal(other.channels.stock.bindings, undefined)
})
