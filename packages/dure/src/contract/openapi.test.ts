import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { z } from 'zod'
import { command, contract, error, openapi, query, stream, type AnyContract } from './contract.ts'

// oxlint-disable-next-line typescript/no-explicit-any
type Drawn = any

async function draw(contracts: readonly AnyContract[], options: Partial<Parameters<typeof openapi>[1]> = {}): Promise<Drawn> {
  const document = openapi(contracts, { title: 'Test', ...options })
  const text = JSON.stringify(document)
  const { valid, errors } = await new Validator().validate(JSON.parse(text))
  assert.equal(valid, true, JSON.stringify(errors))
  for (const [, ref] of text.matchAll(/"\$ref":"([^"]*)"/g))
    assert.notEqual(follow(document, ref!), undefined, `${ref} leads nowhere`)
  return JSON.parse(text)
}

function follow(document: Drawn, ref: string): unknown {
  assert.ok(ref.startsWith('#/components/'), ref)
  return ref
    .slice(2)
    .split('/')
    .reduce((at, step) => at?.[step], document)
}

const Money = z.object({ amount: z.bigint(), currency: z.string() }).meta({ id: 'OpenApiTestMoney' })
const Folder: z.ZodType = z.object({
  name: z.string(),
  get inside() {
    return z.map(z.string(), Folder)
  },
})
const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ since: z.date(), price: Money }), description: 'Nothing left' })
const Busy = error('BUSY', { status: 'UNAVAILABLE' })
const Shop = contract('shop', {
  version: '1.2.0',
  owner: 'team-shop',
  description: 'Sells things.',
  operations: {
    find: query({
      input: z.object({
        id: z.int().describe('Which one'),
        since: z.date().optional(),
        tags: z.array(z.string()).default([]),
        by: z.object({}).optional(),
      }),
      output: z.object({
        price: Money,
        at: z.date(),
        raw: z.instanceof(Uint8Array),
        stock: z.map(z.string(), z.date()),
        tags: z.set(z.bigint()),
        any: z.unknown(),
      }),
      errors: { OutOfStock },
      http: ['GET /items/{id}', 'GET /v1/items/{id}'],
      description: 'Finds one',
    }),
    place: command({
      input: z.object({ customerId: z.int(), lines: z.array(z.object({ price: Money })), folder: Folder }),
      output: z.object({ price: Money, folder: Folder }),
      errors: { OutOfStock, Busy },
      scope: 'orders:write',
      http: { routes: 'POST /customers/{customerId}/orders', status: 201 },
    }),
    pay: command({
      input: z.discriminatedUnion('by', [
        z.object({ id: z.int(), by: z.literal('card'), number: z.string() }),
        z.object({ id: z.int(), by: z.literal('cash') }),
      ]),
      http: 'PUT /orders/{id}/payment',
      idempotent: true,
      deprecated: true,
    }),
    seal: command({ input: z.object({ id: z.int() }), http: 'POST /orders/{id}/seal' }),
    watch: stream({ output: z.object({ n: z.int() }), http: 'GET /watch' }),
    bulk: command({ input: z.array(Money), output: z.void(), http: 'POST /bulk' }),
    hidden: query({ output: z.object({}) }),
  },
})

test('dates, bigints, bytes, maps and sets, nested and recursive, make a valid OpenAPI 3.1 document', async () => {
  const document = await draw([Shop], { servers: [{ url: 'https://shop.test' }] })
  assert.equal(document.openapi, '3.1.0')
  assert.deepEqual(document.info, { title: 'Test', version: '1.2.0' })
  assert.deepEqual(Object.keys(document.paths), [
    '/items/{id}',
    '/v1/items/{id}',
    '/customers/{customerId}/orders',
    '/orders/{id}/payment',
    '/orders/{id}/seal',
    '/watch',
    '/bulk',
  ])
  assert.equal(document.tags[0].description, 'Sells things. Version 1.2.0, owned by team-shop')
})

test('path and query parameters come from the fields of an input', async () => {
  const find = (await draw([Shop])).paths['/items/{id}'].get
  assert.deepEqual(
    find.parameters.map((each: Drawn) => [each.in, each.name, each.required, each.schema.type]),
    [
      ['path', 'id', true, 'integer'],
      ['query', 'since', false, 'string'],
      ['query', 'tags', false, 'array'],
    ],
  )
  assert.equal(find.parameters[0].description, 'Which one')
  assert.equal(find.operationId, 'shop.find')
  assert.equal(find.requestBody, undefined)
})

