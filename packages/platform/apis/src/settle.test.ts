import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KIM, FREE, managing, QUOTA, report, subscribed } from './apis.test-support.ts'
import { BOUNDS, type CallCounts, type GatewayReport } from './values.ts'

const use = (subscription: string, calls: number, more: Partial<GatewayReport['used'][number]> = {}) => ({
  used: [{ subscription, calls, keep: 0, wanted: 1_000, ...more }],
})

test('what gateways are granted together is never more than is left, and what one repeats counts once', async (t) => {
  const system = await managing(t)
  const { subscription } = await subscribed(system, [{ ...FREE, quota: QUOTA }])
  const settle = async (gateway: string, batch: number, calls: number, more = {}) => {
    const { quotas } = await system.gateway.settle(report(gateway, batch, use(subscription, calls, more)))
    return quotas[0]!
  }
  const a = await settle('a', 1, 0)
  const b = await settle('b', 1, 0)
  assert.deepEqual([a.granted, b.granted], [50, 25])
  const { period } = a
  // All of it is used, and half of that told twice.
  const again = await Promise.all([settle('a', 2, 50, { period }), settle('a', 2, 50, { period })])
  assert.deepEqual(
    again.map(({ used }) => used),
    [50, 50],
  )
  const last = await settle('b', 2, 25, { period })
  assert.deepEqual([last.used, last.exhausted], [75, false])
  // Of 25 that are left, a was granted some.
  assert.ok(last.granted + again[1]!.granted <= 25)
  const over = await settle('a', 3, 25, { period, wanted: 0 })
  assert.deepEqual([over.used, over.exhausted, over.granted], [100, true, 0])
})

test('what a gateway keeps is its own until it says so, or is not heard of', async (t) => {
  const system = await managing(t, { time: 'virtual' })
  const { subscription } = await subscribed(system, [{ ...FREE, quota: QUOTA }])
  const first = await system.gateway.settle(report('a', 1, use(subscription, 0)))
  const { period, granted } = first.quotas[0]!
  assert.equal(granted, 50)
  const kept = await system.gateway.settle(report('a', 2, use(subscription, 10, { period, keep: 40, wanted: 1 })))
  assert.equal(kept.quotas[0]!.granted, 40)
  const other = await system.gateway.settle(report('b', 1, use(subscription, 0)))
  assert.equal(other.quotas[0]!.granted, 25)
  await system.advance(11_000)
  const later = await system.gateway.settle(report('b', 2, use(subscription, 0, { period, keep: 25 })))
  assert.deepEqual([later.quotas[0]!.used, later.quotas[0]!.granted], [10, 45])
})

test('a plan that is changed counts at once, with what was used before', async (t) => {
  const system = await managing(t)
  const { subscription } = await subscribed(system, [{ ...FREE, quota: QUOTA }])
  const first = await system.gateway.settle(report('a', 1, use(subscription, 0)))
  const { period } = first.quotas[0]!
  await system.as(KIM).setPlan({ product: 'orders', plan: { ...FREE, quota: { ...QUOTA, calls: 10 } } })
  const next = await system.gateway.settle(report('a', 2, { after: first.through, ...use(subscription, 12, { period }) }))
  assert.deepEqual([next.plans[0]!.plan.quota!.calls, next.quotas[0]!.exhausted, next.quotas[0]!.granted], [10, true, 0])
})

test('calls are counted by minute and by day, and seen by whom they concern', async (t) => {
  const system = await managing(t)
  const { ana, application, subscription } = await subscribed(system)
  const minute = Math.floor(Date.now() / 60_000) * 60_000
  const buckets = BOUNDS.concat(0).map((_, i) => (i === 1 ? 98 : i === 4 ? 2 : 0))
  const count: CallCounts = {
    ...{ minute, subscription, line: '1', operation: 'count', status: 200, calls: 100, bytesIn: 10, bytesOut: 1_000, buckets },
  }
  const told = report('a', 1, { counts: [count] })
  await system.gateway.settle(told)
  await system.gateway.settle(told)
  await system.gateway.settle(report('b', 1, { counts: [count, { ...count, status: 429, calls: 1 }] }))
  for (const by of ['minute', 'day'] as const) {
    const range = { from: minute - 86_400_000, to: minute + 1, by }
    const own = await ana.usage({ application, ...range })
    assert.deepEqual(
      own.map(({ status, calls, bytesOut, p50, p99 }) => [status, calls, bytesOut, p50, p99]),
      [
        [200, 200, 2_000, 2, 20],
        [429, 1, 1_000, 2, 20],
      ],
    )
    assert.deepEqual(await system.as(KIM).productUsage({ product: 'orders', ...range }), own)
  }
  const [caller] = await system.as(KIM).callers({ product: 'orders' })
  assert.deepEqual([caller!.name, caller!.line, caller!.calls], ['Shelf', '1', 201])
  assert.deepEqual(await system.as(KIM).callers({ product: 'orders', line: '2' }), [])
})
