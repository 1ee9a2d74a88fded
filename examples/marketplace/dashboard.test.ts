import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
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
import { Seller } from './services/seller/contract.ts'
import { seller } from './services/seller/service.ts'
import { Shipment } from './services/shipment/contract.ts'
import { buy, itemOf, offer, withShop, withShopIn, type Shop } from './shop.test-support.ts'

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

test('the dashboards that are composed, kept as a read model, and kept by hand are equal, once all is quiet', () =>
  withShop(
    async (shop) => {
      await offer(shop, 3)
      await buy(shop, 1, 't1', [itemOf(1, { quantity: 2, voucher: 5 }), itemOf(2)])
      await buy(shop, 2, 't2', [itemOf(2), itemOf(3)])
      await buy(shop, 3, 't3', [itemOf(3)])
      for (const expected of [3, 2, 1]) {
        const { kept, composed, missing } = await dashboards(shop)
        assert.equal(kept.sellerView.countOrders, expected)
        assert.deepEqual(composed, kept)
        assert.deepEqual(missing, [])
        // And both on one page.
        const page = await shop.seller.dashboards({ sellerId: 1 })
        assert.equal(page.equal, true)
        assert.deepEqual(page.model, kept)
        await shop.shipment.updateDelivery({ tid: `delivery-${expected}` })
        await shop.quiet()
      }
    },
    { readModel: true },
  ))

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

test('when shipments fail a fallback answers, and both the answer and the numbers say so', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'marketplace-fallback-'))
  let asked = 0
  const failing = only(Shipment, 'packagesOf', () => {
    asked++
    throw new Error('no')
  })
  const services: Service[] = [seller, only(Order, 'openOfSeller', () => [line]), failing, only(Payment)]
  const running = await start(system('fallback', { services }), { directory, log: silentLogger() })
  t.after(async () => {
    await running.stop()
    await rm(directory, { recursive: true })
  })
  for (let i = 0; i < 30; i++) {
    const { orderEntries, missing } = await running.client(Seller).composedDashboard({ sellerId: 1 })
    assert.deepEqual([orderEntries.length, missing], [1, ['packages']])
  }
  const { breaker, ever } = running.calls().find(({ caller, operation }) => caller === 'seller' && operation === 'packagesOf')!
  assert.deepEqual([breaker?.now.state, ever.fallback, asked], ['OPEN', 30, 10], 'nobody is asked in vain for long')
})

/** What the owners have and the read model has not, or the other way round: by another program, in plain SQL. */
const COMPARE = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1] + '/order.db')
db.execute('ATTACH ? AS model', (sys.argv[1] + '/seller--seller-dashboard-1.db',))
db.execute('ATTACH ? AS shipment', (sys.argv[1] + '/shipment.db',))
owners = '''SELECT i.customer_id, i.order_id, i.seller_id, i.product_id, i.quantity, i.total_amount + i.freight_value, o.status, p.delivery_date
  FROM order_items i JOIN orders o USING (customer_id, order_id)
  LEFT JOIN shipment.packages p ON p.customer_id = i.customer_id AND p.order_id = i.order_id AND p.product_id = i.product_id'''
model = '''SELECT customer_id, order_id, seller_id, product_id, quantity, total_invoice, order_status, delivery_date FROM model.order_entries'''
rows = lambda sql: len(db.execute(sql).fetchall())
print(rows(model), rows(owners + ' EXCEPT ' + model), rows(model + ' EXCEPT ' + owners))`
const missing = spawnSync('python3', ['-c', 'import sqlite3']).status === 0 ? false : 'needs server: python'

test('the read model has what plain SQL over the stores of the owners says', { skip: missing }, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'marketplace-sql-'))
  t.after(() => rm(directory, { recursive: true }))
  const trade = async (shop: Shop): Promise<void> => {
    await offer(shop, 3)
    for (let n = 1; n <= 12; n++)
      await buy(shop, n, `t${n}`, [itemOf(1), itemOf(1 + (n % 3), { quantity: n, voucher: 1 })].slice(n % 2))
    await shop.shipment.updateDelivery({ tid: 'd1' })
    await shop.quiet()
  }
  await withShopIn(directory, trade, { readModel: true })
  const { stdout } = await run('python3', ['-c', COMPARE, directory])
  assert.equal(stdout.trim(), '16 0 0')
})
