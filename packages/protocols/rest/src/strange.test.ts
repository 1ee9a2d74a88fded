import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { command, contract, error, openapi } from 'dure/contract'
import { REFUSALS } from 'dure/contract/internal'
import { z } from 'zod'
import { isExact, jsonLoss } from './fault.ts'
import { rest } from './rest.ts'
import { openShop, raw, testHost } from './rest.test-support.ts'

type Asked = {
  readonly method?: string
  readonly path?: string
  readonly version?: string
  readonly host?: string | undefined
  readonly headers?: readonly string[]
  readonly body?: string | Buffer
}

const JSON_TYPE = 'Content-Type: application/json'

function bytesOf({ method = 'POST', path = '/echo', version = 'HTTP/1.1', headers = [JSON_TYPE], body, ...rest }: Asked): Buffer {
  const host = 'host' in rest ? rest.host : 'Host: door'
  const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
  const head = [`${method} ${path} ${version}`, ...(host === undefined ? [] : [host]), ...headers, ...length, 'Connection: close']
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), Buffer.from(body ?? '')])
}

const ECHO = '{"text":"a"}'
const GET: Asked = { method: 'GET', path: '/items/1', headers: [] }
const deep = (levels: number, open = '[', close = ']'): string => open.repeat(levels) + '1' + close.repeat(levels)
const chunked = (chunks: string, te = 'chunked'): Buffer =>
  Buffer.from(`POST /echo HTTP/1.1\r\nHost: a\r\n${JSON_TYPE}\r\nTransfer-Encoding: ${te}\r\nConnection: close\r\n\r\n${chunks}`)

