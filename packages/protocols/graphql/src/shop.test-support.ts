/** A system of two services that GraphQL asks: orders, with lines of every kind, and customers that they lead to. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { command, contract, error, query, stream } from 'dure/contract'
import { service, start, system, type Running, type SystemOptions } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { graphql, type GraphqlOptions } from './graphql.ts'

const Money = z.object({ amount: z.bigint(), currency: z.enum(['KRW', 'USD']) }).meta({ id: 'Money' })
const Payment = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('card'), number: z.string() }),
  z.object({ kind: z.literal('cash'), at: z.date().nullable() }),
])
/** What GraphQL has its own words for, and what it has none for. */
const Every = z.object({
  price: Money,
  payment: Payment,
  either: z.union([z.string(), z.number(), Money]),
  whole: z.int(),
  small: z.int32(),
  bytes: z.instanceof(Uint8Array).optional(),
  tags: z.set(z.string()),
  byName: z.map(z.string(), Money),
  counts: z.record(z.string(), z.array(z.record(z.string(), z.number()))),
  place: z.tuple([z.number(), z.string()]),
  note: z.string().nullable().optional(),
  any: z.unknown(),
})
const Order = z.object({ id: z.string(), customerId: z.string().nullable() }).meta({ id: 'Order' })
const Customer = z.object({ id: z.string(), name: z.string() }).meta({ id: 'Customer' })
const SoldOut = error('SOLD_OUT', { data: z.object({ left: z.int32() }) })

export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    echo: query({ input: Every.omit({ bytes: true }), output: Every.omit({ bytes: true }) }),
    all: query({ output: z.array(Order) }),
    fail: query({ input: z.object({ how: z.enum(['sold out', 'broken', 'slow']) }), output: z.string(), errors: { SoldOut } }),
    place: command({
      input: z.object({ id: z.string(), pieces: z.int().positive() }),
      output: z.string(),
      scope: 'orders.write',
    }),
    forget: command({ input: z.object({ id: z.string() }), idempotent: true }),
    watch: stream({ input: z.object({ count: z.int32() }), output: z.object({ n: z.int32() }), deadline: 60_000 }),
  },
})
export const Customers = contract('customers', {
  version: '1.0.0',
  owner: 'tests',
  operations: { byIds: query({ input: z.object({ ids: z.array(z.string()) }), output: z.array(Customer) }) },
})

/** What a test looks into, without saying more of its shape than it looks at. */
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any
type Answer = { readonly status: number; readonly data?: Json; readonly errors?: readonly Json[] }

export type Shop = {
  readonly running: Running
  readonly url: string
  readonly ask: (query: string, more?: { variables?: object; headers?: Readonly<Record<string, string>> }) => Promise<Answer>
  /** Inputs of `customers.byIds`, call by call. */
  readonly asked: (readonly string[])[]
  /** Placed, in order. */
  readonly placed: string[]
  readonly ended: Promise<void>
}

export async function shop(
  t: TestContext,
  options: { door?: GraphqlOptions; security?: SystemOptions['security'] } = {},
): Promise<Shop> {
  const asked: (readonly string[])[] = []
  const placed: string[] = []
  const ended = Promise.withResolvers<void>()
  const orders = service(Orders, {
    handlers: {
      echo: (given) => given,
      all: () => ['a', 'b', 'a', null].map((customerId, at) => ({ id: String(at), customerId })),
      fail: async ({ how }, { signal }) => {
        if (how === 'sold out') throw SoldOut({ left: 2 })
        if (how === 'slow') await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        throw new Error('the password is 1234')
      },
      place: ({ id, pieces }) => {
        placed.push(id)
        return `${id} × ${pieces}`
      },
      forget: () => undefined,
      watch: async function* ({ count }, { signal }) {
        try {
          for (let n = 0; n < count; n++) yield { n }
          if (count > 2) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        } finally {
          ended.resolve()
        }
      },
    },
  })
  const customers = service(Customers, {
    handlers: {
      byIds: ({ ids }) => {
        asked.push(ids)
        return ids.map((id) => ({ id, name: `Sori ${id}` }))
      },
    },
  })
  const links: GraphqlOptions['links'] = {
    Order: {
      customer: {
        ...{ contract: Customers, operation: 'byIds' },
        key: ({ customerId }: { customerId: string | null }) => customerId,
        input: (ids: readonly string[]) => ({ ids }),
        keyOf: ({ id }: { id: string }) => id,
      },
    },
  }
  const { door, security = 'off' } = options
  const doors = [graphql({ port: 0, links, ...door })]
  const directory = mkdtempSync(join(tmpdir(), 'dure-graphql-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const running = await start(system('shop', { services: [orders, customers], doors, security }), {
    directory,
    log: silentLogger(),
  })
  t.after(() => running.stop())
  const url = running.doors[0]!.url!
  const ask: Shop['ask'] = async (query, { variables, headers } = {}) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...headers },
      body: JSON.stringify({ query, variables }),
    })
    return { status: response.status, ...((await response.json()) as object) }
  }
  return { running, url, ask, asked, placed, ended: ended.promise }
}

/** All values of a stream. */
export async function all<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = []
  for await (const value of values) found.push(value)
  return found
}
