import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cart, ReserveStock } from './services/cart/contract.ts'
import { InvoiceIssued, Order } from './services/order/contract.ts'
import { Payment, PaymentConfirmed } from './services/payment/contract.ts'
import { Product } from './services/product/contract.ts'
import { Shipment } from './services/shipment/contract.ts'
import { Stock, StockConfirmed } from './services/stock/contract.ts'
import { ADDRESS, buy, fakeProvider, itemOf, offer, withShop, type Shop } from './shop.test-support.ts'

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

test('what is short is left out and the rest is ordered', () =>
  withShop(async (shop) => {
    await offer(shop, 2, 3)
    await buy(shop, 1, 't1', [itemOf(1, { quantity: 4 }), itemOf(2, { quantity: 3 })])
    const [order] = await shop.order.ofCustomer({ customerId: 1 })
    assert.deepEqual(
      order?.items.map(({ productId, quantity }) => [productId, quantity]),
      [[2, 3]],
    )
    assert.equal((await shop.customer.totals()).failedReservations, 1)
    assert.deepEqual(await outcomes(shop, 't1'), [['SUCCESS', 'shipment']])
  }))

test('a checkout of which nothing is in stock makes no order and is not accepted', () =>
  withShop(async (shop) => {
    await offer(shop, 1, 1)
    await buy(shop, 1, 't1', [itemOf(1, { quantity: 2 })])
    assert.deepEqual(await shop.order.ofCustomer({ customerId: 1 }), [])
    assert.deepEqual(await outcomes(shop, 't1'), [['NOT_ACCEPTED', 'stock']])
    assert.equal((await shop.stock.totals()).reserved, 0)
  }))

test('a declined payment frees what was reserved, and ships nothing', () => {
  const provider = fakeProvider(({ customerId }) =>
    customerId === 1 ? { status: 'declined', reason: 'no_money' } : { status: 'succeeded' },
  )
  return withShop(
    async (shop) => {
      await offer(shop, 1)
      await buy(shop, 1, 't1', [itemOf(1, { quantity: 5, voucher: 1 })])
      const [order] = await shop.order.ofCustomer({ customerId: 1 })
      assert.equal(order?.status, 'PAYMENT_FAILED')
      assert.deepEqual(
        order.history.map(({ status }) => status),
        ['INVOICED', 'PAYMENT_FAILED'],
      )
      const { available, reserved, sold, reservations } = await shop.stock.totals()
      assert.deepEqual([available, reserved, sold, reservations.cancelled], [100, 0, 0, 1])
      assert.deepEqual(
        (await shop.payment.ofOrder({ customerId: 1, orderId: 1 })).map(({ status }) => status),
        ['declined'],
      )
      assert.equal((await shop.shipment.totals()).shipments, 0)
      assert.equal((await shop.customer.totals()).failedPayments, 1)
      assert.equal((await shop.seller.dashboard({ sellerId: 1 })).sellerView.countOrders, 0)
      assert.deepEqual(await outcomes(shop, 't1'), [['NOT_ACCEPTED', 'payment']])
    },
    { provider },
  )
})

test('a provider that answers after several tries is charged under one key', () => {
  let tries = 0
  const provider = fakeProvider(() => {
    if (++tries < 3) throw new Error('Connection reset')
    return { status: 'succeeded' }
  })
  return withShop(
    async (shop) => {
      await offer(shop, 1)
      await buy(shop, 1, 't1', [itemOf(1)])
      const [order] = await shop.order.ofCustomer({ customerId: 1 })
      assert.equal(order?.status, 'READY_FOR_SHIPMENT')
      assert.deepEqual(new Set(provider.charges.map(({ key }) => key)), new Set([order.invoiceNumber]))
      assert.equal(tries, 3)
    },
    { provider },
  )
})

test('order numbers count from 1 for each customer without a hole', () =>
  withShop(async (shop) => {
    await offer(shop, 1)
    for (const [i, customerId] of [1, 2, 1, 1].entries()) await buy(shop, customerId, `t${i}`, [itemOf(1)])
    assert.deepEqual(
      (await shop.order.ofCustomer({ customerId: 1 })).map(({ orderId }) => orderId),
      [3, 2, 1],
    )
    assert.deepEqual(
      (await shop.order.ofCustomer({ customerId: 2 })).map(({ orderId }) => orderId),
      [1],
    )
    assert.equal((await shop.order.totals()).customersWithHoles, 0)
  }))

