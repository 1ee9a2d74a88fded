import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { liveRoutes, routesReader } from '../gateway.ts'
import { named, started } from '../gateway.test-support.ts'

/** What is said of a file that is refused. */
function refused(text: string, file = 'gateway.yaml'): readonly string[] {
  try {
    routesReader()(text, file)
  } catch (error) {
    return (error as { readonly problems: readonly string[] }).problems
  }
  throw new Error('It was taken')
}

test('a file is read as TypeScript has it, with filters and guards by their names', async (t) => {
  const one = await named(t, 'one')
  const read = routesReader()
  const text = (rate: number): string => `
upstreams:
  one:
    addresses: ["${one.address}"]
filters:
  - headers: { answer: { x-edge: dure, server: false } }
routes:
  orders: # comments are read by people
    prefix: /api/{tenant}/orders
    methods: [GET, POST]
    query: { all: true }
    to: one
    timeout: 2000
    filters:
      - rewrite: { strip: 2, before: /v2 }
      - requestLimit: { rate: ${rate}, per: 60000, by: route }
    guard: [{ breaker: { minimumCalls: 5 } }, { bulkhead: { concurrency: 5 } }]
`
  const routes = liveRoutes(read(text(2), 'gateway.yaml'))
  const { get } = await started(t, { routes })
  assert.equal((await get('/api/acme/orders/7?all')).text, 'one GET /v2/orders/7?all')
  assert.equal((await get('/api/acme/orders/7')).status, 404)
  assert.equal((await get('/api/acme/orders?all')).headers.get('x-edge'), 'dure')
  // The same limit goes on after a change elsewhere, and another one begins anew.
  routes.set(read(`${text(2)}  other: { path: /other, to: one }\n`, 'gateway.yaml'))
  assert.equal((await get('/other')).status, 200)
  assert.equal((await get('/api/acme/orders?all')).status, 429)
  routes.set(read(text(3), 'gateway.yaml'))
  assert.equal((await get('/api/acme/orders?all')).status, 200)
})

test('keys that have changed are read with the routes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dure-gateway-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const one = await named(t, 'one')
  const keys = (key: string): void =>
    writeFileSync(join(folder, 'keys.json'), JSON.stringify({ [`app-${key}`]: [createHash('sha256').update(key).digest('hex')] }))
  const read = routesReader()
  const text = `upstreams: { one: { addresses: ["${one.address}"] } }\nroutes: { a: { to: one, filters: [{ apiKeys: { file: keys.json } }] } }\n`
  keys('old')
  const routes = liveRoutes(read(text, join(folder, 'gateway.yaml')))
  const { get } = await started(t, { routes })
  const ask = async (key: string): Promise<number> => (await get('/', { headers: { 'x-api-key': key } })).status
  assert.deepEqual([await ask('old'), await ask('newer')], [200, 401])
  keys('newer')
  routes.set(read(text, join(folder, 'gateway.yaml')))
  assert.deepEqual([await ask('old'), await ask('newer')], [401, 200])
})

test('a version is that of the file, or a hash of what it says', () => {
  const read = routesReader()
  const route = { a: { prefix: '/', to: 'one' } }
  const yaml = read(stringify({ routes: route }), 'gateway.yaml')
  assert.match(yaml.version!, /^[0-9a-f]{12}$/)
  assert.equal(read(`\t${JSON.stringify({ routes: route })}`, 'gateway.json').version, yaml.version)
  assert.notEqual(read(stringify({ routes: { a: { prefix: '/b', to: 'one' } } }), 'gateway.yaml').version, yaml.version)
  assert.equal(read(stringify({ version: 'a1b2', routes: route }), 'gateway.yaml').version, 'a1b2')
})

test('all that is wrong with a file is said, each with its line and its place', () => {
  const text = `routes:
  a: { prefix: /a, to: one, colour: red }
  b:
    prefix: b
    to: one
    timeout: soon
    filters:
      - rewrite: { strip: 1 }
      - rewrite: { without: api }
      - teapot
      - requestLimit: { rate: 5, colour: red }
      - [1]
    guard:
      retry: {}
  c:
    prefix: /a
    to: one
upstreams:
  one:
    addresses: [nowhere]
colour: red
`
  const said = refused(text).map((each) => each.replace(/; there are .*|; it has .*/, ''))
  assert.deepEqual(said, [
    'gateway.yaml:2: routes.a.colour: it has "colour", which routes have not',
    'gateway.yaml:4: routes.b.prefix: its prefix "b" does not begin with "/"',
    'gateway.yaml:6: routes.b.timeout: "timeout" is the text "soon"; give a number of milliseconds from 1 to 2147483647',
    'gateway.yaml:9: routes.b.filters.1.rewrite: Cannot rewrite paths: "api": "api" does not begin with "/"',
    'gateway.yaml:10: routes.b.filters.2.teapot: there is no filter "teapot" in files',
    'gateway.yaml:11: routes.b.filters.3.requestLimit: filter "requestLimit" has no "colour"',
    'gateway.yaml:12: routes.b.filters.4: it is no filter; give its name with its options, "rewrite: { strip: 1 }"',
    'gateway.yaml:13: routes.b.guard: there is no guard "retry" in files',
    'gateway.yaml:19: upstreams.one: its address "nowhere" is none; give a host and a port, "127.0.0.1:8080" or "https://orders.internal:8443"',
    'gateway.yaml:21: colour: There is "colour", which is none of version, routes, upstreams, filters, tls',
  ])
})

