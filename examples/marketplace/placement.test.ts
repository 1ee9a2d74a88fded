import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPlacement, describeReport } from '@dure/testing'
import { shop } from './placement.test-support.ts'

test('the marketplace answers alike together, over sockets and in another process', async () => {
  const file = new URL('placement.test-support.ts', import.meta.url)
  // What does not depend on a contract is asked where the suite itself is tested.
  const report = await checkPlacement({ system: shop, file, name: 'shop', runs: 3, seed: 11 })
  assert.ok(report.ok, describeReport(report))
  const services = report.services.map(({ service }) => service).toSorted()
  assert.deepEqual(services, ['audit', 'cart', 'customer', 'order', 'payment', 'product', 'seller', 'shipment', 'stock'])
  for (const { service, operations } of report.services) {
    const answered = operations.reduce((sum, row) => sum + row.answered, 0)
    assert.ok(answered > operations.length, `${service}: ${answered} calls answered`)
  }
})
