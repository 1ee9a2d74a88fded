import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { command, contract, ContractError, error, event, query, stream } from './contract.ts'
import type { AnySchema } from './schema.ts'

// Wrong on purpose, so past the types.
// oxlint-disable-next-line typescript/no-explicit-any
type Wrong = any

const define = (operations: Wrong, more: Wrong = {}): unknown =>
  contract('orders', { version: '1.0.0', owner: 'team', operations, ...more })

function problems(make: () => unknown): string[] {
  try {
    make()
  } catch (caught) {
    assert.ok(caught instanceof ContractError, String(caught))
    for (const { where, found, fix } of caught.problems) assert.ok(caught.message.includes(`${where}: found ${found}. ${fix}`))
    return caught.problems.map(({ where, found }) => `${where}: ${found}`)
  }
  return assert.fail('The contract was taken')
}

test('a sound contract is taken', () => {
  const Placed = event('order.placed', { schema: z.object({ orderId: z.uuid() }), key: (e) => e.orderId })
  const Empty = error('CART_EMPTY')
  contract('order-history', {
    version: '1.2.3-beta.1+7',
    owner: 'team-checkout',
    operations: {
      place: command({ input: z.object({ id: z.uuid(), at: z.date() }), errors: { Empty }, http: 'POST /orders/{id}' }),
      find: query({ input: z.object({ id: z.uuid() }), output: z.unknown(), http: ['GET /orders/{id}', 'GET /v1/orders/{id}'] }),
      watch: stream({ output: z.object({ at: z.date() }), http: 'GET /orders' }),
      root: query({ http: 'GET /' }),
    },
    events: [Placed],
  })
})

test('the identity of a contract is checked, and every problem is told at once', () => {
  assert.deepEqual(
    problems(() => contract('Order_History', { version: '1.0', owner: ' ', operations: {}, description: 5 as Wrong })),
    [
      'Order_History: the name "Order_History"',
      'Order_History: the version "1.0"',
      'Order_History: the owner " "',
      'Order_History description: 5',
    ],
  )
})

test('the message lists each problem with what to do', () => {
  assert.throws(() => define({ go: command({ input: z.object({ f: z.symbol() }) }) }, { version: 'x' }), {
    name: 'ContractError',
    message:
      'Cannot define the contract "orders": 2 problems\n' +
      '  orders: found the version "x". Use a semantic version: "1.0.0"\n' +
      '  orders.go input at f: found a symbol. Use a string or z.enum',
  })
})

test('functions and cyclic values in the plain data of a contract are refused', () => {
  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  assert.deepEqual(
    problems(() => define({ go: () => 1, back: cyclic }, { description: () => 'x', owner: cyclic })),
    [
      'orders: the owner an object',
      'orders description: a function',
      'orders.go: a function instead of an operation',
      'orders.back: an object instead of an operation',
    ],
  )
  assert.deepEqual(
    problems(() => define({ go: command({ description: cyclic as Wrong }) })),
    ['orders.go description: an object'],
  )
  const place = (schema: AnySchema): string[] => problems(() => define({ go: command({ input: schema }) }))
  assert.match(
    place(z.object({ a: z.unknown().default(cyclic) })).join(),
    /^orders\.go input.*: a default value that contains itself/,
  )
  assert.match(
    place(z.object({ a: z.unknown().default({ f() {} }) })).join(),
    /^orders\.go input at a: a default value that cannot travel/,
  )
})

test('names of operations and events that clients, brokers or JavaScript would trip over are refused', () => {
  assert.deepEqual(
    problems(() => define(Object.fromEntries(['then', 'place-order', 'toString', 'Place'].map((name) => [name, query({})])))),
    [
      'orders.then: the operation name "then", which JavaScript gives a meaning of its own',
      'orders.place-order: the operation name "place-order"',
      'orders.toString: the operation name "toString", which JavaScript gives a meaning of its own',
      'orders.Place: the operation name "Place"',
    ],
  )
  const named = (name: string): Wrong => event(name, { schema: z.object({}), key: () => 'k' })
  assert.deepEqual(
    problems(() => define({}, { events: [named('Order Placed'), named('order.placed'), named('order.placed'), () => 1] })),
    [
      'orders event "Order Placed": the event name "Order Placed"',
      'orders event "order.placed": the name twice',
      'orders events[3]: a function instead of an event',
    ],
  )
})

test('versions and upcasts of events are checked', () => {
  const schema = z.object({})
  const key = (): string => 'k'
  const events: Wrong = [
    event('a', { schema, key, version: 0 }),
    event('b', { schema, key, version: 2, upcast: { 2: (old: Wrong) => old, 1: 'x' as Wrong } }),
    event('c', { schema: undefined as Wrong, key }),
  ]
  assert.deepEqual(
    problems(() => define({}, { events })),
    [
      'orders event "a": the version 0',
      'orders event "b": "x" as upcast from version 1',
      'orders event "b": an upcast from version 2',
      'orders event "c" schema: no schema',
    ],
  )
})

