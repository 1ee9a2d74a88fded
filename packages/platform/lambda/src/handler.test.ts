import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import type { Message } from 'dure/contract'
import { structuredText } from 'dure/messaging/adapter'
import { SystemError } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { lambdaHandler, type LambdaOptions } from './lambda.ts'
import { batchEvent, httpEvent, luck, SCHEDULE, shop, type Invoked } from './shop.test-support.ts'

/** A function on a folder, and what it publishes. */
function rig(t: TestContext, options: LambdaOptions = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-lambda-'))
  const published: Message[] = []
  const handler = lambdaHandler(shop(), {
    ...{ directory, instances: 'one', log: silentLogger() },
    publish: async (messages) => void published.push(...messages),
    ...options,
  })
  t.after(async () => {
    await handler.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const invoke = async (event: unknown, ms = 60_000): Promise<unknown> => {
    const until = performance.now() + ms
    return handler(event, { awsRequestId: 'r', getRemainingTimeInMillis: () => until - performance.now() })
  }
  const http = async (route: string, body?: unknown, more: object = {}, ms?: number) =>
    (await invoke(httpEvent(route, body, more), ms)) as Invoked
  /** Rows of its outbox, as another process sees them. */
  const outbox = (): number => {
    const file = new DatabaseSync(join(directory, 'orders.db'), { readOnly: true })
    const [found] = file.prepare('SELECT count(*) AS n FROM dure_outbox').all() as [{ n: number }]
    file.close()
    return found.n
  }
  return { handler, invoke, http, published, outbox, directory }
}

const failures = (ids: readonly string[]) => ({ batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })) })
const payment = (orderId: string, amount = 1): string => JSON.stringify({ orderId, amount })

test('requests are answered by the routes of the contracts, and the outbox is empty after each', async (t) => {
  const { http, published, outbox } = rig(t)
  const placed = await http('POST /orders', { orderId: 'a' })
  assert.deepEqual([placed.statusCode, JSON.parse(placed.body)], [200, { orderId: 'a', paid: 0 }])
  assert.equal(placed.headers['content-type'], 'application/json; charset=utf-8')
  assert.deepEqual([published.map(({ type, key }) => `${type} ${key}`), outbox()], [['order.placed a'], 0])

  assert.equal((await http('GET /orders/a')).statusCode, 200)
  const base64 = { isBase64Encoded: true, body: Buffer.from('{"orderId":"한"}').toString('base64') }
  assert.equal((await http('POST /orders', undefined, base64)).statusCode, 200)
  const staged = { requestContext: { stage: 'live', http: { method: 'GET' } } }
  assert.equal((await http('GET /live/orders/a', undefined, staged)).statusCode, 200)
  // Bad input is the caller's, as through a socket.
  const refused = await http('POST /orders', { order: 1 })
  assert.deepEqual([refused.statusCode, refused.headers['content-type']], [400, 'application/problem+json; charset=utf-8'])
  assert.equal((await http('GET /nowhere')).statusCode, 404)
  assert.equal((await http('PROPFIND /orders')).statusCode, 405)
  const large = await http('GET /large/7000000')
  assert.deepEqual([large.statusCode, JSON.parse(large.body).code], [500, 'OUT_OF_RANGE'])
  assert.equal((await http('GET /health/ready')).statusCode, 200)
})

test('its deadline is the time that the function has left', async (t) => {
  const { http, handler } = rig(t)
  await handler.ready()
  const late = await http('GET /hang', undefined, {}, 600)
  assert.deepEqual([late.statusCode, JSON.parse(late.body).code], [504, 'DEADLINE_EXCEEDED'])
  const sooner = await http('GET /hang', undefined, { headers: { host: 'a', 'Request-Timeout': '0.05' } })
  assert.equal(sooner.statusCode, 504)
})

test('a batch has its effects once: what comes again is known, one key keeps its order', async (t) => {
  const { http, invoke, published, outbox } = rig(t)
  for (const orderId of ['a', 'b']) await http('POST /orders', { orderId })
  published.length = 0
  const batch = batchEvent({ 1: payment('a'), 2: payment('a', 10), 3: payment('b', 5) })
  assert.deepEqual(await invoke(batch), failures([]))
  assert.deepEqual([published.length, outbox()], [3, 0])
  // The platform was not told in time, and brings it again; two at once.
  assert.deepEqual(await Promise.all([invoke(batch), invoke(batch)]), [failures([]), failures([])])
  const paid = async (orderId: string) => (JSON.parse((await http(`GET /orders/${orderId}`)).body) as { paid: number }).paid
  assert.deepEqual([await paid('a'), await paid('b'), published.length], [11, 5, 3])
})

