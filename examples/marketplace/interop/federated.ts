/**
 * `npm run peers -- graphql`: the marketplace as subgraphs, one for each contract, which Apollo's composition makes a supergraph of, and
 * Apollo's gateway asks together. One line a check.
 * @param argv the folder with Apollo's packages
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check } from '@dure/testing/foreign'
import { graphqlDocument } from '@dure/graphql'
import { command, contract, query } from 'dure/contract'
import { start } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { Cart } from '../services/cart/contract.ts'
import { Customer } from '../services/customer/contract.ts'
import { Product } from '../services/product/contract.ts'
import { marketplace } from '../system.ts'
import { federation, links, subgraphs } from './graph.ts'

/** As far as they are used here. */
type Apollo = {
  readonly parse: (text: string) => unknown
  readonly composeServices: (services: readonly object[]) => {
    readonly errors?: readonly Error[]
    readonly hints?: readonly { readonly toString: () => string }[]
    readonly supergraphSdl?: string
  }
  readonly ApolloGateway: new (options: object) => object
  readonly IntrospectAndCompose: new (options: object) => object
  readonly ApolloServer: new (options: object) => {
    readonly start: () => Promise<void>
    readonly stop: () => Promise<void>
    readonly executeOperation: (asked: object) => Promise<{ readonly body: { readonly singleResult: unknown } }>
  }
}

// It tells its makers of each start otherwise.
process.env['APOLLO_TELEMETRY_DISABLED'] = 'true'
const from = createRequire(join(process.argv[2]!, 'package.json'))
const { parse, composeServices, ApolloGateway, IntrospectAndCompose, ApolloServer } = {
  ...(from('graphql') as object),
  ...(from('@apollo/composition') as object),
  ...(from('@apollo/gateway') as object),
  ...(from('@apollo/server') as object),
} as Apollo
const version = (name: string): string => (from(`${name}/package.json`) as { readonly version: string }).version

const Whatever = z.object({
  either: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('a'), a: z.int() }),
    z.object({ kind: z.literal('b'), b: z.date() }),
  ]),
  ...{ byName: z.map(z.string(), z.bigint()), counts: z.record(z.string(), z.int()), place: z.tuple([z.number(), z.string()]) },
  any: z.unknown(),
})
const Every = contract('every', {
  ...{ version: '1.0.0', owner: 'team-types' },
  operations: { echo: query({ input: Whatever, output: Whatever }), forget: command({ input: Whatever }) },
})

const provider = { charge: async () => ({ status: 'succeeded' as const }), forget: async () => undefined }
const contracts = marketplace({ provider }).services.map(({ contract }) => contract)
const directory = mkdtempSync(join(tmpdir(), 'dure-subgraphs-'))
const running = await start(marketplace({ provider, doors: subgraphs(contracts) }), { directory, log: silentLogger() })
try {
  await fill()
  await check(`@apollo/composition ${version('@apollo/composition')} makes a supergraph of ${contracts.length} subgraphs`, () => {
    const services = contracts.map((one) => ({
      ...{ name: one.name, url: urlOf(one.name) },
      typeDefs: parse(graphqlDocument([one], { links: links[one.name] ?? {}, federation })),
    }))
    const { errors = [], supergraphSdl = '' } = composeServices(services)
    assert.deepEqual(errors.map(String), [])
    assert.match(supergraphSdl, /^type Product\n(?: {2}@join__type\([^)]*\)\n)+\{/m)
  })
  await check('without the key of a type that others refer to, it refuses', () => {
    const typeDefs = (one: typeof Cart | typeof Product): unknown =>
      parse(
        graphqlDocument([one], { links: links[one.name] ?? {}, federation }).replaceAll('@key(fields: "sellerId productId")', ''),
      )
    const { errors = [] } = composeServices([Cart, Product].map((one) => ({ name: one.name, url: '', typeDefs: typeDefs(one) })))
    assert.match(errors.map(String).join('\n'), /Product/)
  })
  await check(
    'what GraphQL has no words of its own for is composed: unions as inputs, maps, tuples, dates, numbers of any size',
    () => {
      const { errors = [] } = composeServices([
        { name: 'every', url: '', typeDefs: parse(graphqlDocument([Every], { federation: {} })) },
      ])
      assert.deepEqual(errors.map(String), [])
    },
  )
  await throughGateway()
} finally {
  await running.stop()
  rmSync(directory, { recursive: true, force: true })
}

function urlOf(name: string): string {
  return running.doors[contracts.findIndex((one) => one.name === name)]!.url!
}

/** A customer, two products, and a cart with them. */
async function fill(): Promise<void> {
  await running.client(Customer).put({ customerId: 1, firstName: 'Sori', lastName: 'Kim' })
  for (const [productId, name] of [
    [1, 'Rice'],
    [2, 'Tea'],
  ] as const) {
    const line = { sellerId: 1, productId, version: '1' }
    await running.client(Product).add({ ...line, name, price: 12.5, category: 'food' })
    await running
      .client(Cart)
      .add({ ...line, customerId: 1, productName: name, unitPrice: 12.5, freightValue: 0, quantity: productId })
  }
}

async function throughGateway(): Promise<void> {
  const gateway = new ApolloGateway({
    supergraphSdl: new IntrospectAndCompose({ subgraphs: contracts.map(({ name }) => ({ name, url: urlOf(name) })) }),
    logger: { debug: () => {}, info: () => {}, warn: console.warn, error: console.error },
  })
  const server = new ApolloServer({ gateway, stopOnTerminationSignals: false })
  const ask = async (query: string): Promise<unknown> => {
    const { body } = await server.executeOperation({ query })
    return JSON.parse(JSON.stringify(body.singleResult))
  }
  await check(`@apollo/gateway ${version('@apollo/gateway')} composes what the doors say of themselves`, () => server.start())
  await check('a query over three subgraphs is answered: a cart, its customer, its products', async () => {
    const query = '{ cartGet(customerId: 1) { customer { firstName } items { quantity product { name category } } } }'
    const items = [
      { quantity: 1, product: { name: 'Rice', category: 'food' } },
      { quantity: 2, product: { name: 'Tea', category: 'food' } },
    ]
    assert.deepEqual(await ask(query), { data: { cartGet: { customer: { firstName: 'Sori' }, items } } })
  })
  await check('a command through the gateway, and what it refers to that is not there, is null', async () => {
    const line = 'sellerId: 9, productId: 9, productName: "None", unitPrice: 1, freightValue: 0, quantity: 1, version: "1"'
    assert.deepEqual(await ask(`mutation { cartAdd(customerId: 2, ${line}) }`), { data: { cartAdd: true } })
    const query = '{ cartGet(customerId: 2) { customer { firstName } items { productName product { name } } } }'
    const { data } = (await ask(query)) as { readonly data: unknown }
    assert.deepEqual(data, { cartGet: { customer: null, items: [{ productName: 'None', product: null }] } })
  })
  await check('a declared error comes through it with its code and its data', async () => {
    const { errors } = (await ask('{ cartGet(customerId: 7) { status } }')) as {
      errors: { extensions: Record<string, unknown> }[]
    }
    assert.deepEqual([errors[0]?.extensions['code'], errors[0]?.extensions['data']], ['CART_NOT_FOUND', { customerId: 7 }])
  })
  await server.stop()
}
