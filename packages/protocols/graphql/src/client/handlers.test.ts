import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { rest } from '@dure/rest'
import { command, contract, DeclaredError, error, query, stream, type AnyContract, type CallError } from 'dure/contract'
import { service, start, system, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { buildSchema, GraphQLError, type GraphQLSchema } from 'graphql'
import { createHandler } from 'graphql-http/lib/use/http'
import { z } from 'zod'
import { graphqlHandlers, type GraphqlHandlersOptions } from '../graphql.ts'
import { Customers, Orders, shop } from '../shop.test-support.ts'

const { watch: _, ...calls } = Orders.operations
/** What of the orders is asked and answered once. */
const Calls = contract('orders', { version: '1.0.0', owner: 'tests', operations: calls })

const failureOf = (work: Promise<unknown>): Promise<CallError | DeclaredError> =>
  work.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error as CallError | DeclaredError,
  )

/** A system of our own before a service of others. */
async function before<C extends AnyContract>(t: TestContext, own: C, options: GraphqlHandlersOptions): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-graphql-before-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const services = [service(own, { handlers: graphqlHandlers(own, options) })]
  const running = await start(system('before', { services, doors: [rest({ port: 0 })], security: 'off' }), {
    directory,
    log: silentLogger(),
  })
  t.after(() => running.stop())
  return running
}

const EVERYTHING = {
  price: { amount: 10n ** 30n, currency: 'KRW' },
  payment: { kind: 'cash', at: null },
  either: 4.5,
  whole: 2 ** 52,
  small: -1,
  tags: new Set(['a', 'b']),
  byName: new Map([['배', { amount: -1n, currency: 'USD' }]]),
  counts: { 'two words': [{ a: 1 }, {}] },
  place: [1.5, 'x'],
  note: 'n',
  any: { of: [1, null, new Date(0)] },
} as const

test('a GraphQL service of another system is called by its contract: values, errors, deadlines', async (t) => {
  const theirs = await shop(t)
  const running = await before(t, Calls, { address: theirs.url })
  const orders = running.client(Calls)
  assert.deepEqual(await orders.echo(EVERYTHING as never), EVERYTHING)
  for (const payment of [
    { kind: 'card', number: '1' },
    { kind: 'cash', at: new Date(5) },
  ] as const)
    for (const either of ['text', { amount: 1n, currency: 'KRW' }] as const) {
      const value = { ...EVERYTHING, payment, either, note: null }
      assert.deepEqual(await orders.echo(value as never), value)
    }
  assert.deepEqual((await orders.all()).at(-1), { id: '3', customerId: null })
  assert.equal(await orders.place({ id: 'a', pieces: 2 }), 'a × 2')
  assert.equal(await orders.forget({ id: 'a' }), undefined)
  const sold = await failureOf(orders.fail({ how: 'sold out' }))
  assert.ok(sold instanceof DeclaredError)
  assert.deepEqual([sold.code, sold.data], ['SOLD_OUT', { left: 2 }])
  const broken = await failureOf(orders.fail({ how: 'broken' }))
  assert.deepEqual([broken.code, broken.message.includes('1234')], ['INTERNAL', false])
  assert.equal((await failureOf(orders.fail({ how: 'slow' }, { timeout: 100 }))).code, 'DEADLINE_EXCEEDED')
  const customers = await before(t, Customers, { address: theirs.url })
  assert.deepEqual(await customers.client(Customers).byIds({ ids: ['a'] }), [{ id: 'a', name: 'Sori a' }])
  await theirs.running.stop()
  assert.equal((await failureOf(orders.all())).code, 'UNAVAILABLE')
})

const Zone = z.object({ id: z.string(), name: z.string().nullable(), inside: z.array(z.string()) }).meta({ id: 'Place' })
const Unknown = error('UNKNOWN_ZONE', { data: z.object({ id: z.string() }), status: 'NOT_FOUND' })
const Zones = contract('zones', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    find: query({ input: z.object({ id: z.string() }), output: Zone, errors: { Unknown }, http: 'GET /zones/{id}' }),
    move: command({ input: z.object({ id: z.string(), by: z.int32() }), output: z.boolean(), idempotent: true }),
  },
})
const SCHEMA = `
  type Zone { id: ID! name: String inside: [ID!]! population: Int }
  type Query { zone(id: ID!): Zone }
  type Mutation { moveZone(id: ID!, by: Int = 1): Boolean! }
`

