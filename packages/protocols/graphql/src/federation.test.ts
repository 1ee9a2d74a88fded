import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { CallError, contract, query } from 'dure/contract'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import fc from 'fast-check'
import { z } from 'zod'
import { graphql, graphqlDocument, type Federation, type GraphqlOptions, type Links } from './graphql.ts'

const ProductKey = z.object({ sellerId: z.int(), day: z.date() })
const Customer = z.object({ id: z.string(), name: z.string() }).meta({ id: 'Customer' })
const Product = ProductKey.extend({ name: z.string() }).meta({ id: 'Product' })
const Order = z.object({ id: z.string(), customerId: z.string().nullable(), product: ProductKey }).meta({ id: 'Order' })

const tests = { version: '1.0.0', owner: 'tests' }
const keys = z.object({ keys: z.array(ProductKey) })
const Orders = contract('orders', { ...tests, operations: { all: query({ output: z.array(Order) }) } })
const Customers = contract('customers', {
  ...tests,
  operations: { byIds: query({ input: z.object({ ids: z.array(z.string()).max(100) }), output: z.array(Customer) }) },
})
const Products = contract('products', { ...tests, operations: { byKeys: query({ input: keys, output: z.array(Product) }) } })
const Stock = contract('stock', {
  ...tests,
  operations: { left: query({ input: keys, output: z.array(ProductKey.extend({ left: z.int32() })) }) },
})

type Key = z.infer<typeof ProductKey>
const byKeys = {
  input: (all: readonly Key[]) => ({ keys: all }),
  keyOf: ({ sellerId, day }: Key) => ({ day, sellerId }),
}
const federation: Federation = {
  Customer: {
    ...{ contract: Customers, operation: 'byIds', key: ['id'] },
    input: (all: readonly { id: string }[]) => ({ ids: all.map(({ id }) => id) }),
  },
  Product: { contract: Products, operation: 'byKeys', key: ['sellerId', 'day'], input: byKeys.input },
}
const links: Links = {
  Order: {
    customer: {
      ...{ contract: Customers, operation: 'byIds' },
      key: ({ customerId }: z.infer<typeof Order>) => customerId,
      input: (ids: readonly string[]) => ({ ids }),
      keyOf: ({ id }: { id: string }) => id,
    },
    offered: { contract: Products, operation: 'byKeys', ...byKeys, key: ({ product }: z.infer<typeof Order>) => product },
  },
}
const leftOf: Links = { Product: { stock: { contract: Stock, operation: 'left', ...byKeys, key: (product: Key) => product } } }

const DAY = new Date('2026-11-30T00:00:00.000Z')
const day = DAY.toISOString()

// oxlint-disable-next-line typescript/no-explicit-any
type Answer = { readonly data?: any; readonly errors?: readonly any[] }
const PARTS = ['orders', 'customers', 'products', 'stock'] as const
type Part = (typeof PARTS)[number]

/** A system with a door for each part of its graph. */
async function parts(t: TestContext, more: { readonly customers?: GraphqlOptions } = {}) {
  const asked: unknown[] = []
  const services = [
    service(Orders, {
      handlers: {
        all: () =>
          ['a', null, 'a'].map((customerId, at) => ({ id: String(at), customerId, product: { sellerId: at, day: DAY } })),
      },
    }),
    service(Customers, {
      handlers: {
        byIds: ({ ids }) => {
          asked.push(ids)
          if (ids.includes('broken')) throw new CallError('UNAVAILABLE', 'Nobody is there')
          // In another order than asked for, and not all of them.
          return ids.toReversed().flatMap((id) => (id.startsWith('no') ? [] : [{ id, name: `Sori ${id}` }]))
        },
      },
    }),
    service(Products, {
      handlers: {
        byKeys: (input) => {
          asked.push(input.keys)
          return input.keys.map((key) => ({ ...key, name: `Rice of ${key.sellerId}` }))
        },
      },
    }),
    service(Stock, { handlers: { left: (input) => input.keys.map((key) => ({ ...key, left: key.sellerId * 10 })) } }),
  ]
  const doors = [
    graphql({ name: 'orders', port: 0, contracts: [Orders], links, federation }),
    graphql({ name: 'customers', port: 0, contracts: [Customers], federation, ...more.customers }),
    graphql({ name: 'products', port: 0, contracts: [Products], federation }),
    graphql({ name: 'stock', port: 0, contracts: [Stock], links: leftOf, federation }),
  ]
  const directory = mkdtempSync(join(tmpdir(), 'dure-graphql-'))
  const running = await start(system('parts', { services, doors, security: 'off' }), { directory, log: silentLogger() })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const ask = async (part: Part, text: string, variables?: object): Promise<Answer> => {
    const { url } = running.doors[PARTS.indexOf(part)]!
    const headers = { 'content-type': 'application/json', accept: 'application/graphql-response+json' }
    const response = await fetch(url!, { method: 'POST', headers, body: JSON.stringify({ query: text, variables }) })
    return (await response.json()) as Answer
  }
  const find = (part: Part, fields: string, representations: readonly unknown[]): Promise<Answer> =>
    ask(part, `query ($all: [_Any!]!) { _entities(representations: $all) { __typename ${fields} } }`, { all: representations })
  return { ask, find, asked }
}

