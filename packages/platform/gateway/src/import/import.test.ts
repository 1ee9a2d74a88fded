import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { imported, one } from './import.test-support.ts'

test('predicates become what a route asks for', () => {
  const of = (...predicates: readonly string[]) => imported(one(predicates)).routes
  assert.equal(imported(one(['Path=/orders/**'])).hosts, 1)
  assert.equal(imported(one(['Path=/orders/**'], ['PreserveHostHeader'])).hosts, 0)
  assert.deepEqual(of('Path=/orders/**'), { one: { prefix: '/orders', to: 'orders' } })
  assert.deepEqual(of('Path=/orders/{id},/old/*/x/**'), {
    one: { path: '/orders/{id}', to: 'orders' },
    'one.2': { prefix: '/old/{any1}/x', to: 'orders' },
  })
  assert.deepEqual(of('Path=/**', 'Method=GET,POST'), { one: { prefix: '/', methods: ['GET', 'POST'], to: 'orders' } })
  assert.deepEqual(of('Host=**.shop.org,api.shop.org'), {
    one: { host: '**.shop.org', prefix: '/', to: 'orders' },
    'one.2': { host: 'shop.org', prefix: '/', to: 'orders' },
  })
  assert.deepEqual(of('Header=X-Tenant, acme', 'Header=X-Any', 'Query=red, gree\\.n', 'Query=all', 'Cookie=tier, .*'), {
    one: {
      prefix: '/',
      headers: { 'X-Tenant': 'acme', 'X-Any': true },
      query: { red: 'gree.n', all: true },
      cookies: { tier: true },
      to: 'orders',
    },
  } as object)
  assert.deepEqual(of('RemoteAddr=192.168.1.1/24, 10.0.0.1', 'After=2017-01-20T17:42:47.789-07:00[America/Denver]')['one'], {
    ...{ prefix: '/', addresses: ['192.168.1.1/24', '10.0.0.1'], to: 'orders' },
  })
  assert.deepEqual(of('Before=2030-01-20T17:42:47.789-07:00[America/Denver]'), {})
})