test('what is in the path is not in the body', async () => {
  const document = await draw([Shop])
  const place = document.paths['/customers/{customerId}/orders'].post
  const body = follow(document, place.requestBody.content['application/json'].schema.$ref) as Drawn
  assert.deepEqual(Object.keys(body.properties), ['lines', 'folder'])
  assert.deepEqual(body.required, ['lines', 'folder'])
  assert.equal(place.requestBody.required, true)
  const pay = follow(
    document,
    document.paths['/orders/{id}/payment'].put.requestBody.content['application/json'].schema.$ref,
  ) as Drawn
  assert.deepEqual(
    pay.oneOf.map((each: Drawn) => each.required),
    [['by', 'number'], ['by']],
  )
  assert.equal(document.paths['/orders/{id}/seal'].post.requestBody, undefined)
})

test('only commands that are not idempotent take an idempotency key', async () => {
  const { paths } = await draw([Shop])
  const takes = (operation: Drawn): boolean => JSON.stringify(operation.parameters ?? []).includes('IdempotencyKey')
  assert.equal(takes(paths['/customers/{customerId}/orders'].post), true)
  assert.equal(takes(paths['/orders/{id}/payment'].put), false)
  assert.equal(takes(paths['/items/{id}'].get), false)
})

test('declared and canonical errors are problem documents', async () => {
  const document = await draw([Shop])
  const { responses } = document.paths['/customers/{customerId}/orders'].post
  assert.deepEqual(Object.keys(responses).sort(), [
    '201',
    '400',
    '401',
    '403',
    '409',
    '413',
    '414',
    '415',
    '429',
    '500',
    '503',
    '504',
    'default',
  ])
  const conflict = responses['409'].content['application/problem+json'].schema
  assert.equal(conflict.anyOf.length, 2)
  const outOfStock = follow(document, conflict.anyOf[0].$ref) as Drawn
  assert.deepEqual(outOfStock.properties.code, { type: 'string', enum: ['OUT_OF_STOCK'] })
  assert.equal(outOfStock.properties.data.properties.since['x-dure-type'], 'date')
  assert.equal(responses['400'].$ref, '#/components/responses/InvalidArgument')
})

test('a schema is one component, wherever it is met', async () => {
  const { schemas } = (await draw([Shop])).components
  assert.deepEqual(
    Object.keys(schemas).filter((name) => name.includes('Money')),
    ['OpenApiTestMoney', 'OpenApiTestMoneyInput'],
  )
  assert.equal(Object.keys(schemas).filter((name) => name.startsWith('OutOfStock')).length, 1)
})

test('two schemas of one name both keep their meaning', async () => {
  const of = (service: string, schema: z.ZodType): AnyContract =>
    contract(service, {
      version: '1.0.0',
      owner: 't',
      operations: { get: query({ output: z.object({ a: schema, b: schema }), http: `GET /${service}` as 'GET /x' }) },
    })
  const one = of('one', z.object({ a: z.string() }).meta({ id: 'OpenApiTestTwin' }))
  z.globalRegistry.clear()
  const two = of('two', z.object({ a: z.int() }).meta({ id: 'OpenApiTestTwin' }))
  const document = await draw([one, two])
  const output = (path: string): Drawn =>
    follow(document, document.paths[path].get.responses['200'].content['application/json'].schema.$ref)
  assert.equal((follow(document, output('/one').properties.a.$ref) as Drawn).properties.a.type, 'string')
  assert.equal((follow(document, output('/two').properties.a.$ref) as Drawn).properties.a.type, 'integer')
})

test('streams are lines of JSON, and an operation without output answers without content', async () => {
  const { paths } = await draw([Shop])
  assert.deepEqual(Object.keys(paths['/watch'].get.responses['200'].content), ['application/x-ndjson'])
  assert.deepEqual(paths['/orders/{id}/seal'].post.responses['204'], { description: 'Done' })
  assert.equal(paths['/bulk'].post.responses['200'].content, undefined)
})

test('paths that differ only in the names of parameters are one path', async () => {
  const input = (name: string): z.ZodType => z.object({ [name]: z.int() })
  const A = contract('a', {
    version: '1.0.0',
    owner: 't',
    operations: { get: query({ input: input('id'), http: 'GET /x/{id}' }) },
  })
  const B = contract('b', {
    version: '1.0.0',
    owner: 't',
    operations: { drop: command({ input: input('xId'), http: 'DELETE /x/{xId}' }) },
  })
  const { paths, info } = await draw([A, B])
  assert.deepEqual(Object.keys(paths), ['/x/{id}'])
  assert.equal(paths['/x/{id}'].delete.parameters[0].name, 'id')
  assert.equal(info.version, '1.0.0')
})
