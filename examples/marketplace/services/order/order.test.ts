import { rest } from '@dure/rest'
import { fake, testSystem, type TestSystem } from '@dure/testing'
import type { EventInput } from 'dure/contract'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Payment, PaymentConfirmed, PaymentFailed } from '../payment/contract.ts'
import { Shipment, ShipmentNotification } from '../shipment/contract.ts'
import { Stock, StockConfirmed } from '../stock/contract.ts'
import { InvoiceIssued, Order } from './contract.ts'
import { order } from './service.ts'

const ADDRESS = { firstName: 'Ada', lastName: 'Kim', street: '1 Elm Street', city: 'Seoul', state: 'SE', zipCode: '04524' }
const NOON = '2026-03-01T12:00:00.000Z'

const reserved = (
  customerId: number,
  checkoutId: string,
  vouchers: readonly number[] = [0],
): EventInput<typeof StockConfirmed> => ({
  timestamp: NOON,
  customerCheckout: { customerId, ...ADDRESS, paymentType: 'BOLETO' },
  items: vouchers.map((voucher, at) => ({
    ...{
      sellerId: 1,
      productId: at + 1,
      productName: `Thing ${at + 1}`,
      unitPrice: 10,
      freightValue: 1.5,
      quantity: 2,
      version: '0',
    },
    voucher,
  })),
  checkoutId,
  instanceId: `i-${checkoutId}`,
})

const paid = (customerId: number, orderId: number) => ({
  customer: { customerId, ...ADDRESS },
  orderId,
  totalAmount: 23,
  items: [],
  checkoutId: 'c',
  instanceId: 'i',
})

const ordered = async (test: TestSystem, customerId: number, orders = 1): Promise<void> => {
  for (let at = 1; at <= orders; at++) await test.publish(StockConfirmed, reserved(customerId, `c-${customerId}-${at}`))
  await test.settled()
}

const confirmed = (test: TestSystem, customerId: number, orderId: number): Promise<void> =>
  test.publish(PaymentConfirmed, { ...paid(customerId, orderId), date: NOON })

const failed = (test: TestSystem, customerId: number, orderId: number): Promise<void> =>
  test.publish(PaymentFailed, { ...paid(customerId, orderId), status: 'no funds' })

type Stage = EventInput<typeof ShipmentNotification>['status']
const shipped = async (test: TestSystem, customerId: number, ...stages: readonly Stage[]): Promise<void> => {
  for (const status of stages)
    await test.publish(ShipmentNotification, { customerId, orderId: 1, eventDate: NOON, status, instanceId: 'i' })
}

const orderOf = async (test: TestSystem, customerId: number) => {
  await test.settled()
  const [newest] = await test.client(Order).ofCustomer({ customerId })
  assert.ok(newest !== undefined, `customer ${customerId} has no order`)
  return newest
}
const passed = async (test: TestSystem, customerId: number) =>
  (await orderOf(test, customerId)).history.map(({ status }) => status)