test('what cannot travel is refused with its place, on the side that crosses', () => {
  const found = (schema: AnySchema): string => problems(() => define({ go: command({ input: schema }) })).join('; ')
  assert.equal(
    found(z.object({ lines: z.array(z.object({ when: z.custom() })) })),
    'orders.go input at lines[].when: z.custom(), which has no shape to check or draw',
  )
  assert.equal(found(z.object({ f: z.function() as Wrong })), 'orders.go input at f: a function')
  assert.equal(found(z.promise(z.string())), 'orders.go input: a promise')
  assert.equal(found(z.object({ a: z.nan().optional() })), 'orders.go input at a: NaN')
  assert.equal(found(z.tuple([z.string(), z.symbol()])), 'orders.go input at [1]: a symbol')
  assert.equal(found(z.record(z.string(), z.file())), 'orders.go input at {}: a file')
  assert.equal(found(z.object({ at: z.instanceof(URL) })), 'orders.go input at at: an instance of class "URL"')
  assert.equal(
    found(z.object({ m: z.map(z.string(), z.set(z.object({ x: z.instanceof(Error) }))) })),
    'orders.go input at m{}{}.x: an instance of class "Error"',
  )
  assert.equal(found(z.union([z.string(), z.object({ f: z.symbol() })])), 'orders.go input at f: a symbol')
  assert.equal(
    found(z.object({ a: z.instanceof(URL), b: z.map(z.string(), z.symbol()) })),
    'orders.go input at a: an instance of class "URL"; orders.go input at b{}: a symbol',
  )
  // The input side is text, and only that crosses.
  define({ go: command({ input: z.string().transform((text) => new URL(text)) }) })
  define({ go: command({ input: z.object({ a: z.instanceof(Uint8Array).refine((bytes) => bytes.length < 9) }) }) })
})

test('a schema that contains itself can travel', () => {
  const Tree: z.ZodType = z.object({
    get kids() {
      return z.array(Tree)
    },
  })
  define({ go: command({ input: Tree, output: Tree }) })
})

test('outputs, error data and events are checked on the output side', () => {
  const schema = z.string().pipe(z.custom<string>())
  const Bad = error('BAD_THING', { data: z.object({ a: z.symbol() }) })
  const Told = event('told', { schema: z.object({ a: z.promise(z.string()) }), key: () => 'k' })
  assert.deepEqual(
    problems(() => define({ go: query({ output: schema, errors: { Bad } }) }, { events: [Told] })),
    [
      'orders.go output: z.custom(), which has no shape to check or draw',
      'orders.go error Bad data at a: a symbol',
      'orders event "told" schema at a: a promise',
    ],
  )
})

test('what is no Standard Schema with JSON Schema is refused, naming libraries', () => {
  const bare = { '~standard': { version: 1, vendor: 'tiny', validate: (value: unknown) => ({ value }) } }
  const torn = {
    '~standard': {
      ...bare['~standard'],
      jsonSchema: {
        input: () => {
          throw new Error('no dates here')
        },
        output: () => ({}),
      },
    },
  }
  const odd = { '~standard': { ...bare['~standard'], jsonSchema: { input: () => ({ f: () => 1 }), output: () => ({}) } } }
  for (const [schema, found] of [
    [{ type: 'object' }, 'an object without "~standard" is no schema'],
    [() => true, 'a function is no schema'],
    [null, 'null is no schema'],
    ['string', 'a string is no schema'],
    [bare, 'a schema of "tiny" that cannot draw itself as JSON Schema'],
    [torn, '"tiny" cannot draw it as JSON Schema: no dates here'],
    [odd, '"tiny" cannot draw it as JSON Schema: A function cannot travel'],
  ] as const)
    assert.deepEqual(
      problems(() => define({ go: command({ input: schema as Wrong }) })),
      [`orders.go input: ${found}`],
    )
  assert.throws(() => define({ go: command({ input: bare as Wrong }) }), /Zod 4.*ArkType.*Valibot/)
})

test('deadlines, scopes, kinds and errors are checked', () => {
  const errors: Wrong = {
    Status: error('NOT_FOUND'),
    Lower: error('outOfStock'),
    Teapot: error('TEAPOT', { http: 200, status: 'TEAPOT' as Wrong }),
    Twin: error('TEAPOT'),
    Thrown: new Error('x'),
  }
  assert.deepEqual(
    problems(() => define({ go: command({ errors, deadline: 0, scope: 'a b' }), late: query({ deadline: Infinity }) })),
    [
      'orders.go: the deadline 0',
      'orders.go: the scope "a b"',
      'orders.go error Status: the code "NOT_FOUND", which is a canonical status',
      'orders.go error Lower: the code "outOfStock"',
      'orders.go error Teapot: the status "TEAPOT"',
      'orders.go error Teapot: the HTTP status 200',
      'orders.go error Twin: the code "TEAPOT", which Teapot has as well',
      'orders.go error Thrown: an object instead of a declared error',
      'orders.late: the deadline Infinity',
    ],
  )
  const access = (options: Wrong): string =>
    problems(() => define({ go: query(options) }))
      .join('; ')
      .replaceAll('orders.go: ', '')
  assert.equal(access({ access: 'anybody' }), 'the access "anybody"')
  for (const roles of [[], 'admin', ['']]) assert.match(access({ roles }), /^the roles /)
  assert.match(access({ authorize: true }), /^authorize: true/)
  for (const more of [{ scope: 'a' }, { roles: ['a'] }, { authorize: () => true }])
    assert.equal(access({ access: 'public', ...more }), 'the access "public" beside what only some callers have')
  assert.doesNotThrow(() => define({ go: query({ access: 'authenticated', scope: 'a', roles: ['b'], authorize: () => true }) }))
})

