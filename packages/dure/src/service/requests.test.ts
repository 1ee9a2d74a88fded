import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Message } from '../contract/contract.ts'
import { CallError, command, contract } from '../contract/contract.ts'
import { noSql, testAdapter } from '../data/adapter.conformance.ts'
import { database } from '../data/data.ts'
import { embeddedBroker, type Broker } from '../messaging/messaging.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { orders, Orders, ReserveStock, shop, stock, Stock, type Where } from './requests.test-support.ts'
import { quiet, until } from './rig.test-support.ts'
import { service, start, system, type Service } from './service.ts'

const KILLED = fileURLToPath(new URL('./requests-killed.child.test-support.ts', import.meta.url))
const options = { skip: noSql, timeout: 60_000 }

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dure-requests-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A shop whose broker can be spoken to. */
async function open(t: TestContext, services: readonly Service[]) {
  let broker: Broker | undefined
  const made = embeddedBroker()
  const running = await start(
    system('shop', {
      services,
      database: testAdapter as never,
      broker: Object.assign(async (world: never) => (broker = await made(world)), made),
    }),
    { directory: folder(t), log: silentLogger() },
  )
  t.after(() => running.stop())
  const place = (order: string, quantity: number, timeout?: number): Promise<string> =>
    running.client(Orders).place({ order, quantity, timeout })
  const outcomes = () => running.client(Orders).outcomes()
  return { running, broker: broker!, place, outcomes, open: () => openRequests(running) }
}

const openRequests = async (running: Awaited<ReturnType<typeof start>>) =>
  (await running.ask('orders', { kind: 'request', method: 'list', input: undefined })) as readonly { id: string }[]

const reply = (request: string, body: unknown, others: Partial<Message> = {}): Message => ({
  ...{ id: crypto.randomUUID(), source: 'stranger', type: 'reserve-stock.reply.orders', key: 'a', time: 0, schemaVersion: 1 },
  ...{ correlationId: 'c', causationId: request, traceparent: undefined, data: JSON.stringify(body) },
  ...others,
})

test('a request is answered by a message, which its sender is told of once', options, async (t) => {
  const { place, outcomes, running, open: still } = await open(t, [orders, stock()])
  const id = await place('a', 3)
  await until(async () => (await outcomes()).length === 1)
  await quiet(running)
  assert.deepEqual(await outcomes(), [{ order: 'a', request: id, outcome: '7 true' }])
  assert.deepEqual(await still(), [])
})

for (const [where, noted] of [
  ['thrown', 0],
  ['returned', 1],
] as const satisfies readonly (readonly [Where, number])[])
  test(
    `a declared error that is ${where} is the reply, ${noted === 0 ? 'and nothing else is done' : 'beside what was done'}`,
    options,
    async (t) => {
      const { place, outcomes, running } = await open(t, [orders, stock(() => where)])
      const id = await place('a', 11)
      await until(async () => (await outcomes()).length === 1)
      await quiet(running)
      assert.deepEqual(await outcomes(), [{ order: 'a', request: id, outcome: 'OUT_OF_STOCK 10 true' }])
      assert.deepEqual(await running.client(Stock).left(), { left: 10, noted })
      assert.equal((await running.status()).services.find(({ service: name }) => name === 'stock')?.dead, 0)
    },
  )

