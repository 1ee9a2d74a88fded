import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buy, itemOf, offer, withShop } from './shop.test-support.ts'

test('a checkout goes all the way: reserved, invoiced, paid, shipped, marked once', () =>
  withShop(async (shop) => {
    await offer(shop, 2)
    await buy(shop, 7, 't1', [itemOf(1, { quantity: 2, voucher: 3 }), itemOf(2)])

    const [order, ...none] = await shop.order.ofCustomer({ customerId: 7 })
    assert.deepEqual(none, [])
    assert.equal(order?.status, 'READY_FOR_SHIPMENT')
    assert.deepEqual(
      order.history.map(({ status }) => status),
      ['INVOICED', 'PAYMENT_PROCESSED', 'READY_FOR_SHIPMENT'],
    )
    // 2 × 11 + 12 = 34, less 3 of voucher, and 2 of freight.
    const { totalItems, totalIncentive, totalAmount, totalFreight, totalInvoice } = order
    assert.deepEqual([totalItems, totalIncentive, totalAmount, totalFreight, totalInvoice], [34, 3, 31, 2, 33])
    assert.match(order.invoiceNumber, /^7-\d{8}-1$/)

    const lines = await shop.payment.ofOrder({ customerId: 7, orderId: 1 })
    assert.deepEqual(
      lines.map(({ type, value, status }) => [type, value, status]),
      [
        ['BOLETO', 33, 'succeeded'],
        ['VOUCHER', 3, 'succeeded'],
      ],
    )
    const { status, packages } = await shop.shipment.get({ customerId: 7, orderId: 1 })
    assert.deepEqual([status, packages.length], ['approved', 2])
    const { available, reserved, sold, initial } = await shop.stock.totals()
    assert.deepEqual([available, reserved, sold, initial], [197, 0, 3, 200])
    assert.equal((await shop.customer.totals()).successPayments, 1)
    const marks = await shop.audit.ofTransaction({ tid: 't1' })
    assert.deepEqual(
      marks.map(({ type, status, source }) => [type, status, source]),
      [['CUSTOMER_SESSION', 'SUCCESS', 'shipment']],
    )
    assert.deepEqual((await shop.cart.get({ customerId: 7 })).items, [])
    assert.deepEqual(
      (await shop.cart.history({ customerId: 7, tid: 't1' })).map(({ productId }) => productId),
      [1, 2],
    )
  }))
