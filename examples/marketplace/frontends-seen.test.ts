import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTraces, type Span } from 'dure/telemetry'
import { asked, CUSTOMER, frontShop, trade, until, type Mood } from './frontends.test-support.ts'

const ACCOUNT = `/account/${CUSTOMER}`
const HOME = `/home/${CUSTOMER}`

test('what passes the gateway is seen: who, what and how long in its log and metrics, and one trace through to the services', async (t) => {
  const shop = await frontShop(t, 'together')
  await trade(shop)
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const traced = { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, 'x-correlation-id': 'support-case-7' }
  const answer = await asked(shop.urls.gateway, 'm', HOME, traced)
  assert.deepEqual([answer.status, answer.headers.get('x-correlation-id')], [200, 'support-case-7'])
  const length = (await answer.arrayBuffer()).byteLength
  for (let i = 0; i < 3; i++) assert.equal((await asked(shop.urls.gateway, 'web', ACCOUNT)).status, 200)

  await until(() => shop.lines.length >= 4)
  const { time, duration, upstream, address, host, ...line } = shop.lines[0]!
  assert.ok(
    time > 1e12 &&
      duration > 0 &&
      upstream.startsWith('127.0.0.1:') &&
      address === '127.0.0.1' &&
      host.startsWith('m.localhost:'),
  )
  assert.deepEqual(line, {
    ...{ correlationId: 'support-case-7', consumer: 'mobile-app', method: 'GET', path: HOME },
    ...{ route: 'mobile', status: 200, bytesIn: 0, bytesOut: length, tries: 1 },
  })

  const spans = (): readonly Span[] => {
    const traces = openTraces(shop.directory)
    const found = traces?.trace(traceId) ?? []
    traces?.close()
    return found
  }
  const reached = ['gateway', 'mobile-rest', 'mobile', 'customer', 'cart', 'order', 'shipment']
  // Written a moment after it happens.
  await until(() => reached.every((service) => spans().some((span) => span.service === service)))
  const known = new Set(['00f067aa0ba902b7', ...spans().map(({ spanId }) => spanId)])
  assert.deepEqual(
    spans().filter(({ parentId }) => !known.has(parentId ?? '')),
    [],
    'all of it is one tree',
  )
  assert.equal(spans().find(({ parentId }) => parentId === '00f067aa0ba902b7')!.service, 'gateway')

  const metrics = await (await fetch(`${shop.urls.rest}/metrics`)).text()
  const value = (name: string, consumer: string, route: string): number => {
    const found = metrics
      .split('\n')
      .find((one) => one.startsWith(`${name}{`) && one.includes(`route="${route}",consumer="${consumer}"`))
    assert.ok(found !== undefined, `${name} of ${consumer}`)
    return Number(found.slice(found.lastIndexOf(' ')))
  }
  assert.equal(value('dure_gateway_requests_total', 'web-app', 'web'), 3)
  assert.equal(value('dure_gateway_errors_total', 'web-app', 'web'), 0)
  const mean = value('dure_gateway_time_seconds_total', 'web-app', 'web') / 3
  const slowest = value('dure_gateway_slowest_seconds', 'web-app', 'web')
  assert.ok(mean > 0 && slowest >= mean, `${mean} s, ${slowest} s`)
  assert.match(metrics, /rpc_server_calls_total\{rpc_service="gateway",rpc_method="mobile",rpc_response_status_code="200"\} 1/)
})

test('a frontend that fails is cut off by its breaker, and the other one does not notice', async (t) => {
  let customers: Mood = 'well'
  const shop = await frontShop(t, 'together', { customer: () => customers })
  await trade(shop)
  customers = 'stopped'
  const unsent = (): number =>
    shop.lines.filter(({ route, status, tries }) => route === 'web' && status === 503 && tries === 0).length
  await until(async () => {
    // Without its customer there is no account; a home screen has other things to show.
    assert.equal((await asked(shop.urls.gateway, 'web', ACCOUNT)).status, 503)
    return unsent() > 0
  })
  for (let i = 0; i < 10; i++) {
    const home = await asked(shop.urls.gateway, 'm', HOME)
    const { missing } = (await home.json()) as { readonly missing: unknown }
    assert.deepEqual([home.status, missing], [200, [{ part: 'customer', why: 'UNAVAILABLE' }]])
  }
  customers = 'well'
  await until(async () => (await asked(shop.urls.gateway, 'web', ACCOUNT)).status === 200)
})
