import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from 'dure/contract'
import { sqlite } from 'dure/data'
import { container, fake, ownProcess, testSystem, type Place } from './component.ts'
import { Declined, Orders, orders, Packed, Payment, Placed, Print, Shipped, Warehouse } from './shop.test-support.ts'

const file = new URL('shop.test-support.ts', import.meta.url)
const place = ownProcess({ file, name: 'orders' })
const unavailable = (thrown: unknown) => thrown instanceof CallError && thrown.code === 'UNAVAILABLE'

test('a service in a process of its own: answers, errors, events, work, spans, its outbox; killed and frozen', async () => {
  const payment = fake(Payment, {
    charge: ({ orderId }) => {
      if (orderId === 'poor') throw Declined({ reason: 'too much' })
      return { receipt: `r-${orderId}` }
    },
  })
  await using test = await testSystem(orders, { in: place, fakes: [payment, fake(Warehouse)], spans: true })
  const client = test.client(Orders)
  assert.deepEqual(await client.place({ orderId: 'a' }), { orderId: 'a' })
  await assert.rejects(client.place({ orderId: 'poor' }), { code: 'DECLINED', data: { reason: 'too much' } })
  assert.deepEqual(
    payment.calls('charge'),
    ['a', 'poor'].map((orderId) => ({ orderId, amount: 7 })),
  )
  const revive = test.fault(Payment, 'kill')
  await assert.rejects(client.place({ orderId: 'b' }), unavailable)
  revive()
  assert.throws(() => test.fault(Orders, 'kill'), /"orders": it runs in a process of its own; use kill\(\) or freeze\(\)/)

  const thaw = test.freeze()
  await assert.rejects(client.list(undefined, { timeout: 50 }), { code: 'DEADLINE_EXCEEDED' })
  thaw()
  await test.kill()
  const at = new Date(5)
  await test.publish(Packed, { orderId: 'a', at }, { times: 2 })
  await test.settled({ timeout: 20_000 })
  assert.deepEqual(await client.list(), [{ id: 'a', state: 'shipped' }])
  assert.deepEqual(
    [Placed, Print, Shipped, Packed].map((event) => test.published(event as typeof Placed).length),
    [1, 1, 1, 0],
  )
  assert.deepEqual(test.published(Shipped)[0]?.data, { orderId: 'a', at })
  assert.equal(await test.outbox(Orders), 0)
  assert.deepEqual(await test.deadLetters(Orders).groups(), [])
  const spans = test.spans().map(({ service, name }) => `${service} ${name}`)
  for (const named of ['orders process packed', 'payment payment.charge']) assert.ok(spans.includes(named), named)
})

test('what another process has of its own is refused, and one that does not start says why', async () => {
  const refused = (options: Parameters<typeof testSystem>[1], why: RegExp) => assert.rejects(testSystem(orders, options), why)
  await refused({ in: place, database: sqlite() }, /Cannot test "orders" in a process of its own with "database"/)
  await refused({ in: place, time: 'virtual' }, /with "time"/)
  await refused(
    { in: ownProcess({ file, name: 'nothing' }) },
    /"orders" in a process of its own: it ended with 1\n[^]*exports no "nothing"/,
  )
  await refused({ in: container({ image: 'none', engine: 'no-such-engine' }) }, /a container of none: .*no-such-engine/)
})

test('a process that ends while it is tested: calls fail, and so does whoever waits', async () => {
  let kill = (): void => {}
  const mortal: Place = {
    ...place,
    begin: async (world) => {
      const placed = await place.begin(world)
      kill = () => void placed.kill()
      return placed
    },
  }
  await using test = await testSystem(orders, { in: mortal, fakes: [fake(Payment)] })
  kill()
  await assert.rejects(test.client(Orders).list(undefined, { timeout: 2_000 }), CallError)
  await assert.rejects(test.settled({ timeout: 50 }), /has not settled/)
})