test('a part says of its types which have keys, which are values, and what it only refers to', async (t) => {
  const link = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.0", import: ["@key", "@shareable"])'
  const orders = graphqlDocument([Orders], { links, federation })
  assert.ok(orders.startsWith(`${link}\n\n`), orders)
  assert.match(orders, /^type Query \{\n {2}ordersAll: \[Order!\]!\n\}$/m)
  assert.match(orders, /^type Order @shareable \{$/m)
  assert.match(orders, /^ {2}customer: Customer\n {2}offered: Product$/m)
  assert.match(orders, /^type Customer @key\(fields: "id", resolvable: false\) \{\n {2}id: String!\n\}$/m)
  assert.match(
    orders,
    /^type Product @key\(fields: "sellerId day", resolvable: false\) \{\n {2}sellerId: Long!\n {2}day: DateTime!\n\}$/m,
  )
  const stock = graphqlDocument([Stock], { links: leftOf, federation })
  assert.match(stock, /^type Product @key\(fields: "sellerId day"\) \{\n[^}]+ {2}stock: StockLeftOutputItem\n\}$/m)
  assert.doesNotMatch(stock, /Customer|oneOf/)
  const input = z.object({ by: z.union([z.string(), z.int()]) })
  const either = contract('either', { ...tests, operations: { find: query({ input, output: z.string() }) } })
  assert.match(graphqlDocument([either], { federation: {} }), /^directive @oneOf on INPUT_OBJECT$[^]+ @oneOf \{$/m)

  const { ask } = await parts(t)
  const { data } = await ask('customers', '{ _service { sdl } }')
  // By a plan.
  assert.deepEqual((await ask('customers', '{ _service { sdl } }')).data, data)
  assert.equal(`${data._service.sdl}\n`, graphqlDocument([Customers], { federation }))
  assert.match(data._service.sdl, /^type Customer @key\(fields: "id"\) \{\n {2}id: String!\n {2}name: String!\n\}$/m)
  // Who has no entity has nothing to be asked for.
  const { errors } = await ask('orders', '{ _entities(representations: []) { __typename } }')
  assert.match(errors![0].message, /Cannot query field "_entities"/)
})

test('what leads to another part answers the key, and that part finds all keys with one call', async (t) => {
  const { ask, find, asked } = await parts(t)
  const { data } = await ask('orders', '{ ordersAll { customer { __typename id } offered { __typename sellerId day } } }')
  const [first, second, third] = data.ordersAll
  assert.deepEqual([first.customer, second.customer, third.customer], [{ __typename: 'Customer', id: 'a' }, null, first.customer])
  assert.deepEqual(third.offered, { __typename: 'Product', sellerId: 2, day })
  assert.deepEqual(asked, [])

  const found = await find('customers', '... on Customer { name }', [
    first.customer,
    { __typename: 'Customer', id: 'b' },
    third.customer,
  ])
  const [a, b] = ['a', 'b'].map((id) => ({ __typename: 'Customer', name: `Sori ${id}` }))
  assert.deepEqual(found, { data: { _entities: [a, b, a] } })
  const products = await find('products', '... on Product { name day }', [third.offered, first.offered, third.offered])
  assert.deepEqual(
    products.data._entities.map(({ name }: { name: string }) => name),
    ['Rice of 2', 'Rice of 0', 'Rice of 2'],
  )
  assert.equal(products.data._entities[0].day, day)
  assert.deepEqual(asked, [['a', 'b'], [2, 0].map((sellerId) => ({ sellerId, day: DAY }))])
  // Another part adds to the type of this one.
  const left = await find('stock', '... on Product { stock { left } }', [third.offered])
  assert.deepEqual(left.data._entities, [{ __typename: 'Product', stock: { left: 20 } }])
})

test('whatever is asked for is answered in its place: what there is, null, or why not', async (t) => {
  const { find, asked } = await parts(t)
  const known = fc.constantFrom('a', 'b', 'c').map((id) => [{ __typename: 'Customer', id }, `Sori ${id}`] as const)
  const gone = fc.constant([{ __typename: 'Customer', id: 'nobody' }, null] as const)
  const wrong = fc.constantFrom(
    [{ __typename: 'Customer' }, /the reference has no "id"/] as const,
    [{ __typename: 'Customer', id: null }, /the reference has no "id"/] as const,
    [{ __typename: 'Customer', id: 7 }, /String cannot represent/] as const,
    [{ __typename: 'Product', id: 'a' }, /Cannot find a "Product": the entities here are Customer/] as const,
    [{ __typename: 'toString' }, /Cannot find a "toString"/] as const,
  )
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(known, gone, wrong), { maxLength: 12 }), async (all) => {
      const calls = asked.length
      const { data, errors = [] } = await find(
        'customers',
        '... on Customer { name }',
        all.map(([reference]) => reference),
      )
      const names = data._entities.map((one: { name: string } | null) => one?.name ?? null)
      assert.deepEqual(
        names,
        all.map(([, name]) => (typeof name === 'string' ? name : null)),
      )
      for (const [at, [, why]] of all.entries()) {
        const failed = errors.find(({ path }) => path[1] === at)
        assert.equal(failed !== undefined, why instanceof RegExp)
        if (!(why instanceof RegExp)) continue
        assert.match(failed.message, why)
        assert.equal(failed.extensions.code, 'INVALID_ARGUMENT')
      }
      assert.ok(asked.length <= calls + 1)
    }),
    { numRuns: 40 },
  )
})

