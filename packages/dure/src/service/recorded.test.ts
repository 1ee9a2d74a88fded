import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { CallError, command, contract, event } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { embeddedBroker, type Broker, type RetryPolicy } from '../messaging/messaging.ts'
import { silentLogger, type Span, type TelemetryOptions, type TelemetrySink } from '../telemetry/telemetry.ts'
import { service, start, system, type Adapter } from './service.ts'
import { quiet, until } from './rig.test-support.ts'

const Placed = event('order.placed', { schema: z.object({ orderId: z.string() }), key: (e) => e.orderId })
const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  operations: { place: command({ input: z.object({ orderId: z.string() }) }) },
  events: [Placed],
})
const Addresses = contract('addresses', { version: '1.0.0', owner: 'tests', operations: { find: command({}) } })
const Mail = contract('mail', { version: '1.0.0', owner: 'tests', operations: {} })

const addresses = service(Addresses, { handlers: { find: () => undefined } })

const orders = service(Orders, {
  database: database<{ orders: { id: string } }>({ migrations: { '001': 'CREATE TABLE orders (id TEXT PRIMARY KEY)' } }),
  handlers: {
    place: async ({ orderId }, { database }) =>
      database.transaction(async (tx) => {
        await tx
          .insertInto('orders')
          .values([{ id: orderId }, { id: `${orderId} again` }])
          .execute()
        await tx.publish(Placed, { orderId })
      }),
  },
})

async function run(
  t: TestContext,
  options: {
    telemetry?: TelemetryOptions
    retry?: Partial<RetryPolicy>
    fails?: (attempt: number) => boolean
    refuses?: boolean
  },
) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-recorded-'))
  const spans: Span[] = []
  const nothing = (): Promise<void> => Promise.resolve()
  const sink: TelemetrySink = {
    ...{ name: 'test', take: (span) => void spans.push(span), dropped: () => 0, flush: nothing, stop: nothing },
  }
  let tries = 0
  const mail = service(Mail, {
    needs: { addresses: Addresses },
    database: database({ migrations: {} }),
    handlers: {},
    subscriptions: ({ on }) => [
      on(Placed, {
        retry: { first: 1, max: 2, ...options.retry },
        prepare: async (_event, { addresses }) => addresses.find(),
        handle: () => {
          if (options.fails?.(++tries) === true) throw new Error('No such address')
        },
      }),
    ],
  })
  const telemetry = { store: false, ...options.telemetry, exporters: [() => sink] } as const
  let opened: Broker | undefined
  const broker: Adapter<Broker> = async (world) => {
    opened = await embeddedBroker({ durability: 'process' })(world)
    const refuse = (): Promise<never> => Promise.reject(new CallError('INVALID_ARGUMENT', 'It is not to my taste'))
    return options.refuses === true ? { ...opened, publish: refuse } : opened
  }
  const shop = system('shop', { services: [orders, mail, addresses], telemetry, broker })
  const running = await start(shop, { directory, log: silentLogger() })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const named = (name: string): readonly Span[] => spans.filter((span) => span.name === name)
  return { running, spans, named, broker: () => opened!, place: (orderId: string) => running.client(Orders).place({ orderId }) }
}

const NAMES = [
  'addresses.find',
  'orders.place',
  'prepare order.placed',
  'process order.placed',
  'publish order.placed',
  'relay order.placed',
  'transaction orders',
]
const namesOf = (spans: readonly Span[]): string[] => [...new Set(spans.map(({ name }) => name))].toSorted()

test('a quiet system keeps every trace without being asked to', async (t) => {
  const { running, spans, place } = await run(t, {})
  for (let i = 0; i < 5; i++) await place(`o${i}`)
  await quiet(running)
  const traces = Map.groupBy(spans, ({ traceId }) => traceId)
  assert.equal(traces.size, 5)
  for (const own of traces.values()) assert.deepEqual(namesOf(own), NAMES)
})