/** What the world sends beside requests, and the one answer that each has: a status, and the code of its problem. */
const STRANGE: Readonly<Record<string, readonly [Asked | Buffer, number, string?]>> = {
  // Methods.
  'QUERY, which the server knows': [{ method: 'QUERY', headers: [] }, 405, 'METHOD_NOT_ALLOWED'],
  'QUERY with a body': [{ method: 'QUERY', body: ECHO }, 405, 'METHOD_NOT_ALLOWED'],
  'QUERY where nothing is': [{ method: 'QUERY', path: '/x', headers: [] }, 404, 'PATH_NOT_FOUND'],
  'a method of WebDAV': [{ method: 'PROPFIND', headers: [] }, 405, 'METHOD_NOT_ALLOWED'],
  TRACE: [{ method: 'TRACE', headers: [] }, 405, 'METHOD_NOT_ALLOWED'],
  CONNECT: [{ method: 'CONNECT', path: 'a:80', headers: [] }, 405, 'METHOD_NOT_ALLOWED'],
  'a method nobody knows': [{ method: 'FOO', headers: [] }, 400, 'MALFORMED_REQUEST'],
  'HEAD of a command': [{ method: 'HEAD', headers: [] }, 405],
  'a body of another type where nothing is': [
    { path: '/x', headers: ['Content-Type: text/xml'], body: '<a/>' },
    404,
    'PATH_NOT_FOUND',
  ],
  // Request line.
  'HTTP/2.0': [{ ...GET, version: 'HTTP/2.0' }, 400, 'MALFORMED_REQUEST'],
  'HTTP/0.9': [Buffer.from('GET /\r\n\r\n'), 400, 'MALFORMED_REQUEST'],
  'a path that is not percent-encoding': [{ ...GET, path: '/items/%zz' }, 400, 'MALFORMED_REQUEST'],
  'a path that is not UTF-8': [{ ...GET, path: '/items/%ff' }, 400, 'MALFORMED_REQUEST'],
  'a query that is not UTF-8': [{ ...GET, path: '/items/1?tags=%ff' }, 400, 'MALFORMED_REQUEST'],
  'a query that is not percent-encoding': [{ ...GET, path: '/items/1?tags=%zz' }, 400, 'MALFORMED_REQUEST'],
  'a path that is too long': [{ ...GET, path: `/items/${'1'.repeat(2000)}` }, 414, 'PATH_TOO_LONG'],
  'a key of every object as a parameter': [{ ...GET, path: '/items/1?__proto__=1' }, 400, 'INVALID_ARGUMENT'],
  'a number that is too long, in the path': [{ ...GET, path: '/items/12345678901234567890' }, 400, 'INVALID_ARGUMENT'],
  // Headers that may be there once.
  'no Host': [{ ...GET, host: undefined }, 400, 'MALFORMED_REQUEST'],
  'two Hosts': [{ ...GET, headers: ['Host: other'] }, 400, 'MALFORMED_REQUEST'],
  'two Hosts in one': [{ ...GET, host: 'Host: a, b' }, 400, 'MALFORMED_REQUEST'],
  'a Host that is none': [{ ...GET, host: 'Host: a b/c' }, 400, 'MALFORMED_REQUEST'],
  'two Content-Types': [{ headers: [JSON_TYPE, 'Content-Type: text/plain'], body: ECHO }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
  'two lengths': [{ headers: [JSON_TYPE, 'Content-Length: 2'], body: ECHO }, 400, 'MALFORMED_REQUEST'],
  'a length and chunks': [{ headers: [JSON_TYPE, 'Transfer-Encoding: chunked'], body: ECHO }, 400, 'MALFORMED_REQUEST'],
  'two idempotency keys': [
    { headers: [JSON_TYPE, 'Idempotency-Key: a', 'Idempotency-Key: b'], body: ECHO },
    400,
    'INVALID_HEADER',
  ],
  'an idempotency key without a letter': [{ headers: [JSON_TYPE, 'Idempotency-Key:'], body: ECHO }, 400, 'INVALID_HEADER'],
  'two timeouts': [{ ...GET, headers: ['Request-Timeout: 1', 'Request-Timeout: 2'] }, 400, 'INVALID_HEADER'],
  'two traces, of which none is taken': [{ ...GET, headers: ['traceparent: 00-a', 'traceparent: 00-b'] }, 200],
  'an expectation nobody knows': [{ headers: [JSON_TYPE, 'Expect: wonders'], body: ECHO }, 200],
  // Bodies.
  '5,000 lists in each other': [{ path: '/bulk', body: deep(5_000) }, 400, 'MALFORMED_JSON'],
  '5,000 objects in each other': [{ body: `{"text":${deep(5_000, '{"a":', '}')}}` }, 400, 'MALFORMED_JSON'],
  '5,000 levels with an idempotency key': [
    { headers: [JSON_TYPE, 'Idempotency-Key: a'], body: deep(5_000) },
    400,
    'MALFORMED_JSON',
  ],
  'an integer of 20 digits': [{ path: '/bulk', body: '[{"n":12345678901234567890}]' }, 400, 'MALFORMED_JSON'],
  'a price of 20 digits': [
    { path: '/customers/1/orders', body: '{"lines":[{"sku":"a","quantity":1}],"price":{"amount":0.12345678901234567891}}' },
    400,
    'MALFORMED_JSON',
  ],
  'a number beyond all': [{ path: '/bulk', body: '[{"n":1e999}]' }, 400, 'MALFORMED_JSON'],
  'a key twice': [{ body: '{"text":"a","te\\u0078t":"b"}' }, 400, 'MALFORMED_JSON'],
  NaN: [{ path: '/bulk', body: '[{"n":NaN}]' }, 400, 'MALFORMED_JSON'],
  'something after the end': [{ body: `${ECHO} x` }, 400, 'MALFORMED_JSON'],
  'the key __proto__': [{ body: '{"text":"a","__proto__":{}}' }, 400, 'MALFORMED_JSON'],
  'what is not UTF-8': [{ body: Buffer.from([0x22, 0xff, 0x22]) }, 400, 'MALFORMED_JSON'],
  gzip: [{ headers: [JSON_TYPE, 'Content-Encoding: gzip'], body: gzipSync(ECHO) }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
  'brotli by name': [{ headers: [JSON_TYPE, 'Content-Encoding: br'], body: ECHO }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
  'no encoding by name': [{ headers: [JSON_TYPE, 'Content-Encoding: identity'], body: ECHO }, 200],
  'another charset': [{ headers: [`${JSON_TYPE}; charset=latin1`], body: ECHO }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
  'UTF-8 by name': [{ headers: [`${JSON_TYPE}; charset="UTF-8"; q=1`], body: ECHO }, 200],
  'no type': [{ headers: [], body: ECHO }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
  'a body where there is none': [{ path: '/reset', method: 'PATCH', body: '[1]' }, 400, 'INVALID_ARGUMENT'],
  'a body on DELETE': [{ path: '/items/1', method: 'DELETE', body: '{"force":true}' }, 400, 'INVALID_ARGUMENT'],
  'an empty object where there is no body': [{ path: '/reset', method: 'PATCH', body: '{}' }, 204],
  'an unknown field': [{ body: '{"text":"a","txt":"b"}' }, 400, 'INVALID_ARGUMENT'],
  // Chunks.
  'chunks with extensions and trailers': [chunked(`c;x=y\r\n${ECHO}\r\n0\r\nT: x\r\n\r\n`), 200],
  'a chunk without a length': [chunked(`zz\r\n${ECHO}\r\n0\r\n\r\n`), 400, 'MALFORMED_REQUEST'],
  'a chunk longer than all': [chunked(`fffffffffffffffff\r\n${ECHO}\r\n0\r\n\r\n`), 400, 'MALFORMED_REQUEST'],
}

test('whatever is strange about a request has one answer, a problem document, and no line in the log', async () => {
  await using shop = await openShop()
  const document = openapi([shop.host.contracts[0]!], { title: 'Shop' }) as {
    paths: Record<string, Record<string, { responses: object }>>
  }
  for (const [name, [asked, status, code]] of Object.entries(STRANGE)) {
    const answer = await raw(shop.port, Buffer.isBuffer(asked) ? asked : bytesOf(asked))
    const [head = '', ...body] = answer.replace(/^HTTP\/1.1 100 Continue\r\n\r\n/, '').split('\r\n\r\n')
    assert.match(head, new RegExp(`^HTTP/1.1 ${status} `), `${name}: ${answer}`)
    if (status >= 400) assert.match(head, /\r\ncontent-type: application\/problem\+json/i, name)
    if (code !== undefined) assert.equal((JSON.parse(body.join('')) as { code: string }).code, code, name)
    if (Buffer.isBuffer(asked) || status === 404 || status === 405) continue
    const { method = 'POST', path = '/echo' } = asked
    const template = path
      .split('?')[0]!
      .replace(/\/items\/.*/, '/items/{id}')
      .replace(/\/customers\/1/, '/customers/{customerId}')
    const operation = document.paths[template]![method.toLowerCase()]
    if (operation === undefined) continue
    const { responses } = operation
    assert.ok(String(status) in responses, `${name}: ${status} is not among ${Object.keys(responses).join(', ')} of ${template}`)
  }
  assert.deepEqual(shop.logged, [])
})

test('what reading a body would lose is found, and nothing else', () => {
  // Whatever was printed from doubles and objects loses nothing.
  fc.assert(
    fc.property(fc.json(), (text) => assert.equal(jsonLoss(text, JSON.parse(text)), undefined)),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      (value) => isExact(String(value)) && isExact(value.toExponential()),
    ),
  )
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => isExact(value.toPrecision(17))))
  // An integer is kept if it is the same as a double, or comes back in the same digits.
  const whole = fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n })
  fc.assert(
    fc.property(whole, (value) => {
      const double = Number(value)
      // As so many digits of it as the text has, of 17 at most, are printed.
      const count = Math.max(1, String(value).replaceAll(/^-|0+$/g, '').length)
      const [digits = '', power = '0'] = double.toExponential(Math.min(count, 17) - 1).split('e+')
      const printed = BigInt(digits.replace('.', '')) * 10n ** BigInt(Math.max(0, Number(power) - Math.min(count, 17) + 1))
      const kept = printed === value || JSON.stringify(double) === String(value)
      return isExact(String(value)) === (BigInt(double) === value || kept)
    }),
  )
  const key = fc.string({ maxLength: 3 })
  fc.assert(
    fc.property(fc.dictionary(key, fc.jsonValue(), { minKeys: 1 }), fc.jsonValue(), (object, value) => {
      const [again = ''] = Object.keys(object)
      const text = `[${JSON.stringify(object).slice(0, -1)},${JSON.stringify(again)}:${JSON.stringify(value)}}]`
      return /twice/.test(jsonLoss(text, JSON.parse(text)) ?? '')
    }),
  )
})

