import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { rest } from '@dure/rest'
import type { AnyContract } from 'dure/contract'
import { service, start, system, type Service } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { Order } from './services/order/contract.ts'
import { Payment } from './services/payment/contract.ts'
import { seller } from './services/seller/service.ts'
import { Shipment } from './services/shipment/contract.ts'
import { buy, itemOf, offer, withShop, type Shop } from './shop.test-support.ts'

const run = promisify(execFile)

async function dashboards(shop: Shop) {
  const [kept, composed] = await Promise.all([
    shop.seller.dashboard({ sellerId: 1 }),
    shop.seller.composedDashboard({ sellerId: 1 }),
  ])
  const inOrder = ({ orderEntries }: Pick<typeof kept, 'orderEntries'>) =>
    orderEntries.toSorted((a, b) => a.naturalKey.localeCompare(b.naturalKey) || a.productId - b.productId)
  const { missing, ...same } = composed
  return { kept: { ...kept, orderEntries: inOrder(kept) }, composed: { ...same, orderEntries: inOrder(same) }, missing }
}

test('the dashboard that is composed equals the one that is kept, once all is quiet', () =>
  withShop(async (shop) => {
    await offer(shop, 3)
    await buy(shop, 1, 't1', [itemOf(1, { quantity: 2, voucher: 5 }), itemOf(2)])
    await buy(shop, 2, 't2', [itemOf(2), itemOf(3)])
    await buy(shop, 3, 't3', [itemOf(3)])
    for (const expected of [3, 2, 1]) {
      const { kept, composed, missing } = await dashboards(shop)
      assert.equal(kept.sellerView.countOrders, expected)
      assert.deepEqual(composed, kept)
      assert.deepEqual(missing, [])
      await shop.shipment.updateDelivery({ tid: `delivery-${expected}` })
      await shop.quiet()
    }
  }))

const line = {
  ...{ customerId: 1, orderId: 1, orderItemId: 1, sellerId: 1, productId: 1, productName: 'Thing', orderStatus: 'INVOICED' },
  ...{ unitPrice: 1, quantity: 1, freightValue: 1, totalItems: 1, totalIncentive: 0, totalAmount: 1 },
}

/** A service that does one thing at most. */
function only<C extends AnyContract>(contract: C, name?: string, handler?: () => unknown): Service<C> {
  const handlers = Object.fromEntries(
    Object.keys(contract.operations).map((each) => [each, () => Promise.reject(new Error('no'))]),
  )
  return service(contract, { handlers: { ...handlers, ...(name !== undefined && { [name]: handler }) } as never })
}

test('while shipments hang, orders are shown inside the deadline, and what is missing is said', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'marketplace-composed-'))
  const hanging = only(Shipment, 'packagesOf', () => new Promise(() => {}))
  const services: Service[] = [seller, only(Order, 'openOfSeller', () => [line]), hanging, only(Payment)]
  const running = await start(system('composed', { services, doors: [rest({ port: 0 })] }), { directory, log: silentLogger() })
  t.after(async () => {
    await running.stop()
    await rm(directory, { recursive: true })
  })
  const url = `${running.doors[0]!.url}/seller/1/dashboard/composed`
  const { stdout } = await run('curl', ['-s', '--max-time', '30', '-w', '\n%{http_code}', url])
  const [body, status] = stdout.split('\n')
  assert.equal(status, '200')
  const { orderEntries, missing } = JSON.parse(body!)
  assert.deepEqual(missing, ['packages'])
  assert.deepEqual([orderEntries.length, orderEntries[0].naturalKey, orderEntries[0].deliveryStatus], [1, '1_1', undefined])
})
