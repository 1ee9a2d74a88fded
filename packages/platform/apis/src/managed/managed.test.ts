import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { liveRoutes, startGateway, type AccessEntry } from '@dure/gateway'
import { CallError } from 'dure/contract'
import { silentLogger } from 'dure/telemetry'
import { FREE, KIM, managing, QUOTA, subscribed, type Managed } from '../apis.test-support.ts'
import { managed } from '../apis.ts'
import type { Plan } from '../values.ts'
import type { GatewayReport } from '../values.ts'

/** Asks again until it is so. */
async function until(is: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await is())) await pause(5)
}

async function serving(t: TestContext): Promise<string> {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => void response.end(String(request.headers['x-api-key'] ?? 'no key')))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A gateway before a server, and the service that it asks: which can be cut off, and whose answers can be lost. */
async function edge(t: TestContext, system: Managed, address: string) {
  const lines: AccessEntry[] = []
  const how = { cut: false, lose: 0 }
  const settle = Object.assign(async (report: GatewayReport) => {
    if (how.cut) throw new CallError('UNAVAILABLE', 'It is cut off')
    const answer = await system.gateway.settle(report)
    if (how.lose > 0 && how.lose-- > 0) throw new CallError('UNAVAILABLE', 'Its answer is lost')
    return answer
  }, {}) as unknown as Managed['gateway']['settle']
  const filters = [managed({ product: 'orders', apis: { settle }, deprecation: 'https://shop.example/orders' })]
  const other = [managed({ product: 'stock', apis: { settle } })]
  const routes = liveRoutes({
    routes: {
      'orders.count': { path: '/orders/count', to: 'server', filters },
      'orders.find:2': { path: '/orders/found', to: 'server', filters },
      'stock.count': { path: '/stock', to: 'server', filters: other },
    },
    upstreams: { server: { addresses: [address] } },
  })
  const gateway = await startGateway({
    ...{ port: 0, log: silentLogger(), routes },
    accessLog: (text) =>
      lines.push(
        ...text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as AccessEntry),
      ) > 0,
  })
  t.after(() => gateway.stop({ timeout: 0 }))
  const get = async (key: string | undefined, path = '/orders/count', init: RequestInit = {}) => {
    const answer = await fetch(gateway.url + path, { ...init, headers: key === undefined ? {} : { 'x-api-key': key } })
    return { status: answer.status, headers: answer.headers, text: await answer.text() }
  }
  return { get, how, lines, stop: gateway.stop }
}

async function ready(t: TestContext, plan: Plan) {
  const system = await managing(t)
  const { ana, application, subscription } = await subscribed(system, [plan])
  const { id, key } = await ana.issueKey({ subscription })
  return { system, ana, application, subscription, id, key, address: await serving(t) }
}

test('only a key of the product passes, and one that is revoked does no more; the key stays at the gateway', async (t) => {
  const { system, ana, subscription, id, key, address } = await ready(t, { ...FREE, operations: ['count'], body: 10 })
  const { get } = await edge(t, system, address)
  const passed = await get(key)
  assert.deepEqual([passed.status, passed.text], [200, 'no key'])
  for (const wrong of [undefined, '', id, `${key}x`, key.slice(0, -1), 'x'.repeat(5_000)])
    assert.equal((await get(wrong)).status, 401, String(wrong))
  assert.equal((await get(key, '/stock')).status, 403)
  assert.equal((await get(key, '/orders/found')).status, 403)
  assert.equal((await get(key, '/orders/count', { method: 'POST', body: 'longer than ten' })).status, 413)
  // A second key, before the first goes: nobody is stopped by a change of keys.
  const { key: second } = await ana.issueKey({ subscription })
  await until(async () => (await get(second)).status === 200)
  await ana.revokeKey({ subscription, key: id })
  await until(async () => (await get(key)).status === 401)
  assert.equal((await get(second)).status, 200)
  await ana.unsubscribe({ subscription })
  await until(async () => (await get(second)).status === 401)
})

test('two gateways let no more through than the quota, and say how much is left, and when there is more', async (t) => {
  const { system, key, address } = await ready(t, { ...FREE, quota: QUOTA })
  const gateways = [await edge(t, system, address), await edge(t, system, address)]
  const first = await gateways[0]!.get(key)
  assert.match(first.headers.get('ratelimit')!, /^"quota";r=\d+;t=\d+$/)
  assert.equal(first.headers.get('ratelimit-policy'), '"quota";q=100;w=86400')
  let passed = 1
  const caller = async ({ get }: (typeof gateways)[number], calls: number) => {
    for (let i = 0; i < calls; i++) if ((await get(key)).status === 200) passed++
  }
  await Promise.all(gateways.flatMap((gateway) => [1, 2, 3].map(() => caller(gateway, 25))))
  assert.ok(passed <= QUOTA.calls, `${passed} passed`)
  // What one was granted and does not need comes back: in the end all of it was used.
  await until(async () => {
    await Promise.all(gateways.map((gateway) => caller(gateway, 1)))
    return passed === QUOTA.calls
  })
  const over = await gateways[0]!.get(key)
  assert.deepEqual([over.status, passed], [429, QUOTA.calls])
  assert.ok(Number(over.headers.get('retry-after')) >= 1)
  assert.match(over.headers.get('ratelimit')!, /^"quota";r=0;t=\d+$/)
})

