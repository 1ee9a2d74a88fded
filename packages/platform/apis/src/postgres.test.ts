import assert from 'node:assert/strict'
import { test } from 'node:test'
import { postgres } from '@dure/postgres'
import { startServer } from '@dure/postgres/server'
import { FREE, KIM, managing, person, QUOTA, report, subscribed } from './apis.test-support.ts'

test('on PostgreSQL what is done at once is done one after the other: decisions, keys, and what gateways settle', async (t) => {
  const server = await startServer({ settings: { fsync: 'off' } })
  t.after(() => server.close())
  const system = await managing(t, { database: postgres({ url: server.url() }) })
  const { ana, subscription } = await subscribed(system, [{ ...FREE, approval: 'by hand', quota: QUOTA }])
  const owners = [KIM, person('lee', 'team-checkout')].map((owner) => system.as(owner).decide({ subscription, approve: true }))
  const decided = await Promise.allSettled(owners)
  assert.deepEqual(decided.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const issued = await Promise.allSettled([1, 2, 3, 4].map(() => ana.issueKey({ subscription })))
  assert.equal(issued.filter(({ status }) => status === 'fulfilled').length, 2)
  const used = [{ subscription, calls: 0, keep: 0, wanted: 1_000 }]
  const settled = await Promise.all(['a', 'b', 'c', 'd'].map((gateway) => system.gateway.settle(report(gateway, 1, { used }))))
  const granted = settled.map(({ quotas }) => quotas[0]!.granted)
  assert.ok(granted.reduce((sum, n) => sum + n, 0) <= QUOTA.calls, granted.join(' '))
  const { period } = settled[0]!.quotas[0]!
  const calls = [{ subscription, period, calls: 10, keep: 0, wanted: 0 }]
  await Promise.all(['a', 'b', 'c', 'd'].map((gateway) => system.gateway.settle(report(gateway, 2, { used: calls }))))
  const { quotas, keys, subscriptions } = await system.gateway.settle(report('e', 1, { used: [{ ...used[0]!, wanted: 0 }] }))
  assert.deepEqual([quotas[0]!.used, keys.length, subscriptions[0]!.active], [40, 2, true])
})
