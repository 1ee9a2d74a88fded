import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { CallError, contract, event } from 'dure/contract'
import { embeddedBroker } from 'dure/messaging'
import { service, system } from 'dure/service'
import { z } from 'zod'
import { fake, testSystem, type TestSystem, type TestSystemOptions } from './component.ts'
import { Declined, Lost, Orders, orders, Packed, Payment, Placed, Print, Shipped, Warehouse } from './shop.test-support.ts'

const code = (status: string) => (thrown: unknown) => thrown instanceof CallError && thrown.code === status
const payment = service(Payment, { handlers: { charge: () => assert.fail(), receipts: assert.fail, count: assert.fail } })
const charged = () => fake(Payment, { charge: ({ orderId }) => ({ receipt: `r-${orderId}` }) })
const states = async (test: TestSystem) => (await test.client(Orders).list()).map(({ id, state }) => `${id} ${state}`)

for (const time of ['real', 'virtual'] as const) {
  test(`a service is called, its need answered by a fake, and what it published is recorded (${time} time)`, async () => {
    const payment = charged()
    await using test = await testSystem(orders, { fakes: [payment], time })
    assert.deepEqual(await test.client(Orders).place({ orderId: 'a' }), { orderId: 'a' })
    await test.settled()
    assert.deepEqual(payment.calls('charge'), [{ orderId: 'a', amount: 7 }])
    const [placed, ...more] = test.published(Placed)
    assert.deepEqual([placed?.data, placed?.source, placed?.key, more], [{ orderId: 'a', receipt: 'r-a' }, 'orders', 'a', []])
    assert.deepEqual(
      test.published(Print).map(({ data }) => data.orderId),
      ['a'],
    )
    assert.deepEqual(await states(test), ['a printed'])
  })

  test(`an event comes as from the service that announces it, more than once, and has its effect once (${time} time)`, async () => {
    await using test = await testSystem(orders, { fakes: [charged(), fake(Warehouse)], time })
    await test.client(Orders).place({ orderId: 'a' })
    const at = new Date(5)
    await test.settled()
    await test.publish(Packed, { orderId: 'a', at }, { times: 3 })
    await test.settled()
    assert.deepEqual(await states(test), ['a shipped'])
    assert.deepEqual(
      test.published(Shipped).map(({ data }) => data),
      [{ orderId: 'a', at }],
    )
    // What was brought is not what the system published.
    assert.deepEqual(test.published(Packed), [])
  })

  test(`a killed system comes again with what it had committed, and a call under way is cut off (${time} time)`, async () => {
    const answered = Promise.withResolvers<{ receipt: string }>()
    const asked = Promise.withResolvers<void>()
    const payment = fake(Payment, {
      charge: ({ orderId }) => {
        if (orderId !== 'b') return { receipt: '' }
        asked.resolve()
        return answered.promise
      },
    })
    await using test = await testSystem(orders, { fakes: [payment], time })
    const client = test.client(Orders)
    await client.place({ orderId: 'a' })
    const cut = assert.rejects(client.place({ orderId: 'b' }, { timeout: 60_000 }), code('UNAVAILABLE'))
    await asked.promise
    await test.kill()
    await cut
    answered.resolve({ receipt: '' })
    await test.settled()
    assert.deepEqual(await states(test), ['a printed'])
    assert.equal(test.published(Placed).length, 1)
    await client.place({ orderId: 'c' })
  })
}

test('faults of a need: killed it is away, frozen it meets the deadline, dropped it has done what nobody hears', async () => {
  const payment = charged()
  await using test = await testSystem(orders, { fakes: [payment], time: 'virtual' })
  const { place } = test.client(Orders)
  const revive = test.fault(Payment, 'kill')
  await assert.rejects(place({ orderId: 'a' }), code('UNAVAILABLE'))
  revive()
  const thaw = test.fault(Payment, 'freeze')
  await assert.rejects(place({ orderId: 'b' }), code('DEADLINE_EXCEEDED'))
  thaw()
  const heal = test.fault(Payment, 'drop')
  await assert.rejects(place({ orderId: 'c' }), code('UNAVAILABLE'))
  heal()
  await place({ orderId: 'd' })
  const orderIds = payment.calls('charge').map(({ orderId }) => orderId)
  assert.deepEqual([orderIds.includes('a'), orderIds.includes('c')], [false, true])
  await test.settled()
  assert.deepEqual(await states(test), ['d printed'])
})

