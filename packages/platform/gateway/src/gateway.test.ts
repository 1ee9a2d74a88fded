import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { liveRoutes } from './gateway.ts'
import { virtualRegistry } from './registry.test-support.ts'
import { before, bodyOf, named, serving, started } from './gateway.test-support.ts'
import { until } from './bytes.test-support.ts'

test('a request goes to the route that asks for most, and to nobody where there is none', async (t) => {
  const servers = await Promise.all(['one', 'two', 'three', 'four', 'five'].map((name) => named(t, name)))
  const upstreams = Object.fromEntries(servers.map(({ address }, i) => [`s${i + 1}`, { addresses: [address] }]))
  const { get, url } = await started(t, {
    routes: {
      upstreams,
      routes: {
        all: { prefix: '/shop', to: 's1' },
        order: { path: '/shop/orders/{id}', methods: ['GET'], to: 's2' },
        mine: { path: '/shop/orders/mine', methods: ['GET', 'PUT'], to: 's3' },
        beta: { path: '/shop/orders/{id}', methods: ['GET'], headers: { 'X-Beta': 'yes' }, to: 's4' },
        host: { host: '*.example.com', prefix: '/', methods: ['GET'], to: 's5' },
      },
    },
  })
  assert.equal((await get('/shop/orders/7?a=b')).text, 'two GET /shop/orders/7?a=b')
  assert.equal((await get('/shop/orders/7', { headers: { 'x-beta': 'yes' } })).text, 'four GET /shop/orders/7')
  assert.equal((await get('/shop/orders/mine')).text, 'three GET /shop/orders/mine')
  assert.equal((await get('/shop//orders//mine/')).text, 'three GET /shop//orders//mine/')
  assert.equal((await get('/shop/orders/7/lines')).text, 'one GET /shop/orders/7/lines')
  assert.equal((await get('/shop/orders/7', { method: 'DELETE' })).text, 'one DELETE /shop/orders/7')
  assert.equal((await get('/shopping')).status, 404)
  assert.equal((await get('/shop/%2e%2e%2fadmin')).status, 400)
  assert.match((await get('/nothing')).text, /"code":"PATH_NOT_FOUND"/)
  assert.ok(url)
})

test('a route may ask for hosts, parameters of the query, cookies and addresses', async (t) => {
  const names = ['any', 'label', 'below', 'query', 'cookie', 'far']
  const servers = await Promise.all(names.map((name) => named(t, name)))
  const upstreams = Object.fromEntries(servers.map(({ address }, i) => [names[i]!, { addresses: [address] }]))
  const { get, url } = await started(t, {
    routes: {
      upstreams,
      routes: {
        any: { to: 'any' },
        label: { host: '*.shop.test', to: 'label' },
        below: { host: '**.shop.test', to: 'below' },
        query: { prefix: '/q', query: { 'a b': 'c&d', e: true }, to: 'query', addresses: ['127.0.0.0/8', '::1'] },
        cookie: { prefix: '/c', cookies: { tier: 'gold' }, to: 'cookie' },
        head: { prefix: '/h', headers: { 'x-tier': 'gold' }, to: 'cookie' },
        some: { prefix: '/some', headers: { 'x-tier': true }, cookies: { tier: true }, to: 'cookie' },
        far: { prefix: '/far', addresses: ['10.0.0.0/8', '192.0.2.7'], to: 'far' },
      },
    },
  })
  const to = async (path: string, headers: Record<string, string> = {}) => (await get(path, { headers })).text.split(' ')[0]
  // `fetch` sends its own Host.
  const at = (host: string): Promise<string> =>
    new Promise((resolve, reject) => {
      request(url, { headers: { host } }, async (answer) => resolve((await bodyOf(answer)).split(' ')[0]!))
        .on('error', reject)
        .end()
    })
  assert.equal(await at('eu.shop.test'), 'label')
  assert.equal(await at('A.eu.Shop.test:80'), 'below')
  assert.equal(await at('shop.test'), 'any')
  assert.equal(await to('/q?x&a+b=c%26d&e'), 'query')
  assert.equal(await to('/q?a+b=c&a%20b=c%26d&e=5'), 'query')
  for (const path of ['/q', '/q?a+b=c&e', '/q?a+b=c%26d']) assert.equal(await to(path), 'any')
  assert.equal(await to('/c', { cookie: 'a=b; tier=gold' }), 'cookie')
  for (const cookie of ['tier=iron; tier=gold', 'a=b;tier="gold"']) assert.equal(await to('/c', { cookie }), 'cookie', cookie)
  for (const cookie of [
    'tier=golden; xtier=gold',
    'a=b,tier=gold',
    'tier= gold',
    'tier=gold ; a=b',
    'tier =gold',
    'tier="gold',
    'TIER=gold',
    'tier',
  ])
    assert.equal(await to('/c', { cookie }), 'any', cookie)
  for (const value of ['gold', 'iron, gold', 'gold,']) assert.equal(await to('/h', { 'x-tier': value }), 'cookie', value)
  for (const value of ['Gold', 'golden', '"iron, gold"', '']) assert.equal(await to('/h', { 'x-tier': value }), 'any', value)
  assert.equal(await to('/some', { 'x-tier': 'a', cookie: 'tier=' }), 'cookie')
  for (const value of ['', ',', ' , ']) assert.equal(await to('/some', { 'x-tier': value, cookie: 'tier=' }), 'any', value)
  assert.equal(await to('/some', { 'x-tier': 'a', cookie: 'tier=a,b' }), 'any')
  assert.equal(await to('/far'), 'any')
})

