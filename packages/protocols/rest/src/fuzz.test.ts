import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ask, openShop, raw } from './rest.test-support.ts'

// Only `POST /fail` fails inside; everything else the world can send has an answer of its own.
const paths = fc.oneof(
  fc.constantFrom(
    '/items/1',
    '/customers/5/orders',
    '/echo',
    '/bulk',
    '/reset',
    '/watch?n=2',
    '/',
    '/status',
    '/openapi',
    '/items/',
  ),
  fc.webPath().map((path) => (path.startsWith('/fail') ? '/x' : path || '/')),
  fc.string({ maxLength: 40 }).map((text) => `/${encodeURIComponent(text)}`),
)
const methods = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS')
const bodies = fc.oneof(
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc.string(),
  fc
    .record({ lines: fc.jsonValue(), price: fc.jsonValue(), text: fc.jsonValue(), payment: fc.jsonValue() }, { requiredKeys: [] })
    .map((value) => JSON.stringify(value)),
  fc.json().map((text) => text.slice(0, -1)),
)
const queries = fc.webQueryParameters()

test('whatever is sent is answered, never with 500', async () => {
  await using shop = await openShop()
  await fc.assert(
    fc.asyncProperty(paths, methods, queries, bodies, async (path, method, query, body) => {
      const target = path.includes('?') ? path : `${path}?${query}`
      const init = method === 'GET' ? { method } : { method, body, headers: { 'content-type': 'application/json' } }
      const response = await fetch(shop.url + target, init)
      await response.arrayBuffer()
      assert.notEqual(response.status, 500, `${method} ${target}`)
      if (response.status >= 400) assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json/)
    }),
    { numRuns: 100 },
  )
  assert.equal((await ask(`${shop.url}/items/1`)).status, 200)
})

test('whatever bytes arrive, the door closes or answers and goes on', async () => {
  await using shop = await openShop({ limits: { headersTimeout: 50, requestTimeout: 50 } })
  const requestLike = fc
    .tuple(methods, fc.string({ maxLength: 20 }), fc.string({ maxLength: 60 }))
    .map(([method, path, rest]) => `${method} /${path} HTTP/1.1\r\n${rest}\r\n\r\n`)
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          requestLike,
          fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
        ),
        { minLength: 1, maxLength: 3 },
      ),
      async (writes) => {
        const answer = await raw(shop.port, ...writes, 'GET /items/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
        assert.doesNotMatch(answer, /^HTTP\/1.1 500/)
      },
    ),
    { numRuns: 40 },
  )
  assert.equal((await ask(`${shop.url}/items/1`)).status, 200)
})
