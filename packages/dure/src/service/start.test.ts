import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { CallError, command, contract, event, query } from '../contract/contract.ts'
import { database, type DatabaseOf } from '../data/data.ts'
import { queue } from '../messaging/messaging.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { preparedKey } from './prepared-keys.ts'
import { service, start, system, SystemError, type Door, type Running, type Service } from './service.ts'
import { quiet, Stock, stockOf, until } from './rig.test-support.ts'

const Placed = event('order.placed', { schema: z.object({ orderId: z.string(), quantity: z.int() }), key: (e) => e.orderId })
const Letters = queue('letters', { schema: z.object({ to: z.string() }), key: (l) => l.to })
const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    place: command({ input: z.object({ orderId: z.string(), quantity: z.int() }), output: z.object({ orderId: z.string() }) }),
    count: query({ output: z.object({ count: z.int() }) }),
  },
  events: [Placed],
})
const Mail = contract('mail', {
  version: '1.0.0',
  owner: 'tests',
  operations: { sent: query({ output: z.object({ placed: z.array(z.string()), letters: z.array(z.string()) }) }) },
})

const stock = stockOf(10)

type OrderTables = { orders: { id: string } }
const orders = service(Orders, {
  needs: { stock: Stock },
  database: database<OrderTables>({ migrations: { '001': 'CREATE TABLE orders (id TEXT PRIMARY KEY)' } }),
  handlers: {
    place: async ({ orderId, quantity }, { database, stock }) => {
      await stock.reserve({ quantity })
      await database.transaction(async (tx) => {
        await tx.insertInto('orders').values({ id: orderId }).execute()
        await tx.publish(Placed, { orderId, quantity })
      })
      return { orderId }
    },
    count: async (_input, { database }) => ({ count: (await database.read.selectFrom('orders').select('id').execute()).length }),
  },
})

type MailTables = { placed: { id: string }; letters: { recipient: string } }
const mail = service(Mail, {
  database: database<MailTables>({
    migrations: { '001': 'CREATE TABLE placed (id TEXT NOT NULL); CREATE TABLE letters (recipient TEXT NOT NULL)' },
  }),
  handlers: {
    sent: async (_input, { database }) => ({
      placed: (await database.read.selectFrom('placed').select('id').execute()).map(({ id }) => id),
      letters: (await database.read.selectFrom('letters').select('recipient').execute()).map(({ recipient }) => recipient),
    }),
  },
  subscriptions: ({ on, work }) => [
    on(Placed, async ({ data }, { tx }) => {
      await tx.insertInto('placed').values({ id: data.orderId }).execute()
      await tx.send(Letters, { to: data.orderId })
    }),
    work(Letters, async ({ data }, { tx }) => {
      await tx.insertInto('letters').values({ recipient: data.to }).execute()
    }),
  ],
})

const shop = (services: readonly Service[] = [orders, mail, stock]) => system('shop', { services })

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dure-start-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

async function run(t: TestContext, directory = folder(t), services?: readonly Service[]): Promise<Running> {
  const running = await start(shop(services), { directory, log: silentLogger() })
  t.after(() => running.stop())
  return running
}

test('services call each other, publish through the outbox, react through the inbox, work through a queue', async (t) => {
  const running = await run(t)
  const client = running.client(Orders)
  await Promise.all(['a', 'b', 'c'].map((orderId) => client.place({ orderId, quantity: 2 })))
  await quiet(running)
  assert.deepEqual(await running.client(Stock).left(), { left: 4 })
  const { placed, letters } = await running.client(Mail).sent()
  assert.deepEqual(
    [placed.toSorted(), letters.toSorted()],
    [
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ],
  )
})

test('a declared error of a callee that the caller does not handle is the caller’s own failure', async (t) => {
  const running = await run(t)
  await assert.rejects(
    running.client(Orders).place({ orderId: 'x', quantity: 99 }),
    (thrown) => thrown instanceof CallError && thrown.code === 'INTERNAL',
  )
  const refused = await running.client(Stock).reserve.attempt({ quantity: 99 })
  assert.ok(!refused.ok && refused.error.data.left === 10)
})

test('a second start on the same folder continues where the first stopped', async (t) => {
  const directory = folder(t)
  const first = await start(shop(), { directory, log: silentLogger() })
  await first.client(Orders).place({ orderId: 'a', quantity: 1 })
  // No waiting for quiet: what is on its way must survive a clean stop.
  await first.stop()
  await first.stop()
  const second = await run(t, directory)
  await quiet(second)
  assert.deepEqual(await second.client(Mail).sent(), { placed: ['a'], letters: ['a'] })
  assert.deepEqual(await second.client(Stock).left(), { left: 9 })
})

