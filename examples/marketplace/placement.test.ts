import assert from 'node:assert/strict'
import { test } from 'node:test'
import { postgres } from '@dure/postgres'
import { startServer } from '@dure/postgres/server'
import { checkPlacement, describeReport, inCopies, type FreshDatabase, type PlacementReport } from '@dure/testing'
import { shop } from './placement.test-support.ts'

test('the marketplace answers alike together, over sockets and in another process', async () => {
  const file = new URL('placement.test-support.ts', import.meta.url)
  // What does not depend on a contract is asked where the suite itself is tested.
  const report = await checkPlacement({ system: shop, file, name: 'shop', runs: 2, seed: 11 })
  assertAlike(report)
})

test('two copies of each service on one PostgreSQL answer as the marketplace does together', { timeout: 600_000 }, async () => {
  const database: FreshDatabase = async () => {
    const server = await startServer({ settings: { max_connections: 200, fsync: 'off' } })
    return { database: postgres({ url: server.url(), writers: 2, readers: 1 }), stop: server.close }
  }
  assertAlike(await checkPlacement({ system: shop, placements: [inCopies({ database })], runs: 2, seed: 11 }))
})

function assertAlike(report: PlacementReport): void {
  assert.ok(report.ok, describeReport(report))
  const services = report.services.map(({ service }) => service).toSorted()
  assert.deepEqual(services, ['audit', 'cart', 'customer', 'order', 'payment', 'product', 'seller', 'shipment', 'stock'])
  for (const { service, operations } of report.services) {
    const answered = operations.reduce((sum, row) => sum + row.answered, 0)
    assert.ok(answered >= operations.length, `${service}: ${answered} calls answered`)
  }
}