/** A server of others, from its own schema. */
async function foreign(t: TestContext, root: object, heard: IncomingHttpHeaders[] = []) {
  const schema: GraphQLSchema = buildSchema(SCHEMA)
  const handle = createHandler({ schema, rootValue: root })
  const server = createServer((request, response) => {
    heard.push(request.headers)
    void handle(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void (server.closeAllConnections(), server.close()))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
const ITS_OWN = { schema: SCHEMA, fields: { find: 'zone', move: 'moveZone' } }
const fails = (code: string, more: object = {}) => {
  throw new GraphQLError(`it is ${code}`, { extensions: { code, ...more } })
}

test('REST before a GraphQL service with a schema of its own: its names and identifiers, its errors, what goes along', async (t) => {
  const heard: IncomingHttpHeaders[] = []
  const moved: unknown[] = []
  const address = await foreign(
    t,
    {
      zone: ({ id }: { id: string }) => {
        if (id === 'none') return null
        if (id === 'unknown') return fails('UNKNOWN_ZONE', { data: { id } })
        if (id === 'broken') throw new Error('the password is 1234')
        if (id !== '7') return fails(id)
        return { id: 7, name: null, inside: ['Seoul', '서울'] }
      },
      moveZone: (given: object) => moved.push(given) > 0,
    },
    heard,
  )
  const running = await before(t, Zones, { address: address.replace('//', '//ida:secret@'), ...ITS_OWN })
  const get = async (id: string) => {
    const response = await fetch(`${running.doors[0]!.url}/zones/${id}`, { headers: { 'request-timeout': '5' } })
    return [response.status, (await response.json()) as Record<string, unknown>] as const
  }
  assert.deepEqual(await get('7'), [200, { id: '7', name: null, inside: ['Seoul', '서울'] }])
  const { authorization, traceparent, 'request-timeout': timeout, 'x-correlation-id': correlation } = heard[0]!
  assert.equal(authorization, `Basic ${Buffer.from('ida:secret').toString('base64')}`)
  assert.ok(traceparent !== undefined && correlation !== undefined && Number(timeout) <= 5)
  assert.equal(await running.client(Zones).move({ id: 'a', by: 2 }), true)
  assert.equal(JSON.stringify(moved), '[{"id":"a","by":2}]')

  const [status, problem] = await get('unknown')
  assert.deepEqual([status, problem['code'], problem['data']], [404, 'UNKNOWN_ZONE', { id: 'unknown' }])
  const codes = [
    ['UNAUTHENTICATED', 401],
    ['FORBIDDEN', 403],
    ['BAD_USER_INPUT', 400],
    ['SOMETHING_ELSE', 500],
    ['none', 500],
  ] as const
  for (const [id, wanted] of codes) assert.equal((await get(id))[0], wanted, id)
  const [, broken] = await get('broken')
  assert.ok(!JSON.stringify(broken).includes('1234'))
})

test('whatever else answers there is said to be no answer, and is bounded', async (t) => {
  let answer = (response: ServerResponse): unknown => response.end()
  const server = createServer((_, response) => void answer(response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void (server.closeAllConnections(), server.close()))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const running = await before(t, Zones, { address, ...ITS_OWN, answer: 2_000 })
  const find = async (text: string, status = 200): Promise<string> => {
    answer = (response) => response.writeHead(status).end(text)
    const { code, message } = await failureOf(running.client(Zones).find({ id: '7' }))
    return `${code} ${message}`
  }
  const data = (zone: unknown): string => JSON.stringify({ data: { zone } })
  const cases: readonly (readonly [string, RegExp, number?])[] = [
    ['', /^INTERNAL .*is none of GraphQL/],
    ['<html>', /^INTERNAL .*is none of GraphQL/],
    ['[]', /^INTERNAL .*is none of GraphQL/],
    ['Bad gateway', /^UNAVAILABLE .*answered with 502/, 502],
    ['{"data":{}}', /^INTERNAL .*has no "zone"/],
    ['{"data":null}', /^INTERNAL .*has no "zone"/],
    [data(null), /^INTERNAL .*is null/],
    [data({ id: '7' }), /^INTERNAL .*without "inside"/],
    [data({ id: '7', inside: 'x' }), /^INTERNAL .*does not match the contract/],
    [data({ id: 7, inside: [] }), /^INTERNAL .*does not match the contract/],
    [data('x'.repeat(5_000)), /^INTERNAL .*larger than 2000 bytes/],
    ['{"errors":[7]}', /^UNKNOWN /],
    ['{"errors":[{"message":"secret","extensions":{"code":"INTERNAL"}}]}', /^INTERNAL (?!.*secret)/],
  ]
  for (const [text, wanted, status] of cases) assert.match(await find(text, status), wanted)
})

test('what a contract and a schema do not agree on is said when handlers are made', () => {
  const made = (own: AnyContract, options: Partial<GraphqlHandlersOptions> = {}): unknown =>
    graphqlHandlers(own, { address: 'https://zones.example/graphql', ...options })
  const Tree: z.ZodType = z.object({ name: z.string(), below: z.array(z.lazy(() => Tree)) }).meta({ id: 'Tree' })
  const one = (operation: AnyContract['operations'][string]): AnyContract =>
    contract('one', { version: '1.0.0', owner: 'tests', operations: { ask: operation } })
  for (const [work, wanted] of [
    [() => made(Zones, { schema: SCHEMA }), /zones\.find over GraphQL: the schema has no query "zonesFind".*"fields"/],
    [() => made(Zones, { ...ITS_OWN, schema: 'type Zone {' }), /its schema cannot be read: Syntax Error/],
    [
      () => made(Zones, { ...ITS_OWN, schema: SCHEMA.replace('inside', 'within') }),
      /zones\.find over GraphQL: its schema says otherwise: Cannot query field "inside"/,
    ],
    [() => made(Zones, { ...ITS_OWN, schema: SCHEMA.replace('zone(id', 'zone(key') }), /"zone" has no argument "id"/],
    [() => made(Zones, { address: 'ftp://zones.example' }), /give one that begins with "http/],
    [() => made(one(stream({ output: z.string() }))), /ask answer more than once/],
    [() => made(one(query({ output: Tree }))), /one\.ask over GraphQL: "Tree" contains itself/],
  ] as const)
    assert.throws(work, wanted)
  assert.ok(made(one(command({ input: z.date(), output: z.enum(['true', 'b c']) }))))
})
