import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { breaker, bulkhead, retry } from 'dure/resilience'
import {
  apiKeys,
  authenticate,
  bodyLimit,
  cors,
  filter,
  headers,
  liveRoutes,
  redirect,
  requestLimit,
  rewrite,
} from './gateway.ts'
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
  for (let i = 0; i < 400; i++) if ((await get('/plain')).text.startsWith('next')) canary++
  assert.ok(canary > 50 && canary < 150, `${canary} of 400`)
  const places = new Set<string>()
  for (let i = 0; i < 20 || (places.size < 2 && i < 200); i++) {
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

test('an instance that fails is left out, requests that may be repeated do not notice, and it comes back', async (t) => {
  let failing = true
  const bad = await serving(t, (_request, response) => void response.writeHead(failing ? 503 : 200).end('bad'))
  const good = await named(t, 'good')
  const { get, lines } = await started(t, {
    routes: {
      routes: { one: { prefix: '/', to: 'both' } },
      upstreams: { both: { addresses: [bad.address, good.address], ejection: { failures: 3, first: 50, max: 50 } } },
    },
  })
  for (let i = 0; i < 60; i++) assert.equal((await get('/a')).status, 200)
  await until(() => lines.length === 60)
  const tried = lines.filter(({ tries }) => tries === 2).length
  assert.ok(tried >= 3 && tried < 30, `${tried} were tried twice`)
  failing = false
  let came = false
  await untilAsync(async () => (came = (await get('/a')).text === 'bad'))
  assert.ok(came)
})

test('what an instance that stands still does not begin to answer is asked of another one, and of a slow one alone it is waited for', async (t) => {
  const held: (() => void)[] = []
  let stands = true
  const frozen = await serving(t, (_request, response) => {
    const answer = (): void => void response.end('late')
    if (stands) held.push(answer)
    else answer()
  })
  const good = await named(t, 'good')
  const two = { addresses: [frozen.address, good.address], ejection: { failures: 1_000, stalls: 1_000 } }
  const upstreams = {
    ...{ both: two, others: two },
    alone: { addresses: [frozen.address] },
  }
  const asks = { timeout: 20_000, attemptTimeout: 50 }
  const routes = {
    both: { prefix: '/both', to: 'both', ...asks },
    once: { prefix: '/once', to: 'both', ...asks, attempts: 1 },
    alone: { prefix: '/alone', to: 'alone', ...asks },
    others: { prefix: '/others', to: 'others', ...asks },
  }
  const { get, lines } = await started(t, { routes: { routes, upstreams } })
  for (let i = 0; i < 10; i++) assert.match((await get('/both')).text, /^good/)
  const bodies = Array.from({ length: 10 }, () => get('/both', { method: 'PUT', body: 'hello' }))
  for (const { text } of await Promise.all(bodies)) assert.match(text, /^good PUT/)
  await until(() => lines.length === 20)
  assert.ok(lines.some(({ tries, status }) => tries === 2 && status === 200))
  // What may not be sent twice, and what nobody else could answer, has all of its time.
  held.length = 0
  const posts = Array.from({ length: 20 }, () => get('/both', { method: 'POST' }))
  const waiting = [get('/alone'), get('/once'), get('/once'), ...posts]
  await until(() => held.length >= 2)
  // Whoever came later has been sent again: the time of those has passed as well.
  const { length } = lines
  while (!lines.slice(length).some(({ tries }) => tries === 2)) await get('/others')
  stands = false
  for (const go of held) go()
  for (const { status } of await Promise.all(waiting)) assert.equal(status, 200)
  await until(() => lines.filter(({ method }) => method === 'POST').length === 20)
  const once = lines.slice(20).filter(({ method, route }) => method === 'POST' || route === 'once' || route === 'alone')
  assert.ok(once.every(({ tries }) => tries === 1))
})

test('what has failed a request is not asked for it again while there is another one', async (t) => {
  const failing = await serving(t, (_request, response) => void response.writeHead(503).end())
  const well = await named(t, 'well')
  const gone = await serving(t, () => {})
  await new Promise((resolve) => gone.server.close(resolve))
  const addresses = [failing.address, gone.address, well.address]
  // Nobody is left out, and nobody's tries are too many.
  const server = { addresses, ejection: { failures: 10_000 }, budget: { minimumPerSecond: 10_000 } }
  const { get } = await started(t, {
    routes: { routes: { all: { prefix: '/', to: 'server', attempts: 3 } }, upstreams: { server } },
  })
  for (let i = 0; i < 40; i++) assert.equal((await get('/')).text, 'well GET /')
})

test('an instance that takes no connection costs nobody an answer, though it cannot be left out and the budget is spent', async (t) => {
  const good = await named(t, 'good')
  const upstreams = {
    both: {
      // Port 1 is nobody's.
      addresses: ['127.0.0.1:1', good.address],
      ...{ ejection: { failures: 10_000 }, budget: { ratio: 0, minimumPerSecond: 0 } },
    },
  }
  const { get, lines } = await started(t, { routes: { routes: { all: { prefix: '/', to: 'both' } }, upstreams } })
  for (let i = 0; i < 40; i++) assert.equal((await get('/a', { method: i % 2 === 0 ? 'GET' : 'POST' })).status, 200)
  await until(() => lines.length === 40)
  assert.ok(lines.some(({ tries }) => tries === 2))
})

test('what may not be repeated is sent once, unless its route says that it may', async (t) => {
  let asked = 0
  const server = await serving(t, (_request, response) => void response.writeHead(++asked % 2 === 1 ? 503 : 200).end())
  const once = await started(t, { routes: before(server.address) })
  assert.equal((await once.get('/a', { method: 'POST' })).status, 503)
  assert.equal(asked, 1)
  asked = 0
  const twice = await started(t, { routes: before(server.address, { idempotent: true }) })
  assert.equal((await twice.get('/a', { method: 'POST', body: 'hello' })).status, 200)
  assert.equal(asked, 2)
})

test('guards of dure/resilience stand around a route', async (t) => {
  let asked = 0
  const held: (() => void)[] = []
  const server = await serving(t, (request, response) => {
    asked++
    if (request.url === '/held') held.push(() => response.end('late'))
    else response.writeHead(500).end()
  })
  const guard = breaker({ name: 'server', window: { calls: 10 }, minimumCalls: 5 })
  const places = bulkhead({ concurrency: 1, queue: 1, wait: 5_000 })
  const { get } = await started(t, {
    routes: {
      routes: { one: { prefix: '/', to: 'server', guard }, two: { path: '/held', to: 'server', guard: places } },
      upstreams: { server: { addresses: [server.address] } },
    },
  })
  for (let i = 0; i < 5; i++) assert.equal((await get('/a')).status, 500)
  const refused = await get('/a')
  assert.equal(refused.status, 503)
  assert.match(refused.text, /its breaker is open/)
  assert.equal(asked, 5)
  // One is inside, one waits, one is refused.
  const two = [get('/held'), get('/held')]
  await until(() => places.waiting() === 1)
  assert.equal((await get('/held')).status, 429)
  for (const i of [0, 1]) {
    await until(() => held.length > i)
    held[i]!()
  }
  assert.deepEqual(
    (await Promise.all(two)).map(({ text }) => text),
    ['late', 'late'],
  )
})

test('whoever goes away while a guard has it wait frees its place', async (t) => {
  const held: (() => void)[] = []
  const server = await serving(t, (_request, response) => held.push(() => response.end('late')))
  const places = bulkhead({ concurrency: 1, queue: 1, wait: 10_000 })
  const { get, lines } = await started(t, { routes: before(server.address, { guard: places }) })
  const first = get('/a')
  await until(() => held.length === 1)
  const gone = new AbortController()
  const second = get('/a', { signal: gone.signal }).catch(() => 'gone')
  await until(() => places.waiting() === 1)
  gone.abort()
  assert.equal(await second, 'gone')
  await until(() => lines.some(({ status }) => status === 499))
  assert.equal(places.waiting(), 1)
  held[0]!()
  assert.equal((await first).text, 'late')
  await until(() => places.inside() === 0 && places.waiting() === 0)
  const third = get('/a')
  await until(() => held.length === 2)
  held[1]!()
  assert.equal((await third).text, 'late')
})

test('filters change requests and answers, answer themselves, and find out who asks', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dure-gateway-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'keys.json')
  writeFileSync(file, JSON.stringify({ app: [createHash('sha256').update('secret').digest('hex')] }))
  const server = await serving(t, async (request, response) => {
    const { 'x-added': added, 'x-secret': secret, 'x-api-key': key } = request.headers
    response
      .setHeader('server', 'x')
      .end(JSON.stringify({ url: request.url, added, secret, key, body: await bodyOf(request).catch(() => 'cut') }))
  })
  const upstreams = { server: { addresses: [server.address] } }
  const route = (prefix: string, ...filters: readonly ReturnType<typeof filter>[]) => ({ prefix, to: 'server', filters })
  const { get, lines } = await started(t, {
    routes: {
      upstreams,
      routes: {
        headers: route(
          '/headers',
          headers({ request: { 'x-added': 'yes', 'x-secret': false }, answer: { server: false, 'x-own': '1' } }),
        ),
        rewrite: { path: '/rewrite/{id}', to: 'server', filters: [rewrite({ path: '/v2/{id}/x' })] },
        strip: route('/api', rewrite({ without: '/api', before: '/inner' })),
        slash: route('/old', rewrite({ without: '/old', before: '/new/' })),
        redirect: route('/redirect', redirect({ to: '/elsewhere' })),
        cors: route('/cors', cors({ origins: ['https://shop.example'], credentials: true })),
        body: route('/body', bodyLimit(10)),
        rate: route('/rate', requestLimit({ rate: 2, per: 60_000, by: 'address' })),
        keys: route('/keys', apiKeys({ file }), requestLimit({ rate: 3, per: 60_000 })),
        later: route(
          '/later',
          authenticate(async ({ header }) => (header('x-who') === undefined ? undefined : { name: header('x-who')! }), {
            optional: true,
          }),
        ),
        error: {
          prefix: '/error',
          to: 'server',
          filters: [filter('fails', { before: () => Promise.reject(new Error('inside')) })],
        },
      },
    },
  })
  const changed = await get('/headers', { headers: { 'x-secret': 's' } })
  assert.deepEqual(JSON.parse(changed.text), { url: '/headers', added: 'yes', body: '' })
  assert.deepEqual([changed.headers.get('server'), changed.headers.get('x-own')], [null, '1'])
  assert.match((await get('/rewrite/a%2Fb?q=1')).text, /"url":"\/v2\/a%2Fb\/x\?q=1"/)
  assert.match((await get('/rewrite/a:b@c,d=e&f$+%3B')).text, /"url":"\/v2\/a:b@c,d=e&f\$%2B%3B\/x"/)
  assert.match((await get('/api/orders/?q')).text, /"url":"\/inner\/orders\/\?q"/)
  // However its letters are written, and whatever is empty between: what has come to a route is rewritten as it says.
  for (const path of ['/%61pi/a%2Fb', '//api/a%2Fb', '/%61p%69//a%2Fb'])
    assert.match((await get(path)).text, /"url":"\/inner\/{1,2}a%2Fb"/, path)
  for (const [path, url] of Object.entries({
    '/%6Fld': '/new/',
    '/old': '/new/',
    '/old/': '/new/',
    '/old?q': '/new/?q',
    '/old/a/': '/new/a/',
  }))
    assert.equal((JSON.parse((await get(path)).text) as { readonly url: string }).url, url)
  const moved = await get('/redirect')
  assert.deepEqual([moved.status, moved.headers.get('location')], [302, '/elsewhere'])
  const preflight = await get('/cors', {
    method: 'OPTIONS',
    headers: { origin: 'https://shop.example', 'access-control-request-method': 'PUT' },
  })
  assert.deepEqual([preflight.status, preflight.headers.get('access-control-allow-origin')], [204, 'https://shop.example'])
  assert.equal(
    (await get('/cors', { headers: { origin: 'https://evil.example' } })).headers.get('access-control-allow-origin'),
    null,
  )
  assert.equal((await get('/body', { method: 'POST', body: 'x'.repeat(10) })).status, 200)
  assert.equal((await get('/body', { method: 'POST', body: 'x'.repeat(11) })).status, 413)
  const streamed = { method: 'POST', body: new Blob(['x'.repeat(5), 'x'.repeat(6)]).stream(), duplex: 'half' } as RequestInit
  assert.equal((await get('/body', streamed)).status, 413)
  assert.deepEqual([(await get('/rate')).status, (await get('/rate')).status, (await get('/rate')).status], [200, 200, 429])
  assert.equal((await get('/keys')).status, 401)
  assert.equal((await get('/keys', { headers: { 'x-api-key': 'wrong' } })).status, 401)
  assert.deepEqual(JSON.parse((await get('/keys', { headers: { 'x-api-key': 'secret' } })).text), { url: '/keys', body: '' })
  assert.equal((await get('/later', { headers: { 'x-who': 'ida' } })).status, 200)
  assert.equal((await get('/error')).status, 500)
  await until(() => lines.some(({ route }) => route === 'error'))
  assert.equal(lines.find(({ route, status }) => route === 'keys' && status === 200)!.consumer, 'app')
  assert.equal(lines.find(({ route }) => route === 'later')!.consumer, 'ida')
  assert.match(lines.find(({ route }) => route === 'error')!.failure!, /inside/)
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

test('routes change whole or not at all, while requests go on', async (t) => {
  const [one, two] = [await named(t, 'one'), await named(t, 'two')]
  const upstreams = { one: { addresses: [one.address] }, two: { addresses: [two.address] } }
  const routes = liveRoutes({ routes: { a: { prefix: '/a', to: 'one' } }, upstreams })
  const { get } = await started(t, { routes })
  assert.equal((await get('/a')).text, 'one GET /a')
  const wrong = {
    ...{
      b: { prefix: '/b', to: 'one' },
      c: { prefix: '/b', to: 'two' },
      d: { path: 'd', to: [] },
      e: { prefix: '/e', to: 'nobody' },
    },
    ...{
      f: { prefix: '/f', to: 'one', guard: retry() },
      g: { prefix: '/g', host: 'A.b:80', to: 'one', methods: ['BREW'], timeout: -1 },
    },
  }
  assert.throws(
    () => routes.set({ routes: wrong, upstreams }),
    (error: { problems: readonly string[] }) => {
      for (const part of [
        '"c": it asks for the same as route "b"',
        '"d": its path "d"',
        '"d": it goes nowhere',
        '"f": its guard has retry',
        '"g": its host',
        '"BREW"',
        '"timeout"',
      ])
        assert.ok(
          error.problems.some((each) => each.includes(part)),
          part,
        )
      return true
    },
  )
  assert.throws(() => routes.set({ routes: { e: wrong.e }, upstreams }), /no upstream "nobody", and no registry/)
  assert.throws(
    () =>
      routes.set({
        routes: Object.fromEntries(Array.from({ length: 100_001 }, (_, i) => [`r${i}`, { path: `/${i}`, to: 'one' }])),
        upstreams,
      }),
    /100001 routes/,
  )
  // What a file may hold.
  for (const given of [
    undefined,
    null,
    [],
    {},
    { routes: [] },
    { routes: { a: null } },
    { routes: { a: { to: 7 } } },
    { routes: {}, upstreams: 7 },
  ])
    assert.throws(() => routes.set(given as never), /^SystemError: Cannot use the routes/)
  for (const field of ['host', 'methods', 'headers', 'filters', 'guard', 'colour'])
    assert.throws(
      () => routes.set({ routes: { a: { prefix: '/', to: 'one', [field]: 7 } }, upstreams }),
      new RegExp(`"${field}"`),
    )
  assert.equal((await get('/a')).text, 'one GET /a')
  assert.equal((await get('/b')).status, 404)
  routes.set({ routes: { a: { prefix: '/a', to: 'two' }, b: wrong.b }, upstreams })
  assert.deepEqual([(await get('/a')).text, (await get('/b')).text], ['two GET /a', 'one GET /b'])
  routes.set({ routes: { a: { prefix: '/a', to: 'two' } }, upstreams })
  assert.equal((await get('/b')).status, 404)
  const held = routes.current()
  routes.setRoute('b', wrong.b)
  assert.equal((await get('/b')).text, 'one GET /b')
  assert.deepEqual([Object.keys(held.routes), Object.keys(routes.current().routes)], [['a'], ['a', 'b']])
  routes.setRoute('b', { prefix: '/b', to: 'two' })
  // A service, and no registry that could know it: the gateway refuses it.
  assert.throws(() => routes.setRoute('b', { prefix: '/b', to: 'nobody' }), /no registry/)
  assert.equal((await get('/b')).text, 'two GET /b')
  assert.deepEqual(routes.current().routes['b'], { prefix: '/b', to: 'two' })
  routes.setRoute('b', undefined)
  routes.setRoute('a', { prefix: '/a', to: 'one' })
  assert.throws(() => routes.setRoute('z', { prefix: '/a', to: 'two' }), /the same as route "a"/)
  assert.deepEqual([(await get('/a')).text, (await get('/b')).status], ['one GET /a', 404])
})

test('under load routes change, instances come and go, and a gateway ends: nobody gets an error', async (t) => {
  const servers = await Promise.all(['one', 'two'].map((name) => named(t, name)))
  const upstreams = (i: number) => ({
    server: { addresses: i % 3 === 0 ? servers.map(({ address }) => address) : [servers[i % 2]!.address] },
  })
  const routes = liveRoutes({ routes: { a: { prefix: '/', to: 'server' } }, upstreams: upstreams(0) })
  const { get, stop } = await started(t, { routes })
  let [done, over] = [0, false]
  const work = async (): Promise<void> => {
    while (!over) {
      assert.equal((await get(`/a/${done}`, { method: done % 2 === 0 ? 'GET' : 'POST' })).status, 200)
      done++
    }
  }
  const workers = Array.from({ length: 8 }, work)
  for (let i = 0; i < 100; i++) {
    routes.set({ routes: { a: { prefix: '/', to: 'server', timeout: 10_000 + i } }, upstreams: upstreams(i) })
    const was = done
    await until(() => done > was + 3)
  }
  over = true
  await Promise.all(workers)
  await stop()
  assert.ok(done > 300)
})

test('a route that leads back to the gateway is found out', async (t) => {
  const routes = liveRoutes({ routes: {} })
  const { get, url } = await started(t, { routes })
  routes.set({ routes: { a: { prefix: '/', to: 'self' } }, upstreams: { self: { addresses: [url.slice(7)] } } })
  assert.equal((await get('/a')).status, 508)
})

async function untilAsync(is: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 2_000 && !(await is()); i++);
}