test('a checkout asked for again, its answer lost, is answered as before and made once', () =>
  withShop(async (shop) => {
    await offer(shop, 1)
    await shop.cart.add({ customerId: 1, ...itemOf(1) })
    const ask = { customerId: 1, ...ADDRESS, paymentType: 'BOLETO', instanceId: 't1' } as const
    const first = await shop.cart.checkout(ask)
    assert.deepEqual(await shop.cart.checkout(ask), first)
    // Also when the cart holds something again, which is then for another checkout.
    await shop.cart.add({ customerId: 1, ...itemOf(1) })
    assert.deepEqual(await shop.cart.checkout(ask), first)
    assert.equal((await shop.cart.get({ customerId: 1 })).items.length, 1)
    await shop.cart.seal({ customerId: 1 })
    await shop.quiet()
    assert.equal((await shop.order.totals()).orders, 1)
    await assert.rejects(shop.cart.checkout({ ...ask, instanceId: 't2' }), { code: 'CART_EMPTY' })
    await assert.rejects(shop.cart.checkout({ ...ask, customerId: 9 }), { code: 'CART_NOT_FOUND' })
  }))

test('a cart takes no line of nothing, and no more lines than it can order at once', () =>
  withShop(async (shop) => {
    for (const quantity of [0, -1]) {
      await assert.rejects(shop.cart.add({ customerId: 1, ...itemOf(1, { quantity }) }), { code: 'INVALID_QUANTITY' })
    }
    for (let id = 1; id <= 100; id++) await shop.cart.add({ customerId: 1, ...itemOf(id) })
    await assert.rejects(shop.cart.add({ customerId: 1, ...itemOf(101) }), { code: 'CART_FULL' })
    await shop.cart.add({ customerId: 1, ...itemOf(100, { quantity: 5 }) })
    assert.equal((await shop.cart.get({ customerId: 1 })).items.length, 100)
    await shop.cart.seal({ customerId: 1 })
    assert.deepEqual((await shop.cart.get({ customerId: 1 })).items, [])
  }))

test('every message delivered a second time changes nothing', () =>
  withShop(async (shop) => {
    await offer(shop, 3)
    await buy(shop, 1, 't1', [itemOf(1, { quantity: 2, voucher: 2 }), itemOf(2)])
    await shop.product.updatePrice({ sellerId: 1, productId: 1, price: 12.5, version: '0', instanceId: 'p1' })
    await shop.product.replace({ sellerId: 1, productId: 3, name: 'New', price: 9.99, version: 'v1' })
    await shop.shipment.updateDelivery({ tid: 'd1' })
    await shop.quiet()
    const before = await everything(shop)
    let messages = 0
    for (const { name } of EVENTS) {
      const found = await shop.broker.browse({ topic: name, partition: 0, limit: 1_000 })
      messages += found.length
      await shop.broker.publish(found.map(({ message }) => message))
    }
    assert.ok(messages > 15)
    await shop.quiet()
    assert.deepEqual(await everything(shop), before)
  }))

test('a message that comes again under another id changes no order, stock, payment or shipment', () =>
  withShop(async (shop) => {
    await offer(shop, 2)
    await buy(shop, 1, 't1', [itemOf(1, { quantity: 2 }), itemOf(2)])
    const before = await orders(shop)
    for (const { name } of [ReserveStock, StockConfirmed, InvoiceIssued, PaymentConfirmed]) {
      const found = await shop.broker.browse({ topic: name, partition: 0, limit: 1_000 })
      await shop.broker.publish(found.map(({ message }, i) => ({ ...message, id: `${message.id.slice(0, -2)}${10 + i}` })))
    }
    await shop.quiet()
    assert.deepEqual(await orders(shop), before)
  }))

const EVENTS = [Cart, Stock, Order, Payment, Shipment, Product].flatMap(({ events }): { name: string }[] => [...events])

async function orders(shop: Shop): Promise<unknown> {
  return [
    await shop.order.list({}),
    await shop.stock.list({}),
    await shop.payment.list({}),
    await shop.shipment.list({}),
    await shop.seller.entries({}),
  ]
}

async function everything(shop: Shop): Promise<unknown> {
  const { last } = await shop.audit.totals()
  return [await orders(shop), await shop.customer.totals(), await shop.cart.replicas({}), await shop.cart.totals(), last]
}

async function outcomes(shop: Shop, tid: string): Promise<unknown> {
  return (await shop.audit.ofTransaction({ tid })).map(({ status, source }) => [status, source])
}