test('filters become filters, guards and options', () => {
  const of = (...filters: readonly string[]) => imported(one(['Path=/red/**'], filters)).routes['one']!
  assert.deepEqual(of('StripPrefix=2', 'PrefixPath=/v2')['filters'], [{ rewrite: { strip: 2 } }, { rewrite: { before: '/v2' } }])
  for (const rewrite of ['/red/?(?<segment>.*), /$\\{segment}', '^/red(?<rest>/?.*)$, $\\{rest}', '/red/(.*), /$1'])
    assert.deepEqual(of(`RewritePath=${rewrite}`)['filters'], [{ rewrite: { without: '/red' } }], rewrite)
  assert.deepEqual(of('RewritePath=/red/(?<segment>.*), /blue/$\\{segment}')['filters'], [
    { rewrite: { without: '/red', before: '/blue/' } },
  ])
  assert.deepEqual(of('RewritePath=/red(/?.*), /blue$1')['filters'], [{ rewrite: { without: '/red', before: '/blue' } }])
  assert.deepEqual(of('SetPath=/x/y')['filters'], [{ rewrite: { path: '/x/y' } }])
  assert.deepEqual(
    of('AddRequestHeader=X-A, b, c', 'SetResponseHeader=X-B, d', 'RemoveRequestHeader=Cookie', 'RemoveResponseHeader=Server')[
      'filters'
    ],
    [
      { headers: { request: { 'X-A': { add: 'b, c' } } } },
      { headers: { answer: { 'X-B': 'd' } } },
      { headers: { request: { Cookie: false } } },
      { headers: { answer: { Server: false } } },
    ],
  )
  assert.deepEqual(of('RequestSize=5MB')['filters'], [{ bodyLimit: { bytes: 5_242_880 } }])
  assert.deepEqual(of('RedirectTo=302, https://shop.example/')['filters'], [
    { redirect: { to: 'https://shop.example/', status: 302 } },
  ])
  const { attempts, idempotent } = of('Retry=3')
  assert.deepEqual([attempts, idempotent], [4, undefined])
  const expanded = imported(`
spring.cloud.gateway.server.webflux:
  httpclient.response-timeout: 5s
  default-filters:
    - AddResponseHeader=X-Edge, old
  routes:
    - id: one
      uri: http://127.0.0.1:8081/ignored
      predicates:
        - name: Path
          args:
            patterns: [/a/**, /b]
      filters:
        - name: RequestRateLimiter
          args:
            redis-rate-limiter.replenishRate: 10
            redis-rate-limiter.burst-capacity: 20
            key-resolver: "#{@user}"
        - name: CircuitBreaker
          args: { name: cb, fallbackUri: forward:/sorry, statusCodes: [500] }
        - name: Retry
          args: { retries: 2, methods: "GET,POST", backoff: { firstBackoff: 10ms } }
      metadata:
        response-timeout: 200
    - id: two
      uri: http://orders
      predicates: [Path=/two]
      filters: [PreserveHostHeader]
`)
  assert.deepEqual(expanded.routes['one'], {
    ...{ prefix: '/a', to: '127.0.0.1:8081', timeout: 200, attempts: 3, idempotent: true },
    filters: [
      { headers: { request: { host: '127.0.0.1:8081' } } },
      { headers: { answer: { 'X-Edge': { add: 'old' } } } },
      { requestLimit: { rate: 10, per: 1000, burst: 20 } },
    ],
    guard: [{ breaker: {} }],
  })
  assert.deepEqual(expanded.routes['two'], {
    path: '/two',
    to: 'orders:80',
    timeout: 5000,
    filters: [{ headers: { answer: { 'X-Edge': { add: 'old' } } } }],
  })
  assert.deepEqual(expanded.upstreams, {
    '127.0.0.1:8081': { addresses: ['127.0.0.1:8081'] },
    'orders:80': { addresses: ['orders:80'] },
  })
  assert.deepEqual(
    expanded.notes.map(({ line, is, what }) => `${line} ${is} ${what}`),
    [
      '14 differs filter RequestRateLimiter of route "one"',
      '19 differs filter CircuitBreaker of route "one"',
      '21 differs filter Retry of route "one"',
    ],
  )
  assert.match(
    expanded.said.join('\n'),
    /by #\{@user\} in Redis[^]*without its fallback "forward:\/sorry", statusCodes[^]*backoff are not read/,
  )
})

