import assert from 'node:assert/strict'
import { describeReport, type PlacementReport } from '@dure/testing'
import type { System } from 'dure/service'
import { fakeProvider } from './shop.test-support.ts'
import { marketplace } from './system.ts'

/** The marketplace with a payment provider that is never away: loaded by this name in other processes as well. */
export const shop = (): System => marketplace({ provider: fakeProvider() })

/** All nine services were asked, answered alike, and as often as they have operations. */
export function assertAlike(report: PlacementReport): void {
  assert.ok(report.ok, describeReport(report))
  const services = report.services.map(({ service }) => service).toSorted()
  assert.deepEqual(services, ['audit', 'cart', 'customer', 'order', 'payment', 'product', 'seller', 'shipment', 'stock'])
  for (const { service, operations } of report.services) {
    const answered = operations.reduce((sum, row) => sum + row.answered, 0)
    assert.ok(answered >= operations.length, `${service}: ${answered} calls answered`)
  }
}
