/** What both gateways are asked by the comparison with Spring Cloud Gateway. */

export type Asked = {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

const get = (path: string, headers?: Readonly<Record<string, string>>): Asked => ({
  ...{ method: 'GET', path },
  ...(headers && { headers }),
})

const PATHS = [
  ...[
    '/api/orders',
    '/api/orders/',
    '/api/orders/7',
    '/api/orders/7/lines?all=true',
    '/api/orders/a%20b',
    '/api/ordersx',
    '/api',
  ],
  ...['/stock/apple', '/stock/apple/', '/stock/a%20b', '/stock/a:b@c,d=e&f$g', '/stock', '/stock/apple/more'],
  ...['/stock/%EB%91%90%EB%A0%88', '/legacy', '/legacy/', '/legacy/a/b?c=d', '/legacyx', '/red', '/red/', '/red/a/b'],
  ...['/blue/', '/blue/a/b', '/shop', '/shop/a', '/shop/teapot', '/shop/missing', '/offers', '/old', '/old/a/b'],
  ...['/search', '/search?q=tea', '/search?x=q', '/search?q', '/headers', '/headers/a', '/more/x/headers', '/more/headers'],
  ...['/local', '/far', '/since', '/over', '/guarded/a', '/guarded/teapot', '/nothing', '/'],
  // Of routes that are left out: what they would take if they asked for less.
  ...['/comma/a', '/more/x/comma', '/twice/b', '/strict/', '/filled', '/valued?q', '/small'],
]

/** Values that a header has, or lists, or does not. */
const LISTS = ['', ',', ' , ', '"', 'yes', 'YES', 'yes,', 'yes, yes', 'yes,no', 'no, yes', 'yes;q=1', '"a, yes, b"', 'a "yes, b"']

const COOKIES = [
  ...[
    'tier=',
    'tier',
    'tier=;a=b',
    'tier="',
    'tier="gold"',
    'tier="go ld"',
    'tier= gold',
    'tier=go ld',
    'tier=gold ; a=b',
    'tier =gold',
  ],
  ...[
    'TIER=gold',
    'a=b;tier=gold',
    ';tier=gold',
    'a=b,tier=gold',
    'a=b, tier=gold',
    'tier=iron; tier=gold',
    'tier=a,b',
    'tier==',
  ],
]

const QUERIES = ['q=tea', 'q=', 'q=tea&q=x', 'q=x&q=tea', 'q=t%65a', '%71=tea', 'Q=tea', 'q=tea+x', 'q=tea;x', 'q=%ff', 'a&q']

/** More than 300, of each route what it asks for and what it does not. All are answered alike. */
export function requests(): readonly Asked[] {
  const beta = { 'x-beta': 'yes', 'x-internal': 'secret', 'x-tenant': 'evil', authorization: 'Bearer t' }
  const gold = { 'x-beta': 'no', cookie: 'a=b; tier=gold', accept: 'text/plain, */*;q=0.1' }
  return [
    ...[undefined, beta, gold, { host: 'a.b.tenant.test' }].flatMap((headers) => PATHS.map((path) => get(path, headers))),
    ...PATHS.filter((path) => !path.startsWith('/api')).map((path) => ({
      ...{ method: 'POST', path, body: '{"a":1}', headers: { 'content-type': 'application/json' } },
    })),
    ...['POST', 'PUT', 'DELETE'].map((method) => ({ method, path: '/api/orders/7', body: 'hello' })),
    ...[0, 1_024, 1_025, 100_000].map((size) => ({ method: 'POST', path: '/upload', body: 'x'.repeat(size) })),
    ...['tenant.test', 'eu.tenant.test', 'xtenant.test'].map((host) => get('/a?b', { host })),
    ...LISTS.flatMap((value) => [
      get('/shop', { 'x-beta': value }),
      ...['/any-header', '/any-text'].map((path) => get(path, { 'x-any': value })),
    ]),
    ...['', ',', ' , '].map((value) => get('/filled', { 'x-filled': value })),
    ...COOKIES.flatMap((cookie) => ['/any-cookie', '/offers'].map((path) => get(path, { cookie }))),
    ...QUERIES.flatMap((query) => ['/tea', '/search'].map((path) => get(`${path}?${query}`))),
    ...['/API/orders', '/%61pi/orders', '/api/orders/a;x=1', '/api/orders/%', '/api/orders/a%2Fb', '/api/orders/a%0Ab'].map(
      (path) => get(path),
    ),
    ...Array.from({ length: 5 }, (_, i) => get(`/retried/${i}`)),
  ]
}

/** What is not answered alike: how there and how here, and what of it stands in the guide "from Zuul or Spring Cloud Gateway". */
export const DIFFERENT: readonly {
  readonly asked: Asked
  readonly there: string
  readonly here: string
  readonly named: string
}[] = [
  ...['TENANT.test', 'tenant.test:80', 'tenant.test.'].map((host) => ({
    ...{ asked: get('/a', { host }), there: '404', here: '200 stock /tenant/a', named: `\`${host}\`` },
  })),
  ...[
    ['/stock/a+b', 'a+b', 'a%2Bb'],
    ['/stock/a%2Bb', 'a+b', 'a%2Bb'],
    ['/stock/a%3Bb', 'a;b', 'a%3Bb'],
    ['/stock/a%2Fb', 'a/b', 'a%2Fb'],
  ].map(([path, there, here]) => ({
    ...{ asked: get(path!), there: `200 stock /items/${there}`, here: `200 stock /items/${here}`, named: `\`${here}\`` },
  })),
  { asked: get('/api;x=1/orders'), there: '200 orders /orders', here: '404', named: '`/api;x=1/orders`' },
  { asked: get('/stock/a;b'), there: '200 stock /items/a', here: '200 stock /items/a%3Bb', named: '`a;b`' },
  { asked: get('/blue'), there: '200 orders /blue', here: '200 orders /light/', named: '`/blue`' },
  { asked: get('/%6Cegacy/a'), there: '200 orders /%6Cegacy/a', here: '200 orders /v1/a', named: '`/%6Cegacy/a`' },
  { asked: get('//api/orders'), there: '404', here: '200 orders /orders', named: '`//api/orders`' },
  { asked: get('/api//orders'), there: '404', here: '200 orders //orders', named: '`/api//orders`' },
  { asked: get('/red/a//b'), there: '200 orders /dark/a/b', here: '200 orders /dark/a//b', named: '`/red/a//b`' },
  { asked: get('/api/orders/a%00'), there: '200 orders /orders/a%00', here: '400', named: '`%00`' },
  { asked: get('/api/orders/%E9'), there: '200 orders /orders/%E9', here: '400', named: '`%E9`' },
  { asked: get('/api/orders/../x'), there: '200 orders /orders/../x', here: '400', named: '`..`' },
  { asked: get('/api/orders/%2e%2e/x'), there: '200 orders /orders/%2e%2e/x', here: '400', named: '`..`' },
  { asked: get('/api/orders/a|b'), there: '400', here: '200 orders /orders/a|b', named: '`\\|`' },
  { asked: get('/search?q=te%'), there: '400', here: '200 orders /search?q=te%', named: '`?q=te%`' },
  { asked: get('/shop', { 'x-beta': '"yes"' }), there: '200 orders /beta/shop', here: '200 stock /shop', named: '`"yes"`' },
  { asked: get('/strict'), there: '200 orders /strict', here: '404', named: '`matchTrailingSlash: false`' },
  { asked: { method: 'PATCH', path: '/api/orders/7' }, there: '404', here: '405', named: '405' },
]
