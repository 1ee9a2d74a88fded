import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ADDRESS, buy, itemOf, offer, withShop, withShopIn } from './shop.test-support.ts'

test('a new price reaches open carts; the customer keeps the old one by a voucher', () =>
  withShop(async (shop) => {
    await offer(shop, 1)
    await shop.cart.add({ customerId: 1, ...itemOf(1, { quantity: 2, voucher: 1 }) })
    await shop.product.updatePrice({ sellerId: 1, productId: 1, price: 12.1, version: '0', instanceId: 'p1' })
    await shop.quiet()
    const [line] = (await shop.cart.get({ customerId: 1 })).items
    // 2 × (12.10 − 11.00), beside the voucher that was there.
    assert.deepEqual([line?.unitPrice, line?.voucher], [12.1, 3.2])
    assert.deepEqual(
      (await shop.audit.ofTransaction({ tid: 'p1' })).map(({ status, source }) => [status, source]),
      [['SUCCESS', 'cart']],
    )
    await buy(shop, 1, 't1', [])
    assert.equal((await shop.order.ofCustomer({ customerId: 1 }))[0]?.totalAmount, 21)
  }))

test('a price for another version is announced and changes nothing', () =>
  withShop(async (shop) => {
    await offer(shop, 1)
    await shop.product.updatePrice({ sellerId: 1, productId: 1, price: 99, version: 'other', instanceId: 'p1' })
    await shop.quiet()
    assert.equal((await shop.product.get({ sellerId: 1, productId: 1 })).price, 11)
    assert.equal((await shop.cart.replicas({})).items[0]?.price, 11)
    assert.equal((await shop.audit.ofTransaction({ tid: 'p1' })).length, 1)
    await assert.rejects(shop.product.updatePrice({ sellerId: 1, productId: 9, price: 1, version: '0', instanceId: 'p2' }), {
      code: 'PRODUCT_NOT_FOUND',
    })
  }))

test('an item at another price than the product has is left out; with nothing left the cart says so itself', () =>
  withShop(async (shop) => {
    await offer(shop, 1)
    await shop.cart.add({ customerId: 1, ...itemOf(1, { unitPrice: 5 }) })
    const answer = await shop.cart.checkout({ customerId: 1, ...ADDRESS, paymentType: 'BOLETO', instanceId: 't1' })
    assert.deepEqual(answer, { instanceId: 't1', items: 0, dropped: [{ sellerId: 1, productId: 1, status: 'PRICE_DIVERGENCE' }] })
    await shop.quiet()
    assert.deepEqual(
      (await shop.audit.ofTransaction({ tid: 't1' })).map(({ status, source }) => [status, source]),
      [['NOT_ACCEPTED', 'cart']],
    )
  }))

test('a replaced product: items of the old version are unavailable, those of the new one are sold', () =>
  withShop(async (shop) => {
    await offer(shop, 1)
    await shop.product.replace({ sellerId: 1, productId: 1, name: 'Better thing', price: 20, freightValue: 1, version: 'v1' })
    await shop.quiet()
    assert.deepEqual(
      (await shop.audit.ofTransaction({ tid: 'v1' })).map(({ type, source }) => [type, source]),
      [['UPDATE_PRODUCT', 'stock']],
    )
    await buy(shop, 1, 't1', [itemOf(1)])
    assert.deepEqual(
      (await shop.audit.ofTransaction({ tid: 't1' })).map(({ status, source }) => [status, source]),
      [['NOT_ACCEPTED', 'stock']],
    )
    await buy(shop, 1, 't2', [itemOf(1, { version: 'v1', unitPrice: 20 })])
    assert.equal((await shop.order.ofCustomer({ customerId: 1 }))[0]?.totalItems, 20)
  }))

test("a seller's changes reach the carts in the order they were made", () =>
  withShop(async (shop) => {
    await offer(shop, 2)
    for (let i = 1; i <= 20; i++) {
      await shop.product.updatePrice({ sellerId: 1, productId: 1, price: i, version: String(i - 1), instanceId: `a${i}` })
      await shop.product.replace({ sellerId: 1, productId: 1, name: 'Thing', price: i, version: String(i) })
      await shop.product.updatePrice({ sellerId: 1, productId: 1, price: i + 0.5, version: String(i), instanceId: `b${i}` })
    }
    await shop.quiet()
    const [replica] = (await shop.cart.replicas({})).items
    assert.deepEqual([replica?.version, replica?.price], ['20', 20.5])
    assert.equal((await shop.stock.get({ sellerId: 1, productId: 1 })).version, '20')
  }))