test('where the input as a whole is optional, nothing may be sent for it', async () => {
  const input = z.object({ a: z.int() })
  const given = z.object({ given: z.unknown() })
  const Maybe = contract('maybe', {
    version: '1.0.0',
    owner: 'tests',
    operations: {
      optional: command({ input: input.optional(), output: given, http: 'POST /optional' }),
      filled: command({ input: input.default({ a: 7 }), output: given, http: 'POST /filled' }),
      nullable: command({ input: input.nullable(), output: given, http: 'POST /nullable' }),
      fields: command({ input: input.partial(), output: given, http: 'POST /fields' }),
      needed: command({ input, output: given, http: 'POST /needed' }),
      undefinable: command({
        input: z.object({ a: z.undefined(), b: z.string().or(z.undefined()) }),
        output: given,
        http: 'POST /undefinable',
      }),
      dropped: command({ input: input.optional(), output: given, http: 'DELETE /optional' }),
    },
  })
  const names = Object.keys(Maybe.operations)
  const { host, world } = testHost([
    {
      contract: Maybe,
      handlers: Object.fromEntries(
        names.map((name) => [name, (input: unknown) => ({ given: JSON.parse(JSON.stringify(input ?? 'nothing')) as unknown })]),
      ),
    },
  ])
  const door = await rest({ port: 0 }).open(host, world)
  const { paths } = openapi([Maybe], { title: 'Maybe' }) as {
    paths: Record<string, Record<string, { requestBody?: { required: boolean } }>>
  }
  try {
    for (const [path, method, found] of [
      ['/optional', 'POST', 'nothing'],
      ['/filled', 'POST', { a: 7 }],
      ['/nullable', 'POST', undefined],
      ['/fields', 'POST', {}],
      ['/needed', 'POST', undefined],
      ['/undefinable', 'POST', {}],
      ['/optional', 'DELETE', 'nothing'],
    ] as const) {
      const response = await fetch(door.url + path, { method })
      const required = paths[path]![method.toLowerCase()]!.requestBody?.required ?? false
      assert.equal(response.status, found === undefined ? 400 : 200, path)
      assert.equal(required, found === undefined, path)
      if (found !== undefined) assert.deepEqual(await response.json(), { given: found }, path)
    }
  } finally {
    await door.close()
  }
})

