/** What is tested of three services alone, wherever they run and whatever they run on: one text for each. */
import { fake, testSystem, type TestSystem, type TestSystemOptions } from '@dure/testing'
import type { EventInput } from 'dure/contract'
import type { Service } from 'dure/service'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ReserveStock } from './services/cart/contract.ts'
import { InvoiceIssued, Order } from './services/order/contract.ts'
import { order } from './services/order/service.ts'
import { httpProvider } from './services/payment/adapters/http-provider.ts'
import { Payment, PaymentConfirmed, PaymentFailed } from './services/payment/contract.ts'
import { payment } from './services/payment/service.ts'
import { Stock, StockConfirmed } from './services/stock/contract.ts'
import { stock } from './services/stock/service.ts'

/** Where and on what it runs. @param env of a process of its own */
export type Ground = (env: Readonly<Record<string, string>>) => TestSystemOptions

const ADDRESS = { firstName: 'Ada', lastName: 'Kim', street: '1 Elm Street', city: 'Seoul', state: 'SE', zipCode: '04524' }
const checkout: EventInput<typeof ReserveStock> = {
  ...{ timestamp: '2026-03-01T12:00:00.000Z', checkoutId: 'c', instanceId: 'i' },
  customerCheckout: { customerId: 1, ...ADDRESS, paymentType: 'BOLETO' },
  items: [{ sellerId: 1, productId: 1, productName: 'Thing', unitPrice: 10, freightValue: 1, quantity: 2, version: '0' }],
}
const settled = { timeout: 60_000 }

/** What of a service is named in spans. */
const spansOf = (system: TestSystem, { contract }: Service): ReadonlySet<string> =>
  new Set(system.spans().flatMap(({ service, name }) => (service === contract.name ? [name] : [])))

async function orders(ground: Ground): Promise<void> {
  await using system = await testSystem(order, { ...ground({}), spans: true, fakes: [fake(Stock), fake(Payment)] })
  await system.publish(StockConfirmed, checkout)
  await system.settled(settled)
  assert.equal(system.published(InvoiceIssued)[0]?.data.totalInvoice, 21)
  assert.equal(await system.outbox(Order), 0)
  await system.kill()
  await system.publish(StockConfirmed, { ...checkout, checkoutId: 'd', instanceId: 'j' }, { times: 2 })
  await system.settled(settled)
  const found = await system.client(Order).ofCustomer({ customerId: 1 })
  assert.deepEqual(
    found.map(({ orderId, status }) => [orderId, status]),
    [
      [2, 'INVOICED'],
      [1, 'INVOICED'],
    ],
  )
  await system.settled(settled)
  const spans = [...spansOf(system, order)]
  for (const named of [/stock\.confirmed/, /invoice\.issued/, /ofCustomer/])
    assert.ok(
      spans.some((name) => named.test(name)),
      `${spans}`,
    )
}

async function stocks(ground: Ground): Promise<void> {
  await using system = await testSystem(stock, { ...ground({}), spans: true })
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
}

/** A payment provider that gives no answer to the first charge, and declines the second invoice. */
async function moodyProvider(): Promise<{ readonly url: string } & AsyncDisposable> {
  let charges = 0
  const server = createServer((request, response) => {
    const key = String(request.headers['idempotency-key'])
    charges++
    if (charges === 1) return void response.writeHead(503).end()
    const answer = key === 'n-2' ? { status: 'declined', reason: 'too much' } : { status: 'succeeded' }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((closed) => void server.close(closed))
    },
  }
}

async function payments(ground: Ground): Promise<void> {
  await using moody = await moodyProvider()
  const provider = httpProvider({ url: moody.url })
  try {
    await using system = await testSystem(payment(provider), ground({ PAYMENT_PROVIDER_URL: moody.url }))
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
  } finally {
    await provider.close()
  }
}

export const components: Readonly<Record<'order' | 'stock' | 'payment', (ground: Ground) => Promise<void>>> = {
  order: orders,
  stock: stocks,
  payment: payments,
}