test('HTTP routes are checked', () => {
  const input = z.object({ id: z.int(), lines: z.array(z.int()) })
  const found = (options: Wrong, make: typeof command | typeof query = query): string =>
    problems(() => define({ go: make({ input, ...options }) }))
      .join('; ')
      .replaceAll('orders.go http: ', '')
  assert.equal(found({ http: 'FETCH /a' }), '"FETCH /a", which is no method and path')
  assert.equal(found({ http: 'GET a' }), '"GET a", which is no method and path')
  assert.equal(found({ http: 'GET /a/' }), '"GET /a/", whose part "" is neither plain text nor one {parameter}')
  assert.equal(found({ http: 'GET /a?x=1' }), '"GET /a?x=1", whose part "a?x=1" is neither plain text nor one {parameter}')
  assert.equal(
    found({ http: 'GET /a/{id}-{lines}' }),
    '"GET /a/{id}-{lines}", whose part "{id}-{lines}" is neither plain text nor one {parameter}',
  )
  assert.equal(found({ http: 'GET /{id}/{id}' }), '"GET /{id}/{id}", which names {id} twice')
  assert.equal(found({ http: 'GET /{orderId}' }), '"GET /{orderId}", whose {orderId} is no field of the input')
  assert.equal(found({ http: 'GET /{lines}' }), '"GET /{lines}", whose {lines} is an object or a list')
  assert.equal(found({ http: 'GET /a', input: z.array(z.int()) }), '"GET /a" for an input that is not an object')
  assert.equal(found({ http: 'GET /{id}', input: undefined }), '"GET /{id}", whose {id} is no field of the input')
  assert.equal(found({ http: 'GET /a' }, command), '"GET /a" for a command')
  assert.equal(found({ http: { routes: 'GET /a', status: 302 } }), 'the status 302')
  assert.equal(
    found({ http: { routes: 'GET /a', status: 204 }, output: z.string() }),
    'the status 204 for an operation with an output',
  )
  assert.equal(found({ http: [] }), 'no route')
  assert.equal(
    found({ http: ['GET /a/{id}', 'GET /a/{lines}'] }),
    '"GET /a/{lines}", which is there already; "GET /a/{lines}", whose {lines} is an object or a list',
  )
  assert.equal(
    found({ http: 'GET /a', input: z.object({ of: z.object({}), by: z.object({}).optional() }) }),
    '"GET /a", which cannot carry the field "of"',
  )
  const a = z.object({ a: z.int() })
  const b = z.object({ b: z.int() })
  assert.deepEqual(
    problems(() => define({ one: query({ input: a, http: 'GET /x/{a}' }), two: query({ input: b, http: 'GET /x/{b}' }) })),
    ['orders.two http: "GET /x/{b}", which is a route of orders.one'],
  )
})

test('parameters may come from any variant of an input', () => {
  const input = z.discriminatedUnion('by', [
    z.object({ by: z.literal('card'), id: z.int(), at: z.date() }),
    z.object({ by: z.literal('cash'), id: z.int(), at: z.string() }),
  ])
  define({ pay: command({ input, http: 'POST /orders/{id}/pay' }) })
})

test('a policy that cannot be is found when the contract is defined', () => {
  const defining = (policy: unknown) => () =>
    contract('shop', { version: '1.0.0', owner: 'tests', operations: { buy: command({ policy: policy as never }) } })
  for (const [policy, where] of [
    ['high', 'shop.buy policy'],
    [{ priority: 'highest' }, 'shop.buy policy priority'],
    [{ hedge: { after: 1 } }, 'shop.buy policy hedge'],
    [{ rateLimit: {} }, 'shop.buy policy rateLimit.rate'],
    [{ rateLimit: { rate: 1, every: 5 } }, 'shop.buy policy rateLimit.every'],
    [{ breaker: { failureRate: 50 } }, 'shop.buy policy breaker.failureRate'],
    [{ bulkhead: { concurrency: NaN } }, 'shop.buy policy bulkhead.concurrency'],
  ] as const)
    assert.throws(defining(policy), (error: ContractError) => error.problems[0]?.where === where, where)
  defining({ priority: 'low', rateLimit: { rate: 5 }, bulkhead: { concurrency: 1, queue: 0 }, breaker: {} })()
})
