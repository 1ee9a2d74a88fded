import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { startGateway } from '@dure/gateway'
import { silentLogger } from 'dure/telemetry'
import { asked, CUSTOMER, frontShop, KEYS, tapped, trade, until, type FrontShop, type Mood } from './frontends.test-support.ts'

const run = promisify(execFile)

const ACCOUNT = `/account/${CUSTOMER}`
const HOME = `/home/${CUSTOMER}`
const MOODS = ['well', 'slow', 'frozen', 'stopped'] as const
type Missing = readonly { readonly part: string; readonly why: string }[]
type Page = {
  readonly whole: boolean
  readonly missing?: Missing
  readonly deliveries?: unknown
  readonly packages?: unknown[][]
}

/** What each frontend says in each mood, over REST and through the gateway: the same, or this fails. */
async function answersOf(t: TestContext, shop: FrontShop): Promise<Record<string, string>> {
  const answers: Record<string, string> = {}
  for (const mood of MOODS) {
    await shop.become(mood)
    const ask = async (host: string, url: string, path: string): Promise<string> => {
      const before = performance.now()
      const answer = await asked(url, host, path)
      const text = await answer.text()
      assert.equal(answer.status, 200, `${mood} ${host}: ${text}`)
      const ms = Math.round(performance.now() - before)
      assert.ok(ms < 5_000, `${ms} ms`)
      t.diagnostic(`${host} while shipments are ${mood}: ${ms} ms, ${(JSON.parse(text) as Page).whole ? 'whole' : 'partial'}`)
      return text
    }
    await Promise.all(
      (
        [
          ['m', shop.urls.mobile, HOME],
          ['web', shop.urls.web, ACCOUNT],
        ] as const
      ).map(async ([host, url, path]) => {
        const [rest, gateway] = await Promise.all([ask(host, url, path), ask(host, shop.urls.gateway, path)])
        assert.equal(gateway, rest, 'through the gateway as over REST')
        // No two runs have the same moments.
        answers[`${mood} ${host}`] = rest.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z|-\d{8}-/g, 'moment')
      }),
    )
  }
  return answers
}

const of = (answers: Record<string, string>, key: `${Mood} ${'web' | 'm'}`): Page => JSON.parse(answers[key]!) as Page

