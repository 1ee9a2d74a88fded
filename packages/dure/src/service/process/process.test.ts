import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SystemError, type Running } from '../service.ts'
import { OutOfStock, quiet, Stock, until } from '../rig.test-support.ts'
import { rig } from './parts.test-support.ts'
import { Mail, Orders } from './shop.test-support.ts'

test('each service by itself: calls, errors and events go to whoever runs them', { timeout: 60_000 }, async (t) => {
  const { run } = rig(t)
  await run('broker')
  await run('stock')
  await run('orders')
  await run('mail')
  const doors = await run('doors')
  const client = doors.client(Orders)
  for (const orderId of ['a', 'b', 'c']) await client.place({ orderId, quantity: 1 })
  const refused = await client.place.attempt({ orderId: 'd', quantity: 10_000_000 })
  assert.ok(!refused.ok && refused.error.code === 'OUT_OF_STOCK' && refused.error.data.left === 999_997)
  await assert.rejects(client.place({ orderId: 7 as never, quantity: 1 }), { code: 'INVALID_ARGUMENT' })
  await quiet(doors)
  assert.deepEqual((await doors.client(Mail).sent()).toSorted(), ['a', 'b', 'c'])
  assert.equal(OutOfStock.code, 'OUT_OF_STOCK')
})

test('groups, and starting in any order: who is needed is waited for', { timeout: 60_000 }, async (t) => {
  const { run } = rig(t)
  const first = run('orders', 'mail')
  const second = await run('broker', 'stock', 'doors')
  await first
  assert.deepEqual(await second.client(Orders).count(), { count: 0 })
  assert.equal((await second.client(Stock).reserve({ quantity: 1 })).left, 999_999)
})

test('health, status and dead letters are of all processes, whoever is asked', { timeout: 60_000 }, async (t) => {
  const { run } = rig(t)
  const broker = await run('broker')
  await run('stock')
  const orders = await run('orders')
  const mail = await run('mail')
  const states = (health: Awaited<ReturnType<Running['health']>>): string[] =>
    health.services.map(({ service, state, ready }) => `${service} ${state} ${ready}`)
  // Others hear of who has come a moment later.
  await until(async () => states(await broker.health()).includes('mail running true'))
  assert.deepEqual(states(await broker.health()), ['orders running true', 'stock running true', 'mail running true'])
  await broker.client(Orders).place({ orderId: 'cursed', quantity: 13 })
  await until(async () => (await broker.status()).services.find(({ service }) => service === 'mail')?.dead === 1)
  const letters = broker.deadLetters('mail')!
  assert.equal((await letters.groups())[0]?.error, 'Error: A curse lies on it')
  const [letter] = await letters.list()
  const { message, ...shown } = await letters.show(letter!.id)
  assert.deepEqual([message.data, shown.held, shown.behind], ['{"orderId":"cursed","quantity":13}', 0, []])
  await assert.rejects(letters.edit(letter!.id, '{"orderId":"cursed"}', 'it will not do'), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(letters.edit(letter!.id, '{"orderId":"blessed","quantity":1}', 'another key'), {
    code: 'INVALID_ARGUMENT',
  })
  await letters.edit(letter!.id, '{"orderId":"cursed","quantity":1}', 'lifted', 'a test')
  assert.deepEqual(
    (await letters.audit()).map(({ action, by, data }) => [action, by, data]),
    [['edit', 'a test', '{"orderId":"cursed","quantity":1}']],
  )
  assert.equal(await letters.retry(), 1)
  await quiet(broker)
  assert.deepEqual(await broker.client(Mail).sent(), ['cursed'])
  const { consumers, silent } = await broker.lag()
  assert.deepEqual(
    consumers.map(({ consumer, unread, deadLetters }) => [consumer, unread, deadLetters]),
    [['mail/order.placed', 0, 0]],
  )
  assert.deepEqual(silent, [])
  assert.deepEqual(await broker.deadLetters('stock')!.list(), [])
  await assert.rejects(letters.edit(letter!.id, '{}', 'no such'), { code: 'NOT_FOUND' })

  await mail.stop()
  const health = await broker.health()
  assert.deepEqual(states(health).at(-1), 'mail stopped false')
  // It does its own work; what is away is in another process.
  assert.deepEqual([health.live, health.ready], [true, false])
  assert.match(health.services.at(-1)!.reasons[0]!, /No process runs it/)
  // Whoever sends calls to a process asks whether what it hosts takes them.
  assert.deepEqual(await broker.readiness(), { live: true, ready: true, services: [] })
  assert.deepEqual([(await orders.readiness()).ready, states(await orders.readiness())], [true, ['orders running true']])
  assert.equal((await broker.status()).quiet, false)
  assert.deepEqual((await broker.lag()).silent, ['mail'])
  await orders.stop()
  assert.deepEqual([(await orders.readiness()).ready, states(await orders.readiness())], [false, ['orders stopped false']])
})

test('a service that is replaced under load fails no call and leaves nothing behind', { timeout: 60_000 }, async (t) => {
  const { run, directory } = rig(t)
  const broker = await run('broker', 'doors')
  let stock = await run('stock')
  let orders = await run('orders')
  await run('mail')
  const client = broker.client(Orders)
  let over = false
  let placed = 0
  const load = Promise.all(
    Array.from({ length: 8 }, async (_, lane) => {
      for (let n = 0; !over; n++) {
        await client.place({ orderId: `${lane}-${n}`, quantity: 1 })
        placed++
      }
    }),
  )
  const more = (): Promise<void> => {
    const before = placed
    return until(() => placed >= before + 50)
  }
  for (let round = 0; round < 2; round++) {
    await more()
    await stock.stop()
    stock = await run('stock')
    await more()
    await orders.stop()
    orders = await run('orders')
  }
  await more()
  over = true
  await load
  assert.equal((await client.count()).count, placed)
  await quiet(broker)
  assert.equal((await broker.client(Mail).sent()).length, placed)
  assert.equal(readdirSync(join(directory, 'sockets')).length, 4)
})

test('a broker that is replaced loses nothing and doubles nothing', { timeout: 60_000 }, async (t) => {
  const { run } = rig(t)
  const broker = await run('broker')
  await run('stock')
  const orders = await run('orders')
  await run('mail')
  const place = (from: number): Promise<unknown> =>
    Promise.all(Array.from({ length: 20 }, (_, i) => orders.client(Orders).place({ orderId: `${from + i}`, quantity: 1 })))
  await place(0)
  await broker.stop()
  await place(100)
  await run('broker')
  await place(200)
  await quiet(orders)
  const sent = await orders.client(Mail).sent()
  assert.equal(sent.length, 60)
  assert.equal(new Set(sent).size, 60)
})

test('a part that is none is refused in words', { timeout: 60_000 }, async (t) => {
  const { run } = rig(t)
  await assert.rejects(run('order', 'broker'), (error) => {
    assert.ok(error instanceof SystemError)
    assert.match(
      error.message,
      /Cannot start a part of system "shop": There is no "order"; there are orders, stock, mail, broker, doors/,
    )
    return true
  })
  await assert.rejects(run(), /names nothing/)
})