test('instances of a registry’s service are found, and who drains gets nothing more', async (t) => {
  const [one, two] = [await named(t, 'one'), await named(t, 'two')]
  const registry = virtualRegistry()
  const { get } = await started(t, {
    routes: { routes: { orders: { prefix: '/orders', to: 'orders' } } },
    registry: () => registry.registry,
  })
  assert.equal((await get('/orders')).status, 503)
  registry.set('orders', [one.address, two.address])
  const seen = new Set<string>()
  for (let i = 0; i < 40; i++) seen.add((await get('/orders')).text)
  assert.equal(seen.size, 2)
  registry.set('orders', [two.address])
  for (let i = 0; i < 10; i++) assert.equal((await get('/orders')).text, 'two GET /orders')
})

test('a canary gets its share; whoever has a cookie comes to the same one again', async (t) => {
  const [old, next] = [await named(t, 'old'), await named(t, 'next')]
  const to = [
    { upstream: 'old', weight: 3 },
    { upstream: 'next', weight: 1 },
  ]
  const upstreams = { old: { addresses: [old.address] }, next: { addresses: [next.address] } }
  const routes = { plain: { prefix: '/plain', to }, sticky: { prefix: '/sticky', to, sticky: 'place' } }
  const { get } = await started(t, { routes: { routes, upstreams } })
  let canary = 0
  for (let i = 0; i < 120; i++) if ((await get('/plain')).text.startsWith('next')) canary++
  assert.ok(canary > 8 && canary < 60, `${canary} of 120`)
  const places = new Set<string>()
  for (let i = 0; i < 5 || (places.size < 2 && i < 200); i++) {
    const first = await get('/sticky')
    const cookie = /place=\w+/.exec(first.headers.get('set-cookie')!)![0]
    for (let again = 0; again < 3; again++) {
      const answer = await get('/sticky', { headers: { cookie: `a=b; ${cookie}` } })
      assert.equal(answer.text, first.text)
      assert.equal(answer.headers.get('set-cookie'), null)
    }
    places.add(first.text)
  }
  assert.equal(places.size, 2)
})

test('a line is written for each request, and its id goes along', async (t) => {
  let seen: string | undefined
  const server = await serving(t, (request, response) => {
    seen = String(request.headers['x-correlation-id'])
    response.end('hello')
  })
  const { get, lines } = await started(t, { routes: before(server.address) })
  const answer = await get('/a?token=secret', { method: 'POST', body: 'abc', headers: { 'x-correlation-id': 'mine' } })
  assert.deepEqual([seen, answer.headers.get('x-correlation-id')], ['mine', 'mine'])
  const other = await get('/b')
  assert.equal(other.headers.get('x-correlation-id'), seen)
  await until(() => lines.length === 2)
  const { time, duration, host, ...line } = lines[0]!
  assert.ok(time > 1e12 && duration > 0 && host.startsWith('127.0.0.1:'))
  assert.deepEqual(line, {
    ...{
      correlationId: 'mine',
      address: '127.0.0.1',
      consumer: '-',
      method: 'POST',
      path: '/a',
      route: 'one',
      upstream: server.address,
    },
    ...{ status: 200, bytesIn: 3, bytesOut: 5, tries: 1 },
  })
})

test('a route that leads back to the gateway is found out', async (t) => {
  const routes = liveRoutes({ routes: {} })
  const { get, url } = await started(t, { routes })
  routes.set({ routes: { a: { prefix: '/', to: 'self' } }, upstreams: { self: { addresses: [url.slice(7)] } } })
  assert.equal((await get('/a')).status, 508)
})