test(
  'with shipments stopped, frozen or slow both frontends answer in time and say what is missing; split as together',
  { timeout: 240_000 },
  async (t) => {
    const seen: Record<string, string>[] = []
    for (const placement of ['together', 'split'] as const)
      await t.test(placement, async (t) => {
        const shop = await frontShop(t, placement)
        await trade(shop)
        seen.push(await answersOf(t, shop))
      })
    const [together, split] = seen
    assert.deepEqual(split, together)
    const late = 'DEADLINE_EXCEEDED'
    const missing = (key: Parameters<typeof of>[1]): Missing | undefined => of(together!, key).missing
    for (const key of ['well web', 'well m', 'slow web'] as const) assert.equal(of(together!, key).whole, true, key)
    assert.deepEqual(missing('slow m'), [{ part: 'deliveries', why: late }])
    assert.deepEqual(missing('frozen m'), [{ part: 'deliveries', why: late }])
    assert.deepEqual(missing('frozen web'), [{ part: 'packages', why: late }])
    assert.deepEqual(missing('stopped m'), [{ part: 'deliveries', why: 'UNAVAILABLE' }])
    assert.deepEqual(missing('stopped web'), [{ part: 'packages', why: 'UNAVAILABLE' }])
    assert.equal(of(together!, 'well web').packages?.length, 7)
    assert.equal(of(together!, 'stopped web').packages, undefined)
    const { whole: _, deliveries: shown, ...rest } = of(together!, 'well m')
    const { whole: _not, missing: _named, ...others } = of(together!, 'stopped m')
    assert.deepEqual(others, rest, 'all but what is missing is as it was')
    assert.deepEqual(
      shown,
      Array.from({ length: 5 }, () => ({ packages: 3, delivered: 0 })),
    )
    // Nothing of anybody's inside.
    for (const text of Object.values(together!)) assert.doesNotMatch(text, /stopping|Part "|breaker|127\.0\.0\.1|\bat \S+:\d+/)
  },
)

test('a screen of a telephone is one round trip and few bytes, where the plain API needs several', async (t) => {
  const shop = await frontShop(t, 'together')
  await trade(shop)
  const upstreams = { api: { addresses: [new URL(shop.urls.rest).host] } }
  const plain = await startGateway({ port: 0, log: silentLogger(), routes: { routes: { api: { to: 'api' } }, upstreams } })
  t.after(() => plain.stop())

  const measured = async (url: string, work: (get: (path: string) => Promise<unknown>) => Promise<unknown>) => {
    const tap = await tapped(t, url)
    const [trips, requests] = [{ now: 0, all: 0 }, { all: 0 }]
    await work(async (path) => {
      // One that begins while none is under way waits for what was said before.
      if (trips.now++ === 0) trips.all++
      requests.all++
      const answer = await asked(tap.url, path === ACCOUNT ? 'web' : 'm', path)
      assert.equal(answer.status, 200)
      const body: unknown = await answer.json()
      trips.now--
      return body
    })
    return { requests: requests.all, trips: trips.all, ...tap.counted }
  }
  const api = await measured(plain.url, async (get) => {
    const [, , orders] = await Promise.all([get(`/customer/${CUSTOMER}`), get(`/cart/${CUSTOMER}`), get(`/order/${CUSTOMER}`)])
    const newest = (orders as readonly { orderId: number }[]).slice(0, 5)
    return Promise.all(newest.map(({ orderId }) => get(`/shipment/${CUSTOMER}/${orderId}`)))
  })
  const web = await measured(shop.urls.gateway, (get) => get(ACCOUNT))
  const mobile = await measured(shop.urls.gateway, (get) => get(HOME))
  for (const [name, { requests, trips, sent, got }] of Object.entries({ api, web, mobile }))
    t.diagnostic(`${name}: ${requests} requests in ${trips} round trips, ${sent} bytes sent, ${got} bytes got`)
  assert.deepEqual([api.requests, api.trips], [8, 2])
  assert.deepEqual([web.requests, web.trips, mobile.requests, mobile.trips], [1, 1, 1, 1])
  assert.ok(mobile.got * 5 < api.got, 'a fifth of the bytes at most')
  assert.ok(mobile.got * 3 < web.got)
  assert.ok(mobile.sent * 4 < api.sent)
})

test('each frontend has its host, and no more than what belongs to it; keys are asked for once, and before both', async (t) => {
  const shop = await frontShop(t, 'together')
  await trade(shop)
  const { gateway, rest } = shop.urls
  const status = async (host: string, path: string): Promise<number> => (await asked(gateway, host, path)).status
  assert.deepEqual([await status('web', ACCOUNT), await status('m', HOME)], [200, 200])
  // What is one's is not the other's, and neither is at the door of the services.
  assert.deepEqual([await status('web', HOME), await status('m', ACCOUNT), (await fetch(rest + HOME)).status], [404, 404, 404])
  assert.deepEqual([await status('shop', ACCOUNT), await status('web', '/account/8')], [404, 404])
  // Nor is what only whoever runs the shop is to see at a gateway.
  for (const page of ['/metrics', '/status', '/health/ready', '/openapi.json']) assert.equal(await status('m', page), 404, page)
  for (const [host, path] of [
    ['web', ACCOUNT],
    ['m', HOME],
  ] as const) {
    const unknown = await asked(gateway, host, path, { 'x-api-key': 'somebody' })
    assert.deepEqual([unknown.status, unknown.headers.get('www-authenticate')], [401, 'ApiKey header="x-api-key"'])
    const none = await run('curl', ['-s', '-H', `Host: ${host}.localhost`, '-o', '-', '-w', '%{http_code}', gateway + path])
    assert.match(none.stdout, /UNAUTHENTICATED.*401$/)
  }
  await until(() => shop.lines.filter(({ status: code }) => code === 401).length === 4)
  assert.deepEqual(
    new Set(shop.lines.filter(({ status: code }) => code === 200).map(({ consumer, route }) => `${consumer} ${route}`)),
    new Set(['web-app web', 'mobile-app mobile']),
  )
  assert.deepEqual(new Set(shop.lines.filter(({ status: code }) => code === 401).map(({ consumer }) => consumer)), new Set(['-']))
  assert.ok(!JSON.stringify(shop.lines).includes(KEYS['web-app']))
})
