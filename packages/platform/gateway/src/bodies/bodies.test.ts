import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { command, contract, ContractError, query } from 'dure/contract'
import { shown } from 'dure/contract/internal'
import { z } from 'zod'
import { until } from '../bytes.test-support.ts'
import { bodyOf, serving, started } from '../gateway.test-support.ts'
import { redactor } from './redacted.ts'

const SECRET = 'SECRET'
const personal = { 'x-personal': true }
const hidden = () => z.string().meta(personal)
const Address = z.object({ city: z.string(), street: hidden() })
const Node = z.object({
  name: z.string(),
  token: z.string().meta({ 'x-secret': true }).optional(),
  pin: z.union([z.int(), hidden()]).optional(),
  old: z.string().meta({ writeOnly: true }).nullable().optional(),
  password: z.string().meta({ format: 'password' }).default('x'),
  at: z.date().optional(),
  home: Address.optional(),
  homes: z.array(Address).optional(),
  whole: Address.meta(personal).optional(),
  byName: z.record(z.string(), Address).optional(),
  either: z.discriminatedUnion('is', [
    z.object({ is: z.literal('a'), a: hidden() }),
    z.object({ is: z.literal('b'), b: z.string() }),
  ]),
  both: z.intersection(z.object({ left: z.string() }), z.object({ right: hidden() })).optional(),
  any: z.unknown(),
  get inside() {
    return z.array(Node).optional()
  },
})
const redacted = redactor(shown(Node, 'input'))

test('what is marked is left out wherever it stands, and so is what nobody has named', () => {
  const value = {
    ...{ name: 'n', token: SECRET, pin: 7, old: SECRET, password: SECRET, at: '2026-11-30T00:00:00Z', more: SECRET },
    ...{ home: { city: 'c', street: SECRET }, homes: [{ city: 'd', street: SECRET, more: 1 }], whole: { city: SECRET } },
    ...{ byName: { work: { city: 'e', street: SECRET } }, either: { is: 'a', a: SECRET }, both: { left: 'l', right: SECRET } },
    ...{ any: { a: SECRET }, inside: [{ name: 'm', token: SECRET, either: { is: 'b', b: 'x' } }] },
  }
  assert.deepEqual(redacted(value), {
    ...{
      name: 'n',
      token: '[redacted]',
      pin: '[redacted]',
      old: '[redacted]',
      password: '[redacted]',
      at: '2026-11-30T00:00:00Z',
    },
    ...{ home: { city: 'c', street: '[redacted]' }, homes: [{ city: 'd', street: '[redacted]' }], whole: '[redacted]' },
    ...{ byName: { work: { city: 'e', street: '[redacted]' } }, either: { is: 'a', a: '[redacted]' } },
    ...{ both: { left: 'l', right: '[redacted]' }, any: {} },
    inside: [{ name: 'm', token: '[redacted]', either: { is: 'b', b: 'x' } }],
  })
  assert.equal(redactor(shown(hidden(), 'input'))(SECRET), '[redacted]')
  assert.equal(redactor(shown(z.unknown(), 'input'))(SECRET), '[unknown]')
})

test('whatever is sent, nothing that is marked is told, and what is told is short', () => {
  const names = [
    'token',
    'pin',
    'old',
    'password',
    'home',
    'homes',
    'whole',
    'byName',
    'either',
    'both',
    'any',
    'inside',
    'street',
    'a',
    'right',
  ]
  const any = fc.anything({
    maxDepth: 4,
    key: fc.constantFrom(...names),
    values: [fc.constant(SECRET), fc.string(), fc.integer(), fc.boolean(), fc.constant(null)],
  })
  const value = fc.letrec((again) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      any,
      fc.dictionary(fc.constantFrom(...names), again('value')),
      fc.array(again('value')),
    ),
  })).value
  fc.assert(
    fc.property(value, (given) => {
      const said = JSON.stringify(redacted(given)) ?? ''
      assert.ok(!said.includes(SECRET), said)
      assert.ok(said.length < 40_000, `${said.length}`)
    }),
    { numRuns: 300 },
  )
  const long = {
    name: 'n'.repeat(10_000),
    either: { is: 'b', b: 'x' },
    inside: Array.from({ length: 9_000 }, () => ({ name: 'm'.repeat(300) })),
  }
  const said = JSON.stringify(redacted(long))
  assert.ok(said.length < 8_000 && said.startsWith(`{"name":"${'n'.repeat(256)}…"`), said.slice(0, 400))
})