test('a call under way is cut off when its service is killed, and answered when it is frozen and goes on', async () => {
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  const payment = fake(Payment, {
    charge: async () => {
      asked.resolve()
      await answer.promise
      return { receipt: '' }
    },
  })
  await using test = await testSystem(orders, { fakes: [payment] })
  const cut = assert.rejects(test.client(Payment).charge({ orderId: 'a', amount: 1 }), code('UNAVAILABLE'))
  await asked.promise
  const revive = test.fault(Payment, 'kill')
  await cut
  revive()
  answer.resolve()
  const thaw = test.fault(Payment, 'freeze')
  const placed = test.client(Orders).place({ orderId: 'b' })
  thaw()
  assert.deepEqual(await placed, { orderId: 'b' })
})

test('a frozen system does nothing, and goes on where it stood', async () => {
  await using test = await testSystem(orders, { fakes: [charged()] })
  const thaw = test.freeze()
  const brought = test.publish(Packed, { orderId: 'a', at: new Date(0) })
  await assert.rejects(test.client(Orders).now(undefined, { timeout: 30 }), code('DEADLINE_EXCEEDED'))
  await assert.rejects(
    test.settled({ timeout: 30 }),
    /"orders" has not settled after 30 ms: it does not answer, the test's publish of "packed"/,
  )
  thaw()
  await brought
  await test.settled()
  assert.equal(test.published(Shipped).length, 1)
})

test('streams and channels of a fake are held to the contract, value by value', async () => {
  const payment = fake(Payment, {
    receipts: async function* (of) {
      yield `${of}-1`
      yield 2 as never
    },
    count: async function* (_, incoming) {
      for await (const one of incoming) yield one + 1
    },
  })
  const test = await testSystem(orders, { fakes: [payment] })
  const got: string[] = []
  await assert.rejects(async () => {
    for await (const one of test.client(Orders).receipts('r')) got.push(one)
  }, code('INTERNAL'))
  assert.deepEqual(got, ['r-1'])
  const counted: number[] = []
  for await (const one of test.client(Payment).count(undefined, [1, 2])) counted.push(one)
  assert.deepEqual(counted, [2, 3])
  await assert.rejects(
    test.stop(),
    /The fake of "payment" broke its contract: its answer to "receipts" does not match the output/,
  )
})

test('a stream that goes on keeps nobody from settling, and ends with the system', async () => {
  const payment = fake(Payment, {
    receipts: async function* (of) {
      yield of
      await new Promise(() => {})
    },
  })
  const test = await testSystem(orders, { fakes: [payment] })
  const receipts = test.client(Orders).receipts('r')[Symbol.asyncIterator]()
  assert.deepEqual(await receipts.next(), { done: false, value: 'r' })
  const cut = assert.rejects(async () => receipts.next(), code('UNAVAILABLE'))
  await test.settled()
  await test.kill()
  await cut
  await test.stop()
})

test('an answer that breaks the contract, and an error that it does not declare, fail the test', async () => {
  const payment = fake(Payment, {
    charge: ({ orderId }) => {
      if (orderId === 'declined') throw Declined({ reason: 'empty' })
      if (orderId === 'lost') throw Lost()
      return { receipt: 7 as never }
    },
  })
  const test = await testSystem(orders, { fakes: [payment] })
  const { place } = test.client(Orders)
  assert.equal((await place.attempt({ orderId: 'declined' })).ok, false)
  await test.settled()
  await assert.rejects(place({ orderId: 'a' }), code('INTERNAL'))
  await assert.rejects(test.settled(), {
    message:
      'Testing "orders" failed: The fake of "payment" broke its contract: its answer to "charge" does not match the output ' +
      'at "receipt": Invalid input: expected string, received number',
  })
  await assert.rejects(place({ orderId: 'lost' }), code('INTERNAL'))
  await assert.rejects(test.stop(), /"charge" threw the error "LOST", which it does not declare; it declares "DECLINED"$/)
})