test('what cannot be taken comes again, and with it what is behind it in its group; the rest is done', async (t) => {
  const { http, invoke } = rig(t)
  await http('POST /orders', { orderId: 'a' })
  const unknown = JSON.stringify({ specversion: '1.0', id: 'u', source: 's', type: 'nobody.knows', data: {} })
  assert.deepEqual(await invoke(batchEvent({ 1: payment('a'), 2: unknown })), failures(['2']))
  const fifo = batchEvent({ 3: payment('a'), 4: unknown, 5: payment('a') }, { MessageGroupId: 'g' })
  assert.deepEqual(await invoke(fifo), failures(['4', '5']))
  assert.deepEqual(await invoke(batchEvent({ 6: payment('a') }), 100), failures(['6']), 'no time is left')
  // Text that is no JSON of its type is nobody's trouble but its own: a dead letter, which the platform need not bring again.
  assert.deepEqual(await invoke(batchEvent({ 7: 'no json' })), failures([]))
  assert.equal(JSON.parse((await http('GET /orders/a')).body).paid, 2)
  assert.deepEqual(await invoke(SCHEDULE), { outbox: 0, waiting: 0, dead: 1 })
})

test('what fails by itself is set aside and tried again by an event of a schedule', async (t) => {
  const { http, invoke, published, outbox } = rig(t)
  await http('POST /orders', { orderId: 'a' })
  luck.bad = true
  assert.deepEqual(await invoke(batchEvent({ 1: payment('a', 13), 2: payment('a') })), failures([]))
  luck.bad = false
  const before = published.length
  assert.deepEqual(await invoke(SCHEDULE), { outbox: 0, waiting: 0, dead: 0 })
  assert.deepEqual([published.length - before <= 2, outbox()], [true, 0])
  assert.equal(JSON.parse((await http('GET /orders/a')).body).paid, 14)
})

test('an event of CloudEvents has its effect; of another kind it is refused', async (t) => {
  const { http, invoke } = rig(t)
  await http('POST /orders', { orderId: 'a' })
  const message = { id: 'm1', source: 'bank', type: 'payment', key: 'a', time: 0, schemaVersion: 1, correlationId: 'c' }
  const event = JSON.parse(
    structuredText({ ...message, causationId: undefined, traceparent: undefined, data: payment('a', 3) }),
  ) as object
  assert.deepEqual([await invoke(event), await invoke(event)], [{}, {}])
  assert.equal(JSON.parse((await http('GET /orders/a')).body).paid, 3)
  await assert.rejects(invoke({ ...event, type: 'nobody.knows' }), { code: 'NOT_FOUND' })
  for (const strange of [null, [], 'text', {}, { Records: [] }, { Records: [{ eventSource: 'aws:s3' }] }, { version: '1.0' }])
    await assert.rejects(invoke(strange), TypeError)
})

test('the broker is away: the answer comes in time, and the next invocation delivers', async (t) => {
  let away = true
  const sent: string[] = []
  const publish = async (messages: readonly Message[]): Promise<void> => {
    if (away) throw new Error('connection refused')
    sent.push(...messages.map(({ key }) => key))
  }
  const { http, invoke, handler, outbox } = rig(t, { publish })
  await handler.ready()
  assert.equal((await http('POST /orders', { orderId: 'a' }, {}, 1_000)).statusCode, 200)
  assert.deepEqual([sent, outbox()], [[], 1])
  away = false
  assert.deepEqual(await invoke(SCHEDULE), { outbox: 0, waiting: 0, dead: 0 })
  assert.deepEqual([sent, outbox()], [['a'], 0])
})

test('it cannot start: the invocation says why, in its time, and the next one tries again', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dure-lambda-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const directory = join(folder, 'data')
  writeFileSync(directory, 'no folder')
  const { http, invoke } = rig(t, { directory })
  await assert.rejects(http('GET /health/ready'))
  rmSync(directory)
  // No time is left to start in; it goes on, and is there for the next.
  assert.equal((await http('GET /health/ready', undefined, {}, 1)).statusCode, 504)
  await assert.rejects(invoke(SCHEDULE, 1), { code: 'DEADLINE_EXCEEDED' })
  assert.equal((await http('GET /health/ready')).statusCode, 200)
})

test('what cannot be in a function is refused, with all reasons and what to do', (t) => {
  const { directory } = rig(t)
  assert.throws(
    () => lambdaHandler(shop(), { directory, services: ['orders', 'mail'] }),
    (error: unknown) =>
      error instanceof SystemError &&
      /It has no service "mail"/.test(error.message) &&
      /use PostgreSQL/.test(error.message) &&
      /say where to with "publish"/.test(error.message),
  )
  assert.throws(() => lambdaHandler(shop(), { instances: 'one', publish: async () => {}, margin: -1 }), TypeError)
})