test('spans say which message, whose conversation, from where, and how much a transaction did', async (t) => {
  const { running, named, place } = await run(t, {})
  await place('a')
  await quiet(running)
  const [publish, process, transaction, relay] = ['publish', 'process', 'transaction', 'relay'].map(
    (word) => named(word === 'transaction' ? 'transaction orders' : `${word} order.placed`)[0]!.attributes,
  )
  const id = publish!['messaging.message.id']
  const conversation = publish!['messaging.message.conversation_id']
  for (const one of [process!, relay!])
    assert.deepEqual([one['messaging.message.id'], one['messaging.message.conversation_id']], [id, conversation])
  assert.match(String(conversation), /^[0-9a-f-]{36}$/)
  assert.match(String(process!['messaging.destination.partition.id']), /^[0-7]$/)
  assert.deepEqual([process!['dure.message.attempt'], typeof process!['dure.message.position']], [1, 'string'])
  assert.equal(relay!['messaging.batch.message_count'], 1)
  assert.deepEqual([publish!['dure.message.key'], process!['dure.message.key']], ['a', 'a'])
  // Two rows of the handler's, one of the outbox.
  assert.deepEqual([transaction!['dure.transaction.statements'], transaction!['dure.transaction.rows']], [2, 3])
})

test('a message that fails has what led to it told of, though nothing was sampled', async (t) => {
  const { running, spans, named, place } = await run(t, { telemetry: { sampling: 0 }, fails: (attempt) => attempt === 1 })
  await place('a')
  await until(() => named('orders.place').length > 0)
  await quiet(running)
  await until(() => named('process order.placed').length === 2)
  assert.deepEqual(namesOf(spans), NAMES)
  assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1)
  assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length)
  const [publish] = named('publish order.placed')
  const tries = named('process order.placed')
  assert.deepEqual(
    tries.map(({ parentId, status, attributes }) => [parentId, status, attributes['dure.message.attempt']]),
    [
      [publish!.spanId, 'error', 1],
      [publish!.spanId, 'unset', 2],
    ],
  )
  assert.equal(tries[0]!.attributes['dure.message.next_try_within_ms'], 1)
  assert.equal(named('transaction orders')[0]!.attributes['dure.transaction.rows'], 3)
  assert.equal(publish!.attributes['messaging.message.id'], tries[0]!.attributes['messaging.message.id'])
})

test('of many tries of one message the first and the last are told of, and between them fewer and fewer', async (t) => {
  for (const [dead, last] of [
    [false, 20],
    [true, 23],
  ] as const) {
    const { named, place } = await run(t, {
      telemetry: { sampling: 0 },
      retry: { attempts: 23 },
      fails: (attempt) => dead || attempt < last,
    })
    await place('a')
    // What went well of the first was recorded, and is told of a moment later.
    const attempts = (name: string): number[] =>
      named(name)
        .map(({ attributes }) => Number(attributes['dure.message.attempt']))
        .toSorted((a, b) => a - b)
    await until(() => attempts('process order.placed').includes(last))
    assert.deepEqual(attempts('process order.placed'), [1, 2, 4, 8, 16, last])
    // With what they did.
    assert.deepEqual(attempts('prepare order.placed'), [1, 2, 4, 8, 16, last])
    const [error] = named('process order.placed').slice(-1)
    assert.deepEqual([error!.status, error!.attributes['dure.message.dead']], dead ? ['error', true] : ['unset', undefined])
  }
})

test('a message that nobody can read has what led to it told of', async (t) => {
  const { running, spans, named, broker } = await run(t, { telemetry: { sampling: 0 } })
  const sent = {
    id: '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b',
    source: 'elsewhere',
    type: 'order.placed',
    key: 'a',
    time: 0,
    schemaVersion: 1,
  }
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'
  await broker().publish([{ ...sent, correlationId: 'c', causationId: undefined, traceparent, data: '{"orderId":7}' }])
  await until(() => spans.length > 0)
  await quiet(running)
  const [poison] = named('process order.placed')
  assert.deepEqual(
    [poison!.status, poison!.attributes['dure.message.dead'], poison!.attributes['messaging.message.conversation_id']],
    ['error', true, 'c'],
  )
})

test('a message that the broker does not take has what led to it told of', async (t) => {
  const { named, place } = await run(t, { telemetry: { sampling: 0 }, refuses: true })
  await place('a')
  await until(() => named('orders.place').length > 0)
  const [relay] = named('relay order.placed')
  assert.deepEqual(
    [relay!.status, relay!.message, relay!.parentId],
    ['error', 'It is not to my taste', named('publish order.placed')[0]!.spanId],
  )
})

test('what goes well and was not sampled is not told of', async (t) => {
  const { running, spans, place } = await run(t, { telemetry: { sampling: 0 } })
  for (let i = 0; i < 20; i++) await place(`o${i}`)
  await quiet(running)
  await running.stop()
  assert.deepEqual(spans, [])
})
