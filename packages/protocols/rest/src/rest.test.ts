import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, openShop, raw } from './rest.test-support.ts'

const ORDER = { lines: [{ sku: 'a', quantity: 1 }], price: { amount: 3 } }

test('serves an operation on all its routes, with path and query parameters coerced by the input', async () => {
  await using shop = await openShop()
  const query = 'verbose=true&tags=a&tags=b&since=2026-01-02T03:04:05.000Z&big=12345678901234567890'
  for (const path of ['/items/7', '/v1/items/7']) {
    const { status, headers, body } = await ask(`${shop.url}${path}?${query}`)
    assert.equal(status, 200)
    assert.match(headers.get('content-type')!, /^application\/json/)
    assert.deepEqual(body, {
      id: 7,
      verbose: true,
      tags: ['a', 'b'],
      since: '2026-01-02T03:04:05.000Z',
      big: '12345678901234567890',
    })
  }
  assert.deepEqual((await ask(`${shop.url}/items/7?tags=one`)).body, { id: 7, verbose: false, tags: ['one'] })
})

test('takes the input from path and body, and answers with the mapped status and JSON forms', async () => {
  await using shop = await openShop()
  const { status, body } = await ask(`${shop.url}/customers/5/orders`, { json: ORDER })
  assert.equal(status, 201)
  assert.deepEqual(body, {
    orderId: 'o1',
    total: { amount: 3, currency: 'KRW' },
    at: '1970-01-01T00:00:00.000Z',
    count: String(2n ** 60n),
  })
  assert.equal((await ask(`${shop.url}/reset`, { method: 'PATCH' })).status, 204)
  assert.equal((await ask(`${shop.url}/items/1?force=true`, { method: 'DELETE' })).status, 204)
  assert.deepEqual((await ask(`${shop.url}/bulk`, { json: [{ n: 1 }, { n: 2 }] })).body, { sum: 3 })
  assert.equal((await ask(`${shop.url}/customers/5/orders`, { json: { ...ORDER, customerId: 5 } })).status, 201)
})

test('refuses fields nobody asked for, by name, at every depth', async () => {
  await using shop = await openShop()
  const post = (json: unknown) => ask(`${shop.url}/customers/5/orders`, { json })
  const cases: [string, object][] = [
    ['Note', { Note: 'x' }],
    ['lines[0].colour', { lines: [{ sku: 'a', quantity: 1, colour: 'red' }] }],
    ['price.tax', { price: { amount: 1, tax: 2 } }],
    ['payment.number', { payment: { type: 'voucher', code: 'x', number: '1' } }],
  ]
  for (const [path, fields] of cases) {
    const { status, body } = await post({ ...ORDER, ...fields })
    assert.equal(status, 400, path)
    assert.equal(body['code'], 'INVALID_ARGUMENT')
    assert.deepEqual(
      body.errors?.map((issue) => issue.path),
      [path],
    )
  }
  assert.match((await post({ ...ORDER, Note: 'x' })).body.errors![0]!.message, /"note" is meant/)
  assert.equal(
    (await post({ ...ORDER, labels: { any: 'thing' }, note: null, payment: { type: 'card', number: '1' } })).status,
    201,
  )
  assert.equal((await ask(`${shop.url}/items/7?colour=red`)).body.errors?.[0]?.path, 'colour')
  assert.equal((await ask(`${shop.url}/reset`, { method: 'PATCH', json: { x: 1 } })).status, 400)
})

test('drops unknown fields when told to', async () => {
  await using shop = await openShop({ unknownFields: 'drop' })
  assert.equal((await ask(`${shop.url}/customers/5/orders`, { json: { ...ORDER, extra: 1 } })).status, 201)
  assert.equal((await ask(`${shop.url}/items/7?__proto__=1`)).status, 400)
})

test('reports every issue of a refused input with its path', async () => {
  await using shop = await openShop()
  const wrong = {
    lines: [
      { sku: '', quantity: -1 },
      { sku: 3, quantity: 'x' },
    ],
    price: 5,
  }
  const { status, headers, body } = await ask(`${shop.url}/customers/five/orders`, { json: wrong })
  assert.equal(status, 400)
  assert.match(headers.get('content-type')!, /^application\/problem\+json/)
  assert.deepEqual(body.errors?.map(({ path }) => path).sort(), [
    'customerId',
    'lines[0].quantity',
    'lines[0].sku',
    'lines[1].quantity',
    'lines[1].sku',
    'price',
  ])
  assert.equal(body['title'], 'Bad Request')
  assert.equal(body['instance'], '/customers/five/orders')
  const missing = await ask(`${shop.url}/customers/5/orders`, { method: 'POST' })
  assert.deepEqual(missing.body.errors?.map(({ path }) => path).sort(), ['lines', 'price'])
})

test('refuses a field that path and body give different values', async () => {
  await using shop = await openShop()
  const { status, body } = await ask(`${shop.url}/customers/5/orders`, { json: { ...ORDER, customerId: 6 } })
  assert.equal(status, 400)
  assert.equal(body.errors?.[0]?.path, 'customerId')
})