test('a delivery takes the oldest open order of each of the first ten sellers, and all that follows from it', () =>
  withShop(async (shop) => {
    const sellers = Array.from({ length: 12 }, (_, i) => i + 1)
    await shop.stock.putAll({ items: sellers.map((sellerId) => ({ sellerId, productId: sellerId, qtyAvailable: 100 })) })
    await buy(
      shop,
      1,
      't1',
      sellers.map((sellerId) => ({ ...itemOf(sellerId), sellerId })),
    )
    await buy(shop, 2, 't2', [itemOf(1)])
    assert.deepEqual(await shop.shipment.updateDelivery({ tid: 'd1' }), { packages: 10, shipments: 1 })
    await shop.quiet()
    assert.equal((await shop.order.ofCustomer({ customerId: 1 }))[0]?.status, 'IN_TRANSIT')
    assert.equal((await shop.shipment.get({ customerId: 1, orderId: 1 })).status, 'delivery_in_progress')
    assert.deepEqual(await shop.shipment.updateDelivery({ tid: 'd2' }), { packages: 3, shipments: 2 })
    await shop.quiet()
    for (const customerId of [1, 2]) {
      const [order] = await shop.order.ofCustomer({ customerId })
      assert.equal(order?.status, 'DELIVERED')
      assert.deepEqual(
        order.history.map(({ status }) => status),
        ['INVOICED', 'PAYMENT_PROCESSED', 'READY_FOR_SHIPMENT', 'IN_TRANSIT', 'DELIVERED'],
      )
    }
    assert.equal((await shop.customer.totals()).deliveries, 13)
    const { early, delivered, open } = await shop.seller.totals()
    assert.deepEqual([early, delivered, open], [0, 13, 0])
    assert.deepEqual(await shop.shipment.updateDelivery({ tid: 'd3' }), { packages: 0, shipments: 0 })
  }))

test("a dashboard's sums are those of its lines", () =>
  withShop(async (shop) => {
    await offer(shop, 3)
    await buy(shop, 1, 't1', [itemOf(1, { quantity: 3, voucher: 2.5 }), itemOf(2)])
    await buy(shop, 2, 't2', [itemOf(3)])
    const { sellerView, orderEntries } = await shop.seller.dashboard({ sellerId: 1 })
    const sum = (pick: (entry: (typeof orderEntries)[number]) => number): number =>
      orderEntries.reduce((total, entry) => total + Math.round(100 * pick(entry)), 0) / 100
    assert.deepEqual(sellerView, {
      sellerId: 1,
      countOrders: 2,
      countItems: 3,
      totalAmount: sum((entry) => entry.totalAmount),
      totalFreight: sum((entry) => entry.freightValue),
      totalIncentive: sum((entry) => entry.totalIncentive),
      totalInvoice: sum((entry) => entry.totalInvoice),
      totalItems: sum((entry) => entry.totalItems),
    })
    assert.equal(sellerView.totalItems, 58)
    assert.equal(sellerView.totalIncentive, 2.5)
  }))

test('a second start on the same data continues where the first one was', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'marketplace-'))
  try {
    await withShopIn(directory, async (shop) => {
      await offer(shop, 1)
      await buy(shop, 1, 't1', [itemOf(1)])
      await shop.cart.add({ customerId: 1, ...itemOf(1) })
    })
    await withShopIn(directory, async (shop) => {
      assert.equal((await shop.cart.get({ customerId: 1 })).items.length, 1)
      await buy(shop, 1, 't2', [])
      assert.deepEqual(
        (await shop.order.ofCustomer({ customerId: 1 })).map(({ orderId }) => orderId),
        [2, 1],
      )
      assert.equal((await shop.audit.totals()).last, 2)
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test('reset keeps products and customers and starts everything else again; cleanup keeps nothing', () =>
  withShop(async (shop) => {
    await offer(shop, 1)
    await shop.customer.put({ customerId: 1, firstName: 'Ada', lastName: 'Kim', cardNumber: '4111111111111111' })
    await buy(shop, 1, 't1', [itemOf(1)])
    assert.equal((await shop.customer.get({ customerId: 1 })).cardNumber, '1111')
    const all = [
      shop.cart,
      shop.order,
      shop.stock,
      shop.payment,
      shop.shipment,
      shop.seller,
      shop.customer,
      shop.product,
      shop.audit,
    ]
    for (const service of all) await service.reset()
    const { initial, available, sold } = await shop.stock.totals()
    assert.deepEqual([initial, available, sold], [100, 100, 0])
    await buy(shop, 1, 't1', [itemOf(1)])
    assert.equal((await shop.order.ofCustomer({ customerId: 1 }))[0]?.invoiceNumber.endsWith('-1'), true)
    assert.deepEqual(await shop.order.totals().then(({ orders }) => orders), 1)
    for (const service of all) await service.cleanup()
    const left = [
      (await shop.product.totals()).products,
      (await shop.customer.totals()).customers,
      (await shop.stock.totals()).items,
      (await shop.cart.totals()).replicas,
    ]
    assert.deepEqual(left, [0, 0, 0, 0])
  }))

test('the log streams marks as they come, from where one asks', () =>
  withShop(async (shop) => {
    const wanted = new AbortController()
    const seen: string[] = []
    const reading = (async () => {
      for await (const { tid, position } of shop.audit.marks({ after: 1 }, { signal: wanted.signal })) {
        seen.push(`${position} ${tid}`)
        if (seen.length === 2) return
      }
    })()
    for (const tid of ['d1', 'd2', 'd3']) await shop.shipment.updateDelivery({ tid })
    await reading
    wanted.abort()
    assert.deepEqual(seen, ['2 d2', '3 d3'])
  }))
