/** Three services, each alone: on a real store and a real broker, without those that they need, and killed. */
import { natsBroker } from '@dure/nats'
import { postgres } from '@dure/postgres'
import { startServer } from '@dure/postgres/server'
import { redisBroker } from '@dure/redis'
import { fake, testSystem, type TestSystem, type TestSystemOptions } from '@dure/testing'
import { missingServer, startLocalServer } from '@dure/testing/servers'
import type { EventInput } from 'dure/contract'
import type { Service } from 'dure/service'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { ReserveStock } from './services/cart/contract.ts'
import { InvoiceIssued, Order } from './services/order/contract.ts'
import { order } from './services/order/service.ts'
import { Payment, PaymentConfirmed, PaymentFailed } from './services/payment/contract.ts'
import { payment } from './services/payment/service.ts'
import { Stock, StockConfirmed } from './services/stock/contract.ts'
import { stock } from './services/stock/service.ts'

const ADDRESS = { firstName: 'Ada', lastName: 'Kim', street: '1 Elm Street', city: 'Seoul', state: 'SE', zipCode: '04524' }
const checkout: EventInput<typeof ReserveStock> = {
  ...{ timestamp: '2026-03-01T12:00:00.000Z', checkoutId: 'c', instanceId: 'i' },
  customerCheckout: { customerId: 1, ...ADDRESS, paymentType: 'BOLETO' },
  items: [{ sellerId: 1, productId: 1, productName: 'Thing', unitPrice: 10, freightValue: 1, quantity: 2, version: '0' }],
}
const settled = { timeout: 60_000 }

/** All that a test of a component can have: a database of its own, a broker of its own, and spans. */
async function onServers(t: TestContext, kind: 'nats' | 'redis'): Promise<TestSystemOptions> {
  const [database, broker] = await Promise.all([startServer({ settings: { fsync: 'off' } }), startLocalServer(kind)])
  t.after(() => Promise.all([database.close(), broker.close()]))
  return {
    ...{ database: postgres({ url: database.url() }), spans: true },
    broker:
      kind === 'nats' ? natsBroker({ servers: broker.url, prefix: 'test' }) : redisBroker({ url: broker.url, prefix: 'test.' }),
  }
}

/** What of a service is named in spans. */
const spansOf = (system: TestSystem, { contract }: Service): ReadonlySet<string> =>
  new Set(system.spans().flatMap(({ service, name }) => (service === contract.name ? [name] : [])))

test('order on PostgreSQL and NATS', { timeout: 240_000, skip: missingServer('nats') }, async (t) => {
  const options = await onServers(t, 'nats')
  await assert.rejects(
    testSystem(order, { ...options, database: undefined as never, time: 'virtual' }),
    /its broker lives in real time/,
  )
  await using system = await testSystem(order, { ...options, fakes: [fake(Stock), fake(Payment)] })
  await system.publish(StockConfirmed, checkout)
  await system.settled(settled)
  assert.equal(system.published(InvoiceIssued)[0]?.data.totalInvoice, 21)
  assert.equal(await system.outbox(Order), 0)
  await system.kill()
  await system.publish(StockConfirmed, { ...checkout, checkoutId: 'd', instanceId: 'j' }, { times: 2 })
  await system.settled(settled)
  const orders = await system.client(Order).ofCustomer({ customerId: 1 })
  assert.deepEqual(
    orders.map(({ orderId, status }) => [orderId, status]),
    [
      [2, 'INVOICED'],
      [1, 'INVOICED'],
    ],
  )
  const spans = [...spansOf(system, order)]
  for (const named of [/stock\.confirmed/, /invoice\.issued/, /ofCustomer/])
    assert.ok(
      spans.some((name) => named.test(name)),
      `${spans}`,
    )
})

test('stock on PostgreSQL and Redis', { timeout: 240_000, skip: missingServer('redis') }, async (t) => {
  await using system = await testSystem(stock, await onServers(t, 'redis'))
  const { put, get } = system.client(Stock)
  await put({ sellerId: 1, productId: 1, qtyAvailable: 5 })
  await system.publish(ReserveStock, checkout, { times: 2 })
  await system.settled(settled)
  await system.kill()
  const { qtyAvailable, qtyReserved } = await get({ sellerId: 1, productId: 1 })
  assert.deepEqual([qtyAvailable, qtyReserved, system.published(StockConfirmed).length], [5, 2, 1])
  await assert.rejects(get({ sellerId: 1, productId: 2 }), { code: 'STOCK_ITEM_NOT_FOUND' })
  assert.equal(await system.outbox(Stock), 0)
  assert.ok([...spansOf(system, stock)].some((name) => /stock\.reserve/.test(name)))
})

test(
  'payment on PostgreSQL and Redis, whose provider fails first',
  { timeout: 240_000, skip: missingServer('redis') },
  async (t) => {
    const options = await onServers(t, 'redis')
    const charges: string[] = []
    const paying = payment({
      charge: async ({ key }) => {
        charges.push(key)
        if (charges.length === 1) throw new Error('No answer')
        return key === 'n-2' ? { status: 'declined', reason: 'too much' } : { status: 'succeeded' }
      },
      forget: async () => {},
    })
    await using system = await testSystem(paying, options)
    const { customerCheckout: customer, timestamp: issueDate, checkoutId, instanceId } = checkout
    const line = { ...checkout.items[0]!, orderItemId: 1, totalItems: 20, totalAmount: 20, totalIncentive: 0 }
    const invoice = (orderId: number): EventInput<typeof InvoiceIssued> => ({
      ...{ customer, orderId, invoiceNumber: `n-${orderId}`, issueDate, totalInvoice: 21, items: [line], checkoutId, instanceId },
    })
    for (const number of [1, 2]) await system.publish(InvoiceIssued, invoice(number))
    await system.settled(settled)
    assert.deepEqual(
      [system.published(PaymentConfirmed), system.published(PaymentFailed)].map((all) => all.map(({ data }) => data.orderId)),
      [[1], [2]],
    )
    const [paid] = await system.client(Payment).ofOrder({ customerId: 1, orderId: 2 })
    assert.equal(paid?.status, 'declined')
    assert.equal(await system.outbox(Payment), 0)
  },
)