test('says where a body stops being JSON', async () => {
  await using shop = await openShop()
  const post = (body: string | Buffer) =>
    ask(`${shop.url}/echo`, { method: 'POST', body: body as string, headers: { 'content-type': 'application/json' } })
  const broken = await post('{\n  "text": "a" x }')
  assert.equal(broken.status, 400)
  assert.equal(broken.body['code'], 'MALFORMED_JSON')
  assert.match(String(broken.body['detail']), /in JSON at position 16 \(line 2 column 15\)/)
  assert.match(String((await post('{"text":"a"')).body['detail']), /in JSON at position 11/)
  assert.match(String((await post('{"__proto__":{"a":1}}')).body['detail']), /__proto__/)
  assert.match(String((await post(Buffer.from([0x22, 0xff, 0x22]))).body['detail']), /UTF-8/)
})

test('refuses bodies that are too large or of another type', async () => {
  await using shop = await openShop({ limits: { body: 1000 } })
  const large = await ask(`${shop.url}/echo`, { json: { text: 'x'.repeat(2000) } })
  assert.equal(large.status, 413)
  assert.equal(large.body['code'], 'BODY_TOO_LARGE')
  assert.match(String(large.body['detail']), /1000 bytes/)
  const chunked = await raw(
    shop.port,
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    `7d0\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`,
  )
  assert.match(chunked, /^HTTP\/1.1 413 /)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'nonsense']) {
    const { status, body } = await ask(`${shop.url}/echo`, { method: 'POST', body: '{}', headers: { 'content-type': type } })
    assert.equal(status, 415, type)
    assert.equal(body['code'], 'UNSUPPORTED_MEDIA_TYPE')
  }
  for (const type of ['application/json; charset=utf-8', 'Application/JSON', 'application/vnd.shop+json']) {
    assert.equal((await ask(`${shop.url}/echo`, { json: { text: 'a' }, headers: { 'content-type': type } })).status, 200, type)
  }
})

test('leads lost clients back: unknown paths, wrong methods', async () => {
  await using shop = await openShop()
  const lost = await ask(`${shop.url}/item/7`)
  assert.equal(lost.status, 404)
  assert.equal(lost.body['code'], 'PATH_NOT_FOUND')
  assert.match(String(lost.body['detail']), /did you mean "\/items\/\{id\}"\?/)
  assert.match(String((await ask(`${shop.url}/nowhere/at/all/really`)).body['detail']), /openapi/)
  const wrong = await ask(`${shop.url}/items/7`, { json: {}, method: 'PUT' })
  assert.equal(wrong.status, 405)
  assert.equal(wrong.headers.get('allow'), 'DELETE, GET')
  const options = await ask(`${shop.url}/items/7`, { method: 'OPTIONS' })
  assert.equal(options.status, 204)
  assert.equal(options.headers.get('allow'), 'DELETE, GET')
  assert.equal((await ask(`${shop.url}/items/%zz`)).status, 400)
  assert.equal((await ask(`${shop.url}/items/${'9'.repeat(2000)}`)).status, 414)
  assert.equal((await fetch(`${shop.url}/items/7`, { method: 'HEAD' })).status, 200)
})

test('declared errors keep their status, code and data; internal ones keep their secrets', async () => {
  await using shop = await openShop()
  const gone = await ask(`${shop.url}/customers/5/orders`, { json: { ...ORDER, lines: [{ sku: 'gone', quantity: 1 }] } })
  assert.equal(gone.status, 422)
  assert.equal(gone.body['code'], 'OUT_OF_STOCK')
  assert.deepEqual(gone.body['data'], { productId: 7, since: '1970-01-01T00:00:00.000Z' })
  for (const how of ['error', 'string']) {
    const failed = await ask(`${shop.url}/fail`, { json: { how }, headers: { 'x-correlation-id': 'abc-1' } })
    assert.equal(failed.status, 500)
    assert.doesNotMatch(JSON.stringify(failed.body), /secret|password/)
    assert.match(String(failed.body['detail']), /"abc-1"/)
  }
  assert.equal(shop.logged.filter(({ fields }) => (fields as { correlationId?: string }).correlationId === 'abc-1').length, 2)
})

test('carries correlation, trace and idempotency key; refuses keys and timeouts that cannot be', async () => {
  await using shop = await openShop()
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const echo = (headers: Record<string, string>) => ask(`${shop.url}/echo`, { json: { text: 'a' }, headers })
  const given = await echo({ 'x-correlation-id': 'order-7', traceparent, 'idempotency-key': '"k1"' })
  assert.deepEqual(given.body, { text: 'a', key: 'k1', correlationId: 'order-7', traceparent })
  assert.equal(given.headers.get('x-correlation-id'), 'order-7')
  const made = await echo({ 'x-correlation-id': 'no spaces', traceparent: '00-0-0-0' })
  assert.match(String(made.body['correlationId']), /^[0-9a-f-]{36}$/)
  assert.equal(made.headers.get('x-correlation-id'), made.body['correlationId'])
  assert.equal(made.body['traceparent'], undefined)
  const refused: Record<string, string>[] = [
    { 'idempotency-key': 'a b' },
    { 'idempotency-key': 'x'.repeat(256) },
    { 'request-timeout': '0' },
    { 'request-timeout': 'soon' },
  ]
  for (const headers of refused) {
    const { status, body } = await echo(headers)
    assert.equal(status, 400)
    assert.equal(body['code'], 'INVALID_HEADER')
  }
})

test('a port in use is said so', async () => {
  await using shop = await openShop()
  await assert.rejects(openShop({ port: shop.port }), {
    message: `Cannot listen on 127.0.0.1:${shop.port}: the port is in use; choose another with --port`,
  })
  await assert.rejects(openShop({ host: '203.0.113.1' }), /no such address/)
})