test('what is no plain file of routes is refused, and the old routes go on', () => {
  const cases: readonly (readonly [text: string, said: RegExp, file?: string])[] = [
    ['', /:1: it has 0 documents/],
    ['routes: {}\n---\nroutes: {}\n', /:3: it has 2 documents/],
    ['routes:\n\ta: 1\n', /:2: .*Tabs are not allowed/],
    ['routes: {}\nroutes: {}\n', /:2: it has "routes" again, which stands in line 1/],
    ['routes: {}\nroutes: {}\n', /:2: it has "routes" again/],
    ['{"routes": {},\n "routes": {}}', /:2: it has "routes" again/, 'gateway.json'],
    ['{"routes": {}', /it is no JSON/, 'gateway.json'],
    ['routes: &all\n  a: 1\nupstreams: *all\n', /:1: .*anchor "&all"/],
    ['a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nroutes: *c\n', /refers to another place with "\*a"/],
    ['routes: { <<: { a: 1 } }', /:1: it has a key that is no text/],
    ['routes: { __proto__: { a: 1 } }', /:1: it has a key that is no text/],
    ['routes: { ? [a]: 1 }', /:1: it has a key that is no text/],
    ['routes: !!js/function "x"', /Unresolved tag/],
    ['routes: !!binary aGk=', /it has the tag/],
    [`routes: ${'['.repeat(100)}${']'.repeat(100)}`, /nested deeper than 40/],
    [`routes: ${'['.repeat(50_000)}`, /nested deeper than 40/],
    [`routes: {}\n#${'x'.repeat(3_000_000)}`, /it has 3000012 characters; give 2097152 at most/],
    ['- routes', /"routes" is no object/],
    ['routes: text', /:1: routes: "routes" is no object/],
    ['42', /"routes" is no object/],
    ['routes: {a: {prefix: /, to: one, timeout: 1e999}}', /routes.a.timeout: "timeout" is Infinity/],
    ['routes: {a: {prefix: /, to: one, attempts: -.inf}}', /"attempts" is -Infinity/],
    ['routes: {a: {prefix: /, to: one, headers: {x: 1}}}', /routes.a.headers.x: .*neither a text nor true/],
    ['routes: {a: {prefix: /, to: one, addresses: [10.0.0.0/99]}}', /its address "10.0.0.0\/99" is none/],
    ['routes: {a: {prefix: /, to: one, filters: [apiKeys: {file: 7}]}}', /"file" of filter "apiKeys" is no text/],
    ['\u0000', /no object|no YAML/],
  ]
  for (const [text, said, file] of cases) {
    const problems = refused(text, file)
    assert.ok(
      problems.some((each) => said.test(each)),
      `${text.slice(0, 60)}: ${problems.join(' | ')}`,
    )
    assert.ok(problems.length <= 21)
  }
})

test('whatever a text is, it is taken or refused by a SystemError', () => {
  const read = routesReader()
  const piece = fc.constantFrom(
    'routes',
    ':',
    ' ',
    '\n',
    '  ',
    '- ',
    '{',
    '}',
    '[',
    ']',
    ',',
    '&a',
    '*a',
    '!!str',
    '"',
    "'",
    '|',
    '>',
    '#',
    '---',
    'a',
    '/x',
    '1',
    '\t',
    '<<',
    '?',
    '%YAML 1.1\n',
    'to',
    'prefix',
  )
  const texts = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 40 }).map((parts) => parts.join('')),
    fc.json(),
  )
  fc.assert(
    fc.property(texts, fc.constantFrom('a.yaml', 'a.json'), (text, file) => {
      try {
        assert.ok(read(text, file).version)
      } catch (error) {
        assert.equal((error as Error).name, 'SystemError', String((error as Error).stack))
      }
    }),
    { numRuns: 300 },
  )
})

test('routes written as YAML are read as they are given', () => {
  const read = routesReader()
  const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/)
  const text = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('두레', 'e\u0301', '\u{1f33e} a', '\u0085'))
  const route = fc.record(
    {
      host: word,
      methods: fc.subarray(['GET', 'PUT', 'POST'], { minLength: 1 }),
      query: fc.dictionary(word, text),
      timeout: fc.integer({ min: 1, max: 1e9 }),
      to: word,
    },
    { requiredKeys: ['to'] },
  )
  fc.assert(
    fc.property(fc.array(route, { maxLength: 6 }), (given) => {
      const routes = Object.fromEntries(given.map((each, i) => [`r${i}`, { ...each, prefix: `/p${i}` }]))
      const plain = JSON.parse(JSON.stringify(routes)) as object
      assert.deepEqual(read(stringify({ routes }), 'a.yaml').routes, plain)
      assert.deepEqual(read(JSON.stringify({ routes }), 'a.json').routes, plain)
    }),
  )
})