test('a command with an idempotency key happens once, answers alike, and refuses another input', async (t) => {
  const directory = folder(t)
  const first = await start(shop(), { directory, log: silentLogger() })
  const call = first.client(Stock)
  const answers = await Promise.all([1, 2, 3].map(() => call.reserve({ quantity: 2 }, { idempotencyKey: 'k1' })))
  assert.deepEqual(answers, [{ left: 8 }, { left: 8 }, { left: 8 }])
  await assert.rejects(
    call.reserve({ quantity: 3 }, { idempotencyKey: 'k1' }),
    (thrown) => thrown instanceof CallError && thrown.code === 'FAILED_PRECONDITION',
  )
  const refusals = await Promise.all([1, 2].map(() => call.reserve.attempt({ quantity: 99 }, { idempotencyKey: 'k2' })))
  assert.ok(refusals.every((one) => !one.ok && one.error.data.left === 8))
  await assert.rejects(
    call.reserve({ quantity: 1 }, { idempotencyKey: '' }),
    (thrown) => thrown instanceof CallError && thrown.code === 'INVALID_ARGUMENT',
  )
  await first.stop()
  const second = (await run(t, directory)).client(Stock)
  assert.deepEqual(await second.reserve({ quantity: 2 }, { idempotencyKey: 'k1' }), { left: 8 })
  assert.ok(!(await second.reserve.attempt({ quantity: 99 }, { idempotencyKey: 'k2' })).ok)
  assert.deepEqual(await second.left(), { left: 8 })
})

test('a command that committed and lost its answer is not done twice; an idempotent one is under a key that nobody gave', async (t) => {
  let crash = true
  let done = 0
  const output = z.object({ ok: z.boolean() })
  const operations = { go: command({ output }), again: command({ output, idempotent: true }) }
  const Once = contract('once', { version: '1.0.0', owner: 'tests', operations })
  const effect = async (_input: unknown, { database }: { database: DatabaseOf<{ t: { n: number } }> }) => {
    await database.transaction(async (tx) => void (await tx.insertInto('t').values({ n: ++done }).execute()))
    if (crash) throw new Error('the process dies here')
    return { ok: true }
  }
  const once = service(Once, {
    database: database<{ t: { n: number } }>({ migrations: { '001': 'CREATE TABLE t (n INTEGER)' } }),
    handlers: { go: effect, again: effect },
  })
  const running = await start(system('s', { services: [once] }), { directory: folder(t), log: silentLogger() })
  t.after(() => running.stop())
  const { go, again } = running.client(Once)
  const prepared = preparedKey('orders/placed', 'a message')
  for (const each of [go, again]) {
    for (const idempotencyKey of ['k', prepared]) await assert.rejects(each(undefined, { idempotencyKey }))
  }
  crash = false
  for (const call of [
    () => go(undefined, { idempotencyKey: 'k' }),
    () => go(undefined, { idempotencyKey: prepared }),
    () => again(undefined, { idempotencyKey: 'k' }),
  ]) {
    await assert.rejects(call, (thrown) => thrown instanceof CallError && thrown.code === 'ALREADY_EXISTS')
  }
  assert.equal(done, 4)
  assert.deepEqual(await go(undefined, { idempotencyKey: 'other' }), { ok: true })
  for (let n = 0; n < 2; n++) assert.deepEqual(await again(undefined, { idempotencyKey: prepared }), { ok: true })
  assert.equal(done, 6)
})

test('a poisonous event becomes a dead letter that holds its key, and goes on when it is retried', async (t) => {
  let poisonous = true
  const handled: string[] = []
  const watcher = service(contract('watcher', { version: '1.0.0', owner: 'tests', operations: {} }), {
    database: database<{ t: { n: number } }>({ migrations: { '001': 'CREATE TABLE t (n INTEGER)' } }),
    handlers: {},
    subscriptions: ({ on }) => [
      on(Placed, {
        retry: { attempts: 2, first: 1 },
        handle: ({ data }) => {
          if (poisonous && data.quantity === 1) throw new Error('cannot stomach this')
          handled.push(`${data.orderId}/${data.quantity}`)
        },
      }),
    ],
  })
  const source = service(Orders, {
    database: database<OrderTables>({ migrations: { '001': 'CREATE TABLE orders (id TEXT)' } }),
    handlers: {
      place: async ({ orderId, quantity }, { database }) => {
        await database.transaction((tx) => tx.publish(Placed, { orderId, quantity }))
        return { orderId }
      },
      count: () => ({ count: 0 }),
    },
  })
  const running = await run(t, folder(t), [source, watcher])
  const client = running.client(Orders)
  for (const [orderId, quantity] of [
    ['a', 1],
    ['a', 2],
    ['b', 1],
    ['b', 2],
    ['c', 3],
  ] as const)
    await client.place({ orderId, quantity })
  await until(async () => (await running.status()).services.some(({ dead }) => dead === 4))
  assert.deepEqual(handled, ['c/3'])
  const letters = running.deadLetters('watcher')!
  assert.deepEqual(
    (await running.lag()).consumers.map(({ consumer, deadLetters, held }) => [consumer, deadLetters, held]),
    [['watcher/order.placed', 2, 2]],
  )
  poisonous = false
  await letters.retry({})
  await quiet(running)
  assert.deepEqual(handled.toSorted(), ['a/1', 'a/2', 'b/1', 'b/2', 'c/3'])
  assert.ok(handled.indexOf('a/1') < handled.indexOf('a/2') && handled.indexOf('b/1') < handled.indexOf('b/2'))
  assert.deepEqual(await running.deadLetters('orders')!.list(), [])
})

