import { postgres } from '@dure/postgres'
import { startServer } from '@dure/postgres/server'
import { fake, testSystem } from '@dure/testing'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Payment, PaymentConfirmed } from '../payment/contract.ts'
import { Stock, StockConfirmed } from '../stock/contract.ts'
import { InvoiceIssued, Order } from './contract.ts'
import { order } from './service.ts'

const ADDRESS = { firstName: 'Ada', lastName: 'Kim', street: '1 Elm Street', city: 'Seoul', state: 'SE', zipCode: '04524' }
const NOON = '2026-03-01T12:00:00.000Z'
const customer = { customerId: 1, ...ADDRESS }
const item = { sellerId: 1, productId: 1, productName: 'Thing', unitPrice: 10, freightValue: 1, quantity: 1, version: '0' }

test('the order service alone, with its data in PostgreSQL, and killed', { timeout: 120_000 }, async (t) => {
  const server = await startServer({ settings: { fsync: 'off' } })
  t.after(() => server.close())
  const options = { fakes: [fake(Stock), fake(Payment)], database: postgres({ url: server.url() }) }
  await assert.rejects(testSystem(order, { ...options, time: 'virtual' }), {
    message: /^Cannot test "order" in virtual time: it keeps data in "postgres", which lives in real time/,
  })
  await using system = await testSystem(order, options)
  await system.publish(StockConfirmed, {
    ...{ timestamp: NOON, checkoutId: 'c', instanceId: 'i', items: [item] },
    customerCheckout: { ...customer, paymentType: 'BOLETO' },
  })
  await system.settled({ timeout: 60_000 })
  assert.equal(system.published(InvoiceIssued).length, 1)
  await system.kill()
  await system.publish(PaymentConfirmed, {
    ...{ customer, orderId: 1, totalAmount: 11, items: [], checkoutId: 'c', instanceId: 'i', date: NOON },
  })
  await system.settled({ timeout: 60_000 })
  const [newest] = await system.client(Order).ofCustomer({ customerId: 1 })
  assert.deepEqual([newest?.status, system.published(InvoiceIssued).length], ['PAYMENT_PROCESSED', 1])
})