test('a status that a declared error shares with others names the codes of them all', () => {
  for (const http of new Set(Object.values(REFUSALS).map((refusal) => refusal.http))) {
    // These are answered where no operation is.
    if ([405, 408, 431].includes(http)) continue
    const One = contract('one', {
      version: '1.0.0',
      owner: 'tests',
      operations: {
        ask: command({
          input: z.object({ id: z.int(), b: z.int() }),
          errors: { Odd: error('ODD', { http }) },
          http: 'POST /{id}',
        }),
      },
    })
    const { components } = openapi([One], { title: 'One' }) as {
      components: { schemas: Record<string, { properties: { code: { enum: string[] } } }> }
    }
    const other = components.schemas[`Other${http}Problem`]
    if (http === 404 && other === undefined) continue
    const codes = Object.entries(REFUSALS)
      .filter(([, refusal]) => refusal.http === http)
      .map(([code]) => code)
    for (const code of codes) assert.ok(other!.properties.code.enum.includes(code), `${http} ${code}`)
  }
})

test('an idempotency key is offered where it can be known again, and refused where it cannot', async () => {
  const Adder = contract('adder', {
    version: '1.0.0',
    owner: 'tests',
    operations: {
      add: command({ http: 'POST /add' }),
      set: command({ idempotent: true, http: 'PUT /set' }),
    },
  })
  const { host, world } = testHost([{ contract: Adder, handlers: { add: () => undefined, set: () => undefined } }])
  for (const remembers of [true, false]) {
    const door = await rest({ port: 0 }).open({ ...host, remembers: () => remembers }, world)
    const { paths } = (await (await fetch(`${door.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, unknown>>
    }
    assert.equal(JSON.stringify(paths['/add']).includes('IdempotencyKey'), remembers)
    assert.equal(JSON.stringify(paths['/set']).includes('IdempotencyKey'), false)
    const ask = (path: string, method: string): Promise<Response> =>
      fetch(door.url + path, { method, headers: { 'idempotency-key': 'a' } })
    assert.equal((await ask('/add', 'POST')).status, remembers ? 204 : 400)
    assert.equal((await ask('/set', 'PUT')).status, 204)
    await door.close()
  }
})