test('an operation without an answer says which and how to give one; nothing is asked of what the contract does not allow', async () => {
  const test = await testSystem(orders)
  const sentence =
    'The fake of "payment" was asked "charge" and has no answer to it; give it one: fake(…, { charge: (input) => … })'
  await assert.rejects(test.client(Payment).charge({ orderId: 'a', amount: 1 }), { code: 'INTERNAL', message: sentence })
  await assert.rejects(test.client(Payment).charge({ orderId: 'a', amount: 'much' as never }), code('INVALID_ARGUMENT'))
  await assert.rejects(test.settled(), { message: `Testing "orders" failed: ${sentence}` })
  // It has been told.
  await test.stop()
})

test('what cannot be tested is refused with a sentence', async () => {
  const Stranger = contract('stranger', { version: '1.0.0', owner: 'tests', operations: {} })
  const refused = (work: Promise<unknown>, message: RegExp) => assert.rejects(work, { name: 'TypeError', message })
  await refused(
    testSystem(orders, { fakes: [fake(Stranger)] }),
    /^Cannot test "orders": it is given a fake of "stranger", which none of its services needs or listens to; take it out of "fakes"$/,
  )
  await refused(testSystem(orders, { fakes: [fake(Orders)] }), /all its services are fakes/)
  await refused(testSystem(orders, { fakes: [{ contract: Payment, calls: () => [] }] }), /not made by `fake/)
  assert.throws(() => fake(Payment, { refund: () => {} } as never), /there is an answer to "refund"/)
  const door = { name: 'door', open: async () => ({ url: undefined, close: async () => {} }) }
  await refused(
    testSystem(system('shop', { services: [orders, payment, service(Warehouse, { handlers: {} })], security: 'off' }), {
      time: 'virtual',
      doors: [door],
    }),
    /Cannot test "shop" in virtual time: it has doors/,
  )
  await using test = await testSystem(orders)
  await refused(
    test.publish(event('unheard', { schema: z.string(), key: () => '' }), ''),
    /no service of "orders" listens to it or announces it/,
  )
  await assert.rejects(test.publish(Packed, { orderId: 7 } as never), code('INVALID_ARGUMENT'))
  await refused(test.advance(1), /Cannot advance the time of "orders": it is real; start it with `time: 'virtual'`/)
  assert.throws(() => test.fault(Stranger, 'kill'), /Cannot have kill befall "stranger": it is no service of "orders"/)
  assert.throws(() => test.deadLetters(Stranger), /no service of "orders" with a database/)
  await assert.rejects(test.settled({ timeout: -1 }), TypeError)
})

test('settled that does not come says what is still under way, and what was said of it last', async () => {
  const failed = Promise.withResolvers<void>()
  const log = (line: string) => void (line.includes('It cannot be shipped') && failed.resolve())
  await using test = await testSystem(orders, { fakes: [charged()], log })
  await test.publish(Packed, { orderId: 'cursed', at: new Date(0) })
  await failed.promise
  await assert.rejects(
    test.settled({ timeout: 300 }),
    /^Error: "orders" has not settled after 300 ms: 1 of "orders" waiting for another try\. The last it said: .*It cannot be shipped/,
  )
  const thaw = test.fault(Payment, 'freeze')
  const placed = test.client(Orders).place({ orderId: 'a' })
  await assert.rejects(test.settled({ timeout: 50 }), /after 50 ms: the call to orders\.place, /)
  thaw()
  await placed
})

test('virtual time passes while somebody waits, and only then', async () => {
  await using test = await testSystem(orders, { fakes: [charged()], time: 'virtual' })
  const { now } = test.client(Orders)
  const first = await now()
  assert.equal(first.toISOString().slice(0, 10), '2026-01-01')
  await test.advance(86_400_000)
  assert.equal((await now()).toISOString().slice(0, 10), '2026-01-02')
  await test.publish(Packed, { orderId: 'cursed', at: new Date(0) })
  await test.settled()
  const [letter] = await test.deadLetters(Orders).list()
  assert.deepEqual([letter?.attempts, letter?.error], [3, 'Error: It cannot be shipped'])
})

test('the world outside is answered by whoever is given, and else is not there', async () => {
  const fetch = async (request: Request) => new Response(`fine at ${new URL(request.url).host}`)
  await using test = await testSystem(orders, { fetch })
  assert.equal(await test.client(Orders).outside(), 'fine at weather.test')
  const lines: string[] = []
  await using alone = await testSystem(orders, { log: (line) => lines.push(line) })
  await assert.rejects(alone.client(Orders).outside())
  assert.match(lines.join(''), /\\"weather\.test\\" is not there in a test; give `testSystem` a \\"fetch\\"/)
})

test('a system is tested with some of its services faked, and callers have the scopes they are given', async () => {
  const shop = system('shop', { services: [orders, payment, service(Warehouse, { handlers: {} })] })
  await using test = await testSystem(shop, { fakes: [charged()] })
  await test.client(Orders).place({ orderId: 'a' })
  await assert.rejects(test.client(Orders).closed(), code('UNAUTHENTICATED'))
  const principal = { subject: 'ana', kind: 'user', scopes: ['orders:close'], roles: [] } as const
  assert.equal(await test.client(Orders, { principal }).closed(), 'closed')
})

test('the end leaves nothing: no folder, no timer, and no use', async () => {
  const folders = (): number =>
    readdirSync(existsSync('/dev/shm') ? '/dev/shm' : tmpdir()).filter((name) =>
      name.startsWith(`dure-simulation-${process.pid}-`),
    ).length
  const resources = () =>
    process
      .getActiveResourcesInfo()
      .filter((name) => name !== 'Immediate')
      .toSorted()
  const [before, held] = [folders(), resources()]
  const test = await testSystem(orders)
  const { list } = test.client(Orders)
  assert.equal(folders(), before + 1)
  await Promise.all([test.stop(), test.stop()])
  assert.deepEqual([folders(), resources()], [before, held])
  const over = /: the test of "orders" is over; start another with `testSystem`$/
  await assert.rejects(list(), over)
  await assert.rejects(test.settled(), over)
  await assert.rejects(test.kill(), over)
  assert.throws(() => test.published(Placed), over)
  assert.throws(() => test.urls, over)
})

test('spans tell what happened, also before a kill, and an outbox says what is in it', async () => {
  await using test = await testSystem(orders, { fakes: [charged()], spans: true })
  await test.client(Orders).place({ orderId: 'a' })
  await test.settled()
  assert.equal(await test.outbox(Orders), 0)
  await test.kill()
  await test.client(Orders).list()
  const names = new Set(test.spans().map(({ service, name }) => `${service}: ${name}`))
  for (const name of ['orders: orders.place', 'payment: payment.charge', 'orders: orders.list'])
    assert.ok(names.has(name), [...names].join(', '))
  await assert.rejects(test.outbox(Warehouse), /it is no service of "orders"/)
  await using quiet = await testSystem(orders, { fakes: [charged()] })
  assert.throws(() => quiet.spans(), /Cannot tell spans of "orders": none are made; start it with `spans: true`/)
})

test('a broker is any that is given, and lives in real time', async () => {
  const opened: string[] = []
  const broker: NonNullable<TestSystemOptions['broker']> = async (world) => {
    const made = await embeddedBroker({ durability: 'process' })(world)
    return { ...made, publish: async (all) => (opened.push(...all.map(({ type }) => type)), made.publish(all)) }
  }
  await assert.rejects(
    testSystem(orders, { broker, time: 'virtual' }),
    /Cannot test "orders" in virtual time: its broker lives in real time/,
  )
  await using test = await testSystem(orders, { fakes: [charged()], broker })
  await test.client(Orders).place({ orderId: 'a' })
  await test.settled()
  await test.kill()
  // An outbox may deliver once more after a kill.
  assert.deepEqual([[...new Set(opened)], await states(test)], [['placed'], ['a printed']])
})

test('what cannot start says why, and leaves nothing', async () => {
  const broken = { ...orders, database: { migrations: { '001': 'CREATE NONSENSE' } } } as typeof orders
  await assert.rejects(testSystem(broken), /NONSENSE/)
})