test('a participant that is killed in the midst answers once, when it is back', options, async (t) => {
  const directory = folder(t)
  const child = spawnSync(process.execPath, ['--conditions=dure-source', KILLED, directory], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  assert.equal(child.signal, 'SIGKILL')
  const running = await shop(directory)
  t.after(() => running.stop())
  await until(async () => (await running.client(Orders).outcomes()).length === 1)
  await quiet(running)
  assert.deepEqual(
    (await running.client(Orders).outcomes()).map(({ outcome }) => outcome),
    ['7 true'],
  )
  assert.deepEqual(await running.client(Stock).left(), { left: 7, noted: 1 })
})

test('of two replies the first counts, and one to no request of ours is left alone', options, async (t) => {
  const { place, outcomes, broker, running } = await open(t, [orders])
  const id = await place('a', 3)
  const output = { left: 1, at: new Date(0).toISOString() }
  await broker.send([
    reply('nobody asked', { output }),
    reply(id, { output }),
    reply(id, { error: { code: 'DEADLINE_EXCEEDED' } }),
  ])
  await until(async () => (await outcomes()).length > 0)
  await until(async () => (await running.status()).services.every(({ inHand }) => inHand === 0))
  assert.deepEqual(await outcomes(), [{ order: 'a', request: id, outcome: '1 true' }])
})

test(
  'a reply that cannot be read becomes a dead letter, and its request stays open until its time is over',
  options,
  async (t) => {
    const { place, outcomes, broker, running, open: still } = await open(t, [orders])
    const id = await place('a', 3, 300)
    const broken = [
      { output: { left: 'none' } },
      { error: { code: 'NO_SUCH' } },
      {},
      'text',
      null,
      { error: { code: 'OUT_OF_STOCK', data: {} } },
    ]
    await broker.send(broken.map((body, n) => reply(id, body, { key: `k${n}` })))
    const dead = () => running.deadLetters('orders')!.list()
    await until(async () => (await dead()).length === broken.length)
    assert.match(
      (await dead()).map(({ error }) => error).join('\n'),
      /Cannot read reply .* to "reserve-stock": it says "NO_SUCH"/,
    )
    await until(async () => (await outcomes()).length > 0)
    assert.deepEqual(await outcomes(), [{ order: 'a', request: id, outcome: 'DEADLINE_EXCEEDED' }])
    assert.deepEqual(await still(), [])
  },
)

test('a poison request is a dead letter of its participant; its sender hears that its time is over', options, async (t) => {
  const { place, outcomes, running } = await open(t, [
    orders,
    stock((order) => (order === 'bad' ? 'poison' : order === 'wrong' ? 'wrong' : 'thrown')),
  ])
  for (const order of ['bad', 'wrong', 'good']) await place(order, 1, 500)
  await until(async () => (await outcomes()).length === 3)
  const found = new Map((await outcomes()).map(({ order, outcome }) => [order, outcome]))
  assert.deepEqual([found.get('bad'), found.get('wrong')], ['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED'])
  assert.match(found.get('good')!, /true/)
  const letters = await running.deadLetters('stock')!.list()
  assert.deepEqual(letters.map(({ message }) => message.key).toSorted(), ['bad', 'wrong'])
  // Somebody mends it weeks later: nobody is told a second time.
  assert.deepEqual(await running.client(Stock).left(), { left: 9, noted: 1 })
})

test('whoever wants the reply on a queue of others is refused', options, async (t) => {
  const { broker, running } = await open(t, [orders, stock()])
  const data = JSON.stringify({ order: 'a', quantity: 1 })
  await broker.send([reply('x', 0, { type: ReserveStock.name, replyTo: 'payments', data })])
  await until(async () => (await running.deadLetters('stock')!.list()).length === 1)
  assert.deepEqual(await running.client(Stock).left(), { left: 10, noted: 0 })
})

test('a request without a reaction to its replies is refused with what to do', options, async (t) => {
  const Deaf = contract('deaf', { version: '1.0.0', owner: 'tests', operations: { ask: command({}) } })
  let refusal: unknown
  const deaf = service(Deaf, {
    database: database<{}>({ migrations: {} }),
    handlers: {
      ask: async (_, { database: own }) => {
        await own
          .transaction((tx) => tx.request(ReserveStock, { order: 'a', quantity: 1 }))
          .catch((error: unknown) => (refusal = error))
      },
    },
  })
  const running = await start(system('s', { services: [deaf, stock()], database: testAdapter as never }), {
    directory: folder(t),
    log: silentLogger(),
  })
  t.after(() => running.stop())
  await running.client(Deaf).ask()
  assert.ok(refusal instanceof CallError)
  assert.match(refusal.message, /Requesting "reserve-stock" was refused.*To do: add `replies/)
})
