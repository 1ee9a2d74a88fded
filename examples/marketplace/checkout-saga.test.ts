import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buy, fakeProvider, itemOf, offer, withShop, type Shop } from './shop.test-support.ts'

const states = async (shop: Shop, customerId: number) =>
  (await shop.order.ofCustomer({ customerId })).map(({ status, history }) => [status, history.map((one) => one.status)])

const marks = async (shop: Shop, tid: string) =>
  (await shop.audit.ofTransaction({ tid })).map(({ status, source }) => `${status} ${source}`)

test('a saga sees a checkout through: reserved, invoiced, paid, sold, shipped, marked once', () =>
  withShop(
    async (shop) => {
      await offer(shop, 2)
      await buy(shop, 7, 't1', [itemOf(1, { quantity: 2, voucher: 3 }), itemOf(2)])
      assert.deepEqual(await states(shop, 7), [['READY_FOR_SHIPMENT', ['INVOICED', 'PAYMENT_PROCESSED', 'READY_FOR_SHIPMENT']]])
      const { available, reserved, sold } = await shop.stock.totals()
      assert.deepEqual([available, reserved, sold], [197, 0, 3])
      assert.deepEqual(await marks(shop, 't1'), ['SUCCESS shipment'])
      assert.equal((await shop.shipment.get({ customerId: 7, orderId: 1 })).packages.length, 2)
    },
    { checkout: 'saga' },
  ))

test('a payment that is refused takes back what was done before it', () =>
  withShop(
    async (shop) => {
      await offer(shop, 1)
      await buy(shop, 7, 't1', [itemOf(1, { quantity: 2 })])
      assert.deepEqual(await states(shop, 7), [['PAYMENT_FAILED', ['INVOICED', 'PAYMENT_FAILED']]])
      const { available, reserved, sold } = await shop.stock.totals()
      assert.deepEqual([available, reserved, sold], [100, 0, 0])
      assert.deepEqual(await marks(shop, 't1'), ['NOT_ACCEPTED payment'])
      assert.equal((await shop.shipment.totals()).shipments, 0)
    },
    { checkout: 'saga', provider: fakeProvider(() => ({ status: 'declined', reason: 'no money' })) },
  ))

test('what is short is left out; of what is short altogether there is no order', () =>
  withShop(
    async (shop) => {
      await offer(shop, 2, 3)
      await buy(shop, 1, 't1', [itemOf(1, { quantity: 4 }), itemOf(2, { quantity: 3 })])
      await buy(shop, 1, 't2', [itemOf(2)])
      const orders = await shop.order.ofCustomer({ customerId: 1 })
      assert.deepEqual(
        orders.map(({ items }) => items.map(({ productId, quantity }) => [productId, quantity])),
        [[[2, 3]]],
      )
      assert.deepEqual(await marks(shop, 't2'), ['NOT_ACCEPTED stock'])
      assert.equal((await shop.stock.totals()).reserved, 0)
    },
    { checkout: 'saga' },
  ))