test('a rate is of the plan, and refused calls say when the next one may come', async (t) => {
  const { system, key, address } = await ready(t, { ...FREE, rate: { calls: 1, per: 3_600_000, burst: 2 } })
  const { get } = await edge(t, system, address)
  assert.deepEqual([(await get(key)).status, (await get(key)).status], [200, 200])
  const refused = await get(key)
  assert.deepEqual([refused.status, refused.headers.get('ratelimit-policy')], [429, '"rate";q=1;w=3600'])
  assert.ok(Number(refused.headers.get('retry-after')) > 3_000)
})

test('a plan that is changed while it is used counts what was used before', async (t) => {
  const { system, key, address } = await ready(t, { ...FREE, quota: QUOTA })
  const { get } = await edge(t, system, address)
  for (let i = 0; i < 5; i++) assert.equal((await get(key)).status, 200)
  await system.as(KIM).setPlan({ product: 'orders', plan: { ...FREE, quota: { ...QUOTA, calls: 8 } } })
  let passed = 5
  await until(async () => {
    const { status } = await get(key)
    if (status === 200) passed++
    return status === 429
  })
  // Those that came before the change was known to the gateway passed by the old one.
  const { headers } = await get(key)
  assert.ok(passed >= 8, `${passed} passed`)
  assert.match(headers.get('ratelimit-policy')!, /q=8;/)
})

test('while the service is gone calls pass by what is known: beyond what was granted, as the plan says', async (t) => {
  const quota = { ...QUOTA, calls: 4 }
  const { system, ana, key, address } = await ready(t, { ...FREE, quota, unsettled: 'closed' })
  const { id: application } = await ana.addApplication({ name: 'Open' })
  await system.as(KIM).setPlan({ product: 'orders', plan: { ...FREE, name: 'open', quota } })
  const { id: subscription } = await ana.subscribe({ application, product: 'orders', plan: 'open' })
  const { key: open } = await ana.issueKey({ subscription })
  const { get, how } = await edge(t, system, address)
  assert.deepEqual([(await get(key)).status, (await get(open)).status], [200, 200])
  how.cut = true
  const statuses = async (of: string) => {
    const all = []
    for (let i = 0; i < 6; i++) all.push((await get(of)).status)
    return all
  }
  const closed = await statuses(key)
  assert.ok(closed.includes(503) && closed.every((status) => status === 200 || status === 503), closed.join(' '))
  assert.deepEqual(new Set(await statuses(open)), new Set([200]))
  assert.equal((await get('dk_wrong.key')).status, 401)
  how.cut = false
  // All of it was counted: there is nothing left of either.
  await until(async () => (await get(open)).status === 429)
})

test('a gateway that has heard nothing yet refuses with 503, and passes as soon as it has', async (t) => {
  const { system, key, address } = await ready(t, FREE)
  const { get, how } = await edge(t, system, address)
  how.cut = true
  const { status } = await get(key)
  assert.ok(status === 503 || status === 200)
  how.cut = false
  await until(async () => (await get(key)).status === 200)
})

test('what is counted is what the access log says, also where answers of the service are lost', async (t) => {
  const { system, ana, application, key, address } = await ready(t, { ...FREE, rate: { calls: 1, per: 3_600_000, burst: 20 } })
  const { get, how, lines, stop } = await edge(t, system, address)
  how.lose = 3
  await Promise.all(Array.from({ length: 30 }, () => get(key)))
  await get('dk_wrong.key')
  await stop({ timeout: 1_000 })
  const logged = Map.groupBy(
    lines.filter(({ consumer }) => consumer === application),
    ({ status }) => status,
  )
  const usage = await ana.usage({ application, from: 0, to: 9_999_999_999_999, by: 'day' })
  const counted = usage.map(({ status, calls, bytesOut, operation }) => ({ status, calls, bytesOut, operation }))
  assert.deepEqual(
    counted,
    [200, 429].map((status) => ({
      ...{ status, calls: logged.get(status)!.length, operation: 'count' },
      bytesOut: logged.get(status)!.reduce((sum, line) => sum + line.bytesOut, 0),
    })),
  )
  assert.equal(logged.get(200)!.length, 20)
})

test('who calls a line that is deprecated is told so with each answer', async (t) => {
  const { system, key, address } = await ready(t, FREE)
  const { get } = await edge(t, system, address)
  assert.equal((await get(key)).headers.get('deprecation'), null)
  const sunset = Math.ceil(Date.now() / 1_000) * 1_000 + 86_400_000
  await system.as(KIM).deprecate({ product: 'orders', line: '1', sunset })
  await until(async () => (await get(key)).headers.get('deprecation') !== null)
  const { headers } = await get(key)
  assert.match(headers.get('deprecation')!, /^@\d{10}$/)
  assert.equal(headers.get('sunset'), new Date(sunset).toUTCString())
  assert.equal(headers.get('link'), '<https://shop.example/orders>; rel="deprecation"; type="text/html"')
})

test('wrong keys are answered from memory, however many there are', async (t) => {
  const { system, key, address } = await ready(t, FREE)
  const { get, how } = await edge(t, system, address)
  assert.equal((await get(key)).status, 200)
  // It cannot be asked: whatever is answered now is answered from memory.
  how.cut = true
  const wrong = await Promise.all(Array.from({ length: 500 }, (_, i) => get(`dk_${i}.wrong`)))
  assert.ok(wrong.every(({ status }) => status === 401))
  assert.equal((await get(key)).status, 200)
})