const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'team-checkout',
  operations: {
    place: command({
      input: z.object({ sku: z.string(), card: z.string().meta({ 'x-secret': true }) }),
      output: z.object({ id: z.string(), to: hidden() }),
      http: { routes: 'POST /orders', log: 'bodies' },
    }),
    quiet: command({ input: z.object({ sku: z.string() }), output: z.string(), http: 'POST /quiet' }),
    find: query({
      input: z.object({ id: z.string() }),
      output: z.array(z.string()),
      http: { routes: 'GET /orders/{id}', log: 'bodies' },
    }),
  },
})

test('a contract has its bodies in the access log, without what it marks; others have none there', async (t) => {
  let answer: { readonly status?: number; readonly headers?: Record<string, string>; readonly body: string | Buffer }
  const heard: string[] = []
  const { address } = await serving(t, (request, response) => {
    void bodyOf(request).then((body) => {
      heard.push(body)
      response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers }).end(answer.body)
    })
  })
  const routes = { routes: {}, upstreams: { orders: { addresses: [address] } } }
  const { get, lines } = await started(t, { contracts: [Orders], routes })
  const post = async (path: string, body: string, type = 'application/json') => {
    const count = lines.length
    const { text } = await get(path, { method: 'POST', body, headers: { 'content-type': type } })
    await until(() => lines.length > count)
    const { requestBody, answerBody } = lines.at(-1)!
    return { text, requestBody, answerBody }
  }
  const sent = JSON.stringify({ sku: 'apple', card: SECRET, more: SECRET })
  answer = { body: JSON.stringify({ id: '7', to: SECRET }) }
  assert.deepEqual(await post('/orders', sent), {
    text: answer.body,
    requestBody: { sku: 'apple', card: '[redacted]' },
    answerBody: { id: '7', to: '[redacted]' },
  })
  assert.equal(heard[0], sent)
  const none = { requestBody: undefined, answerBody: undefined }
  assert.deepEqual(await post('/quiet', sent), { text: answer.body, ...none })
  // What is no JSON, or not that of the operation.
  for (const [body, type] of [
    ['{', 'application/json'],
    [sent, 'text/plain'],
  ] as const)
    assert.deepEqual((await post('/orders', body, type)).requestBody, undefined)
  for (const other of [
    { status: 409, body: '{"id":"7"}' },
    { body: gzipSync('{"id":"7"}'), headers: { 'content-encoding': 'gzip' } },
    { body: `{"id":"${'7'.repeat(70_000)}"}` },
    { body: 'no JSON' },
  ]) {
    answer = other
    assert.deepEqual((await post('/orders', sent)).answerBody, undefined)
  }
  const count = lines.length
  answer = { body: '["a"]' }
  await get('/orders/7')
  await until(() => lines.length > count)
  assert.deepEqual([lines.at(-1)!.requestBody, lines.at(-1)!.answerBody], [undefined, ['a']])
})

test('a contract says which log it means', () => {
  const wrong = () =>
    contract('wrong', {
      ...{ version: '1.0.0', owner: 't' },
      operations: { a: query({ output: z.string(), http: { routes: 'GET /a', log: 'all' as 'bodies' } }) },
    })
  assert.throws(wrong, (error: unknown) => error instanceof ContractError && error.message.includes('the log "all"'))
})