test('health says who is ready and why not', async (t) => {
  const picky = service(Mail, {
    database: database<MailTables>({
      migrations: { '001': 'CREATE TABLE placed (id TEXT); CREATE TABLE letters (recipient TEXT)' },
    }),
    handlers: { sent: () => ({ placed: [], letters: [] }) },
    ready: () => 'the post office is closed',
  })
  const running = await run(t, folder(t), [orders, stock, picky])
  const health = await running.health()
  assert.equal(health.live, true)
  assert.equal(health.ready, false)
  assert.deepEqual(health.services.map(({ service, ready, reasons }) => [service, ready, reasons]).toSorted(), [
    ['mail', false, ['the post office is closed']],
    ['orders', true, []],
    ['stock', true, []],
  ])
})

test('a system is ready once its last door is open: who has read that it is may end it', async (t) => {
  const seen: boolean[] = []
  const door = (name: string): Door => ({
    name,
    open: async (host) => {
      seen.push((await host.health()).ready)
      return { url: undefined, close: async () => {} }
    },
  })
  const doors = [door('first'), door('last')]
  const running = await start(system('s', { services: [stock], doors }), { directory: folder(t), log: silentLogger() })
  t.after(() => running.stop())
  assert.deepEqual(seen, [false, false])
  assert.equal((await running.health()).ready, true)
})

test('a stop waits for calls under way, and turns new ones away', async (t) => {
  let finish: () => void = () => {}
  const Slow = contract('slow', { version: '1.0.0', owner: 'tests', operations: { go: command({ output: z.string() }) } })
  const slow = service(Slow, { handlers: { go: () => new Promise<string>((resolve) => (finish = () => resolve('done'))) } })
  const running = await start(system('s', { services: [slow] }), { directory: folder(t), log: silentLogger() })
  const client = running.client(Slow)
  const answer = client.go()
  const stopped = running.stop()
  // Reactions are drained before calls are turned away.
  await new Promise((resolve) => void setImmediate(resolve))
  await assert.rejects(client.go(), (thrown) => thrown instanceof CallError && thrown.code === 'UNAVAILABLE')
  finish()
  assert.equal(await answer, 'done')
  await stopped
})

test('a system that cannot work is refused with everything that is wrong', () => {
  const A = contract('a', { version: '1.0.0', owner: 'tests', operations: { go: command({}) } })
  const B = contract('b', { version: '1.0.0', owner: 'tests', operations: {} })
  const Nobody = event('nobody.announces', { schema: z.object({}), key: () => 'k' })
  const a = service(A, { needs: { b: B }, handlers: { go: () => {} } })
  const b = service(B, {
    needs: { a: A, log: Orders },
    handlers: { extra: () => {} } as never,
    subscriptions: ({ on }) => [on(Nobody, () => {})],
  })
  const without = service(contract('c', { version: '1.0.0', owner: 'tests', operations: A.operations }), {
    handlers: {} as never,
  })
  assert.throws(() => system('twice', { services: [without, without] }), /2 services are named "c"/)
  assert.throws(
    () => system('broken', { services: [a, b, without] }),
    (thrown) => {
      assert.ok(thrown instanceof SystemError)
      const text = thrown.problems.join('\n')
      for (const expected of [
        /needs "orders", which is not in the system/,
        /a → b → a/,
        /no handler for its operation "go"/,
        /handler "extra"/,
        /has no database/,
        /"nobody.announces", which no contract/,
        /a need "log"/,
      ]) {
        assert.match(text, expected)
      }
      return true
    },
  )
  assert.throws(() => system('empty', { services: [] }), SystemError)
})

test('when one part cannot start, the others are stopped and the error says why', async (t) => {
  const directory = folder(t)
  const broken = system('shop', {
    services: [orders, stock, mail],
    doors: [
      {
        name: 'stuck',
        open: async () => {
          throw new Error('Cannot open the door: it is stuck')
        },
      },
    ],
  })
  await assert.rejects(start(broken, { directory, log: silentLogger() }), /it is stuck/)
  // Nothing was left open: the same folder starts again.
  await (await run(t, directory)).client(Stock).left()
})