test('what is no reference is refused, and a call that fails fails for all that it was for', async (t) => {
  const { find, ask } = await parts(t)
  for (const odd of [7, 'Customer', null, [], { id: 'a' }, { __typename: 7, id: 'a' }]) {
    const { data, errors } = await find('customers', '', [odd])
    assert.deepEqual([data, errors![0].extensions.code], [undefined, 'INVALID_ARGUMENT'], JSON.stringify(odd))
  }
  const customer = (id: string) => ({ __typename: 'Customer', id })
  const down = await find('customers', '', [customer('a'), customer('broken')])
  assert.deepEqual(down.data._entities, [null, null])
  assert.deepEqual(
    down.errors!.map(({ extensions }) => extensions.code),
    ['UNAVAILABLE', 'UNAVAILABLE'],
  )
  const many = await find(
    'customers',
    '',
    Array.from({ length: 101 }, (_, n) => customer(String(n))),
  )
  assert.deepEqual([many.errors![0].extensions.code, many.errors![0].extensions.issues[0].path], ['INVALID_ARGUMENT', ['ids']])
  assert.equal((await ask('customers', '{ __typename }')).data.__typename, 'Query')
})

test('a part that tells nobody of its schema does not tell its text either', async (t) => {
  const { ask, find } = await parts(t, { customers: { introspection: false } })
  assert.match((await ask('customers', '{ _service { sdl } }')).errors![0].message, /tells nobody/)
  assert.equal((await find('customers', '', [{ __typename: 'Customer', id: 'a' }])).data._entities.length, 1)
})

test('entities that nobody could find, and links that another part has to make, are refused', () => {
  const draw = (given: Federation, more: Links = {}): string => graphqlDocument([Orders], { federation: given, links: more })
  const { Customer: one, Product: two } = federation as Required<typeof federation> & Record<string, Federation[string]>
  for (const [given, why] of [
    [
      { Customer: { ...one!, operation: 'all' } },
      /Cannot make "Customer" an entity: customers.all is no query that answers a list/,
    ],
    [{ Client: one! }, /Cannot make "Client" an entity: customers.byIds answers a list of "Customer"/],
    [{ Customer: { ...one!, key: [] } }, /its key has no field/],
    [{ Customer: { ...one!, key: ['ID'] } }, /it has no "ID" that is always one text/],
    [
      { Order: { ...one!, contract: Orders, operation: 'all', key: ['customerId'] } },
      /it has no "customerId" that is always one text/,
    ],
    [{ Order: { ...one!, contract: Orders, operation: 'all', key: ['product'] } }, /it has no "product" that is always one text/],
  ] as const)
    assert.throws(() => draw(given as Federation), why)
  const both = contract('both', { ...tests, operations: { all: query({ output: z.array(Customer) }) } })
  assert.throws(() => graphqlDocument([both], { federation }), /a contract that is served here has a type of that name/)
  const many = { Order: { customer: { ...links['Order']!['customer']!, many: true } } }
  assert.throws(() => draw(federation, many), /Cannot link "Order.customer" to many of "Customer": only customers knows them/)
  assert.throws(() => draw({ Product: two! }, links), /Cannot link "Order.customer" to customers.byIds: it is no query here/)
})
