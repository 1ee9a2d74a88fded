import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testStream } from '@dure/testing'
import type { EventData } from 'dure/contract'
import { CartFilled, ReserveStock } from './services/cart/contract.ts'
import { cartsOf } from './services/insight/carts.ts'
import { Insight } from './services/insight/contract.ts'
import { ordersOf } from './services/insight/orders.ts'
import { TIMES } from './services/insight/times.ts'
import { momentOf, timeOf } from './services/moment.ts'
import { InvoiceIssued } from './services/order/contract.ts'
import { PaymentConfirmed, PaymentFailed } from './services/payment/contract.ts'
import { ShipmentNotification } from './services/shipment/contract.ts'
import { ADDRESS, buy, fakeProvider, itemOf, offer, withShop } from './shop.test-support.ts'

test(
  'what streams say of a shop is what its services have in their tables: revenue, best sellers, suspects, outcomes',
  { timeout: 60_000 },
  async () => {
    const provider = fakeProvider(({ customerId }) =>
      customerId === 9 ? { status: 'declined', reason: 'no money' } : { status: 'succeeded' },
    )
    await withShop(
      async (shop) => {
        await offer(shop, 2)
        await buy(shop, 1, 'a', [itemOf(1, { quantity: 2 }), itemOf(2)])
        await buy(shop, 2, 'b', [itemOf(1, { quantity: 4, voucher: 5 })])
        for (const tid of ['c', 'd', 'e']) await buy(shop, 9, tid, [itemOf(2)])
        const insight = shop.running.client(Insight)
        const entries = (await shop.seller.entries({})).items.filter(({ orderStatus }) => orderStatus !== 'PAYMENT_FAILED')
        const paid = await shop.order.list({})
        const expected = new Map<number, number>()
        for (const { customerId, orderId, totalInvoice } of entries) {
          const order = paid.items.find((one) => one.customerId === customerId && one.orderId === orderId)!
          const from = Math.floor(timeOf(order.paymentDate!) / 600_000) * 600_000
          expected.set(from, (expected.get(from) ?? 0) + Math.round(totalInvoice * 100))
        }
        assert.deepEqual(
          (await insight.revenue({ sellerId: 1 })).map(({ from, revenue }) => [timeOf(from), Math.round(revenue * 100)]),
          [...expected],
        )
        assert.deepEqual(await insight.topProducts({ sellerId: 1 }), [
          { productId: 1, pieces: 6 },
          { productId: 2, pieces: 1 },
        ])
        assert.deepEqual(await insight.topProducts({ sellerId: 7 }), [])
        const suspects = await insight.suspects({})
        assert.deepEqual(
          suspects.items.map(({ customerId, refused }) => [customerId, refused]),
          [[9, 3]],
        )
        assert.deepEqual((await insight.outcomes({})).items, [
          { customerId: 1, shipped: 1, refused: 0, unpaid: 0, unshipped: 0 },
          { customerId: 2, shipped: 1, refused: 0, unpaid: 0, unshipped: 0 },
          { customerId: 9, shipped: 0, refused: 3, unpaid: 0, unshipped: 0 },
        ])
        const page = await insight.sold({ limit: 1 })
        assert.deepEqual(page, { items: [{ sellerId: 1, productId: 1, pieces: 6 }], next: '1/1' })
        assert.deepEqual((await insight.sold({ after: page.next })).items, [{ sellerId: 1, productId: 2, pieces: 1 }])
        // The customer is still in the shop, as far as anybody knows.
        assert.deepEqual((await insight.abandonedCarts({})).items, [])
        const progress = await insight.progress({})
        assert.deepEqual(
          progress.map(({ topology }) => topology),
          ['sales', 'carts', 'refusals', 'orders'],
        )
        assert.equal(progress.find(({ topology }) => topology === 'refusals')!.records, 3)
      },
      { provider, insight: true },
    )
  },
)

const START = Date.UTC(2026, 0, 1)
const MINUTE = 60_000
const customer = { customerId: 5, complement: '', ...ADDRESS }
const payer = {
  ...customer,
  paymentType: 'BOLETO',
  cardNumber: '',
  cardHolderName: '',
  cardExpiration: '',
  installments: 0,
} as const
const own = { items: [], instanceId: 't', checkoutId: 'c' }
const ordered: EventData<typeof ReserveStock> = { ...own, timestamp: momentOf(START), customerCheckout: payer }
const filled = (customerId: number) => ({ customerId, sellerId: 1, productId: 1, quantity: 1 })

test('a cart is abandoned when nobody came back to it for half an hour, and it was not checked out', () => {
  const test = testStream(cartsOf(TIMES).topology, { start: START })
  test.push(CartFilled, filled(1), { time: START })
  test.push(CartFilled, filled(1), { time: START + 20 * MINUTE })
  test.push(CartFilled, filled(5), { time: START + 20 * MINUTE })
  test.push(ReserveStock, ordered, { time: START + 21 * MINUTE })
  assert.equal(test.view('abandoned-carts').size, 0)
  test.advance('29m')
  assert.equal(test.view('abandoned-carts').size, 0)
  test.advance('2m')
  const found = { customerId: 1, times: 1, lines: 2, last: START + 20 * MINUTE }
  assert.deepEqual([...test.view('abandoned-carts').values()], [found])
  test.push(CartFilled, filled(1), { time: START + 60 * MINUTE })
  test.advance('31m')
  assert.deepEqual([...test.view('abandoned-carts').values()], [{ ...found, times: 2, lines: 3, last: START + 60 * MINUTE }])
})

const paid = (orderId: number) => ({ ...own, customer, orderId, totalAmount: 1 })
const invoice = (orderId: number) => {
  const dates = { invoiceNumber: `i-${orderId}`, issueDate: momentOf(START), totalInvoice: 1 }
  return { ...own, ...dates, customer: payer, orderId }
}

test('an order that is not paid, or not shipped, for ten minutes is told of; whatever comes first', () => {
  const test = testStream(ordersOf(TIMES).topology, { start: START })
  const outcomes = (): unknown => test.view('outcomes').get('5')
  // The payment is heard of before its order.
  test.push(PaymentConfirmed, { ...paid(1), date: momentOf(START) }, { time: START + 1 })
  for (const orderId of [1, 2, 3, 4]) test.push(InvoiceIssued, invoice(orderId), { time: START })
  const shipment = { customerId: 5, orderId: 1, eventDate: momentOf(START), status: 'approved', instanceId: 't' } as const
  test.push(ShipmentNotification, shipment, { time: START + 2 })
  test.push(ShipmentNotification, { ...shipment, status: 'concluded' }, { time: START + 3 })
  test.push(PaymentFailed, { ...paid(2), status: 'no' }, { time: START + 4 })
  test.push(PaymentConfirmed, { ...paid(3), date: momentOf(START) }, { time: START + 5 })
  assert.deepEqual(outcomes(), { customerId: 5, shipped: 1, refused: 1, unpaid: 0, unshipped: 0 })
  test.advance('12m')
  assert.deepEqual(outcomes(), { customerId: 5, shipped: 1, refused: 1, unpaid: 1, unshipped: 1 })
})