test('what is not understood is left out with its route, and said with its line', () => {
  const out = (text: string): readonly string[] => {
    const { routes, said } = imported(text)
    assert.deepEqual(routes, {})
    return said
  }
  const because = (predicates: readonly string[], filters: readonly string[] = [], uri?: string): string =>
    out(one(predicates, filters, uri)).join('\n')
  assert.equal(
    because(['CloudFoundryRouteService']),
    '6 left out: route "one": its predicate CloudFoundryRouteService: there is no such predicate here',
  )
  assert.match(because(['Path=/a-*/**']), /"\/a-\*\/\*\*" has a pattern within a segment/)
  assert.match(because(['Path=/a/{id:[0-9]+}']), /has a pattern within a segment/)
  assert.match(because(['Host=a*.org']), /the host "a\*.org" is more than one name/)
  assert.match(because(['Header=X-Request-Id, \\d+']), /"\\d\+" is a regular expression; give one value, or any/)
  assert.match(because(['After=2030-01-20T17:42:47Z']), /add the route when its time comes/)
  assert.match(because(['After=soon']), /its time cannot be read/)
  assert.match(
    because(['Path=/a'], ['TokenRelay=']),
    /its filter TokenRelay=: there is no such filter here; to have the route without it: --ignore TokenRelay/,
  )
  assert.match(because(['Path=/a'], ['SetStatus=401']), /no such filter/)
  assert.match(because(['Path=/a'], ['RewritePath=/(a|b)/(?<x>.*), /$\\{x}']), /is a regular expression that is not/)
  assert.match(because(['Path=/a/**'], ['RewritePath=/b/(?<x>.*), /$\\{x}']), /may be in the middle of a path/)
  assert.match(because(['Path=/a/**'], ['RewritePath=/a/(?<x>.*), /$\\{x}/y']), /is not "something before the rest"/)
  assert.match(because(['Path=/a/{x}'], ['AddRequestHeader=X-A, b-{x}']), /values with parts of the path/)
  assert.match(because(['Path=/a'], ['RedirectTo=200, https://x']), /Cannot redirect with status 200/)
  assert.match(because(['Path=/a'], ['StripPrefix=x']), /"strip" of filter "rewrite" is no number|"strip" is/)
  assert.match(because(['Path=/a'], [], 'ftp://orders'), /is not http:\/\/, https:\/\/ or lb:\/\//)
  assert.deepEqual(imported(one(['Path=/a'], [], 'https://orders')).upstreams, {
    'https://orders:443': { addresses: ['https://orders:443'] },
  })
  assert.match(because(['Path=/a'], [], '${ORDERS}'), /"\$\{ORDERS\}" is not known here: set ORDERS/)
  assert.deepEqual(imported(one(['Path=/a'], [], '${ORDERS:http://orders:81}')).routes['one']?.['to'], 'orders:81')
  assert.deepEqual(
    imported(one(['Path=/a'], [], '${orders.uri}'), { environment: { ORDERS_URI: 'lb://x' } }).routes['one']?.['to'],
    'x',
  )
  const without = imported(one(['Path=/a'], ['TokenRelay=']), { ignore: ['TokenRelay'] })
  assert.deepEqual(without.routes['one'], { path: '/a', to: 'orders' })
  assert.match(without.said[0]!, /differs: filter TokenRelay= of route "one": it is left out, as was asked for/)
  const more = imported(`${one(['Path=/a'])}
      globalcors:
        cors-configurations:
          "[/**]": { allowedOrigins: "*" }
      discovery.locator.enabled: true
server.port: 80
`)
  assert.deepEqual(more.said, [
    '15 left out: spring.cloud.gateway.globalcors.cors-configurations./**.allowedOrigins: it is not understood: see whether it matters',
    '16 left out: spring.cloud.gateway.discovery.locator.enabled: it is not understood: see whether it matters',
  ])
})

test('the order of routes counts there and not here: what that changes is said', () => {
  const { routes, said } = imported(`
spring.cloud.gateway.routes:
  - { id: late, uri: "lb://late", order: 9, predicates: ["Path=/a/b/c"] }
  - { id: a, uri: "lb://a", predicates: ["Path=/a/**", "Method=GET"] }
  - { id: b, uri: "lb://b", predicates: ["Path=/a/b/**"] }
  - { id: c, uri: "lb://c", predicates: ["Path=/a/x", "Method=GET"] }
  - { id: d, uri: "lb://d", predicates: ["Path=/d/**"] }
`)
  assert.deepEqual(Object.keys(routes), ['a', 'b', 'd'])
  assert.deepEqual(said, [
    '3 differs: route "late": it is not written: route "b" before it takes all its requests there too',
    '5 differs: route "b": requests that route "a" asks for as well go to that one there, which is written first, and to this one here, which asks for more',
    '6 differs: route "c": it is not written: route "a" before it takes all its requests there too',
  ])
})

test('weights join routes; profiles and properties are read', () => {
  const weighted = imported(`
spring.cloud.gateway.routes:
  - { id: old, uri: "lb://old", predicates: ["Path=/a/**", "Weight=g, 9"] }
  - { id: new, uri: "lb://new", predicates: ["Path=/a/**", "Weight=g, 1"] }
  - { id: odd, uri: "lb://odd", predicates: ["Path=/b/**", "Weight=h, 1"] }
  - { id: other, uri: "lb://other", predicates: ["Path=/c/**", "Weight=h, 1"] }
`)
  assert.deepEqual(weighted.routes, {
    old: {
      prefix: '/a',
      to: [
        { upstream: 'old', weight: 9 },
        { upstream: 'new', weight: 1 },
      ],
    },
  } as object)
  assert.equal(weighted.notes.filter(({ is }) => is === 'left out').length, 2)
  const properties = `
# a comment
spring.cloud.gateway.routes[0].id=one
spring.cloud.gateway.routes[0].uri=http://127.0.0.1:81
spring.cloud.gateway.routes[0].predicates[0]=Path=/red/**
spring.cloud.gateway.routes[0].filters[0]=RewritePath=/red/?(?<segment>.*), \\
    /$\\\\{segment}
spring.cloud.gateway.routes[0].filters[1]=PreserveHostHeader
`
  assert.deepEqual(imported(properties, { file: 'application.properties' }).routes, {
    one: { prefix: '/red', to: '127.0.0.1:81', filters: [{ rewrite: { without: '/red' } }] },
  } as object)
  const profiles = `${one(['Path=/a'])}---
spring.config.activate.on-profile: prod
spring.cloud.gateway.routes:
  - { id: prod, uri: "lb://prod", predicates: [Path=/p] }
`
  assert.deepEqual(Object.keys(imported(profiles).routes), ['one'])
  assert.match(imported(profiles).said[0]!, /for the profile "prod" alone and is passed over/)
  assert.deepEqual(Object.keys(imported(profiles, { profile: 'prod' }).routes), ['prod'])
})

test('routes of Zuul', () => {
  const { routes, upstreams, said } = imported(`
zuul:
  prefix: /api
  ignoredServices: '*'
  routes:
    users: /myusers/**
    orders:
      path: /orders/**
      serviceId: order-service
      stripPrefix: false
      sensitiveHeaders:
      retryable: false
    legacy:
      path: /old/**
      url: http://127.0.0.1:8099/legacy
      sensitive-headers: Cookie
    odd: { path: "/a*b", serviceId: x }
    local: { path: /local/**, url: "forward:/3rd" }
  ignored-patterns: /**/admin/**
`)
  const sensitive = { cookie: false, 'set-cookie': false, authorization: false }
  assert.deepEqual(routes, {
    users: {
      ...{ prefix: '/api/myusers', to: 'users' },
      filters: [{ rewrite: { without: '/api/myusers' } }, { headers: { request: sensitive, answer: sensitive } }],
    },
    orders: { prefix: '/api/orders', to: 'order-service', attempts: 1, filters: [{ rewrite: { without: '/api' } }] },
    legacy: {
      ...{ prefix: '/api/old', to: '127.0.0.1:8099' },
      filters: [
        { rewrite: { without: '/api/old', before: '/legacy' } },
        { headers: { request: { cookie: false, host: '127.0.0.1:8099' }, answer: { cookie: false } } },
      ],
    },
  } as object)
  assert.deepEqual(Object.keys(upstreams!), ['127.0.0.1:8099'])
  assert.deepEqual(
    said.map((each) => each.slice(0, 40)),
    [
      '17 left out: route "odd": its path "/api',
      '18 left out: route "local": its url "for',
      '19 left out: zuul.ignored-patterns: it i',
    ],
  )
})

test('whatever a file has, it is read or refused, and what is written can be read', () => {
  const word = fc.constantFrom(
    'Path=/a/**',
    'Path=',
    'Path=/{a}/{a}',
    'Method=BREW',
    'Header=',
    'Weight=a',
    'Weight=a,x',
    'Query',
    '=',
    'StripPrefix=-1',
    'RewritePath=(',
    'Retry=x',
    'RequestSize=',
    'RedirectTo=1',
    'AddRequestHeader=Host, x\u0000',
    'RemoteAddr=x',
    'Between=',
    '',
  )
  const value: fc.Arbitrary<unknown> = fc.oneof(
    word,
    fc.string(),
    fc.integer(),
    fc.constant(null),
    fc.record({ name: word, args: fc.dictionary(fc.string(), fc.anything({ maxDepth: 2 })) }),
  )
  const route = fc.record(
    {
      id: value,
      uri: fc.oneof(fc.constantFrom('lb://x', 'http://y', 'no://op'), value),
      predicates: fc.array(value),
      filters: fc.array(value),
      order: value,
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.array(route, { maxLength: 4 }), (routes) => {
      const text = JSON.stringify({ spring: { cloud: { gateway: { routes } } } }, (_key, each: unknown) =>
        typeof each === 'bigint' ? String(each) : each,
      )
      try {
        imported(text)
      } catch (error) {
        assert.equal((error as Error).name, 'SystemError', String((error as Error).stack))
      }
    }),
    { numRuns: 100 },
  )
})