/** One service, and what it does when others tell it something. */
const cases: Readonly<Record<string, (test: TestSystem) => Promise<void>>> = {
  'reserved stock becomes an order and an invoice': async (test) => {
    await ordered(test, 1)
    const [invoice, ...more] = test.published(InvoiceIssued)
    const { orderId, totalInvoice, checkoutId, customer } = invoice!.data
    assert.deepEqual([orderId, totalInvoice, checkoutId, customer.customerId, more.length], [1, 21.5, 'c-1-1', 1, 0])
    assert.deepEqual([invoice!.source, invoice!.key], ['order', '1'])
    assert.equal((await orderOf(test, 1)).status, 'INVOICED')
  },
  'the same reservation, told three times, is one order': async (test) => {
    await test.publish(StockConfirmed, reserved(1, 'c'), { times: 3 })
    assert.equal((await orderOf(test, 1)).orderId, 1)
    assert.equal(test.published(InvoiceIssued).length, 1)
  },
  'a checkout told of in two events is one order': async (test) => {
    await test.publish(StockConfirmed, reserved(1, 'c'))
    await test.publish(StockConfirmed, reserved(1, 'c'))
    await test.settled()
    assert.equal((await test.client(Order).totals()).orders, 1)
  },
  'orders of a customer are numbered without a hole': async (test) => {
    await ordered(test, 1, 3)
    const orders = await test.client(Order).ofCustomer({ customerId: 1 })
    assert.deepEqual(
      orders.map(({ orderId }) => orderId),
      [3, 2, 1],
    )
    assert.equal((await test.client(Order).totals()).customersWithHoles, 0)
  },
  'customers are numbered each from one': async (test) => {
    await Promise.all([ordered(test, 1), ordered(test, 2)])
    assert.deepEqual([(await orderOf(test, 1)).orderId, (await orderOf(test, 2)).orderId], [1, 1])
  },
  'an invoice number names customer, day and order': async (test) => {
    await ordered(test, 7)
    assert.match((await orderOf(test, 7)).invoiceNumber, /^7-\d{8}-1$/)
  },
  'a voucher takes off no more than the line is worth': async (test) => {
    await test.publish(StockConfirmed, reserved(1, 'c', [5, 100]))
    const { totalItems, totalIncentive, totalAmount, totalFreight, totalInvoice } = await orderOf(test, 1)
    assert.deepEqual([totalItems, totalIncentive, totalAmount, totalFreight, totalInvoice], [40, 25, 15, 3, 18])
  },
  'a payment moves the order on': async (test) => {
    await ordered(test, 1)
    await confirmed(test, 1, 1)
    const { status, paymentDate } = await orderOf(test, 1)
    assert.deepEqual([status, paymentDate], ['PAYMENT_PROCESSED', NOON])
  },
  'a payment that failed ends the order': async (test) => {
    await ordered(test, 1)
    await failed(test, 1, 1)
    assert.equal((await orderOf(test, 1)).status, 'PAYMENT_FAILED')
  },
  'an order that failed is not paid later': async (test) => {
    await ordered(test, 1)
    await failed(test, 1, 1)
    await confirmed(test, 1, 1)
    assert.equal((await orderOf(test, 1)).status, 'PAYMENT_FAILED')
  },
  'an order that is paid does not fail later': async (test) => {
    await ordered(test, 1)
    await confirmed(test, 1, 1)
    await failed(test, 1, 1)
    assert.equal((await orderOf(test, 1)).status, 'PAYMENT_PROCESSED')
  },
  'a delivery passes every stage': async (test) => {
    await ordered(test, 1)
    await confirmed(test, 1, 1)
    await shipped(test, 1, 'approved', 'delivery_in_progress', 'concluded')
    assert.deepEqual(await passed(test, 1), ['INVOICED', 'PAYMENT_PROCESSED', 'READY_FOR_SHIPMENT', 'IN_TRANSIT', 'DELIVERED'])
  },
  'news of shipment that overtakes the payment implies it': async (test) => {
    await ordered(test, 1)
    await shipped(test, 1, 'approved')
    assert.deepEqual(await passed(test, 1), ['INVOICED', 'PAYMENT_PROCESSED', 'READY_FOR_SHIPMENT'])
  },
  'a payment told of late changes nothing': async (test) => {
    await ordered(test, 1)
    await shipped(test, 1, 'concluded')
    await confirmed(test, 1, 1)
    assert.equal((await orderOf(test, 1)).status, 'DELIVERED')
  },
  'news of an order of somebody else moves no other': async (test) => {
    await Promise.all([ordered(test, 1), ordered(test, 2)])
    await confirmed(test, 2, 1)
    assert.equal((await orderOf(test, 1)).status, 'INVOICED')
    assert.equal((await orderOf(test, 2)).status, 'PAYMENT_PROCESSED')
  },
  'a list comes in parts': async (test) => {
    await ordered(test, 1, 3)
    const { list } = test.client(Order)
    const first = await list({ limit: 2 })
    const second = await list({ limit: 2, after: first.next! })
    assert.deepEqual([first.items.length, second.items.length, second.next], [2, 1, undefined])
  },
  'totals tell orders by status, and what was paid': async (test) => {
    await Promise.all([ordered(test, 1, 2), ordered(test, 2)])
    await confirmed(test, 1, 1)
    await test.settled()
    const { byStatus, paid: its } = await test.client(Order).totals()
    assert.deepEqual(
      [byStatus, its],
      [
        { INVOICED: 2, PAYMENT_PROCESSED: 1 },
        { orders: 1, totalInvoice: 21.5, totalIncentive: 0 },
      ],
    )
  },
  'a reset deletes orders, and numbers start again': async (test) => {
    await ordered(test, 1)
    await test.client(Order).reset()
    await test.publish(StockConfirmed, reserved(1, 'again'))
    assert.equal((await orderOf(test, 1)).orderId, 1)
  },
  'an input that the contract does not allow is refused': async (test) => {
    await assert.rejects(test.client(Order).ofCustomer({ customerId: -1 }), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(test.publish(StockConfirmed, { ...reserved(1, 'c'), checkoutId: 7 as never }), {
      code: 'INVALID_ARGUMENT',
    })
  },
  'a killed service has what it committed, and takes what came meanwhile': async (test) => {
    await ordered(test, 1)
    await test.publish(PaymentConfirmed, { ...paid(1, 1), date: NOON })
    await test.kill()
    assert.equal((await orderOf(test, 1)).status, 'PAYMENT_PROCESSED')
    assert.equal(test.published(InvoiceIssued).length, 1)
  },
}

test('through a door on a port of its own, which is closed at the end', async () => {
  const system = await testSystem(order, { doors: [rest({ port: 0 })] })
  await ordered(system, 1)
  const [url] = system.urls
  const response = await fetch(`${url}/order/1`)
  assert.deepEqual([response.status, ((await response.json()) as readonly unknown[]).length], [200, 1])
  await system.stop()
  await assert.rejects(fetch(`${url}/order/1`))
})

for (const time of ['virtual', 'real'] as const)
  for (const [name, run] of Object.entries(cases))
    test(`${name} (${time} time)`, async () => {
      // The service as it is, with every other service that it hears of faked.
      await using test = await testSystem(order, { fakes: [fake(Stock), fake(Payment), fake(Shipment)], time })
      await run(test)
    })
