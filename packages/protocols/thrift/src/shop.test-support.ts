/** A system of two services that is asked over Thrift. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { command, contract, error, query, stream, type AnyContract } from 'dure/contract'
import { drawNumbers } from 'dure/contract/internal'
import type { Address } from 'dure/discovery'
import { service, start, system, type Running, type SystemOptions } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { thrift, type ThriftOptions } from './thrift.ts'

/** With numbers of its fields, as `dure docs --format numbers` writes them. */
export const numbered = <C extends AnyContract>(of: C): C => ({ ...of, numbers: drawNumbers(of) })

/** Long enough for a machine that is busy with other things. */
const PATIENT = { deadline: 120_000 }

const Money = z.object({ amount: z.bigint(), currency: z.enum(['KRW', 'USD']) }).meta({ id: 'Money' })
const Payment = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('card'), number: z.string() }),
  z.object({ kind: z.literal('cash'), at: z.date().nullable() }),
])
export const Every = z.object({
  price: Money,
  payment: Payment,
  either: z.union([z.string(), z.number(), Money]),
  whole: z.int(),
  small: z.int32(),
  share: z.number(),
  yes: z.boolean(),
  at: z.date(),
  bytes: z.instanceof(Uint8Array).optional(),
  tags: z.set(z.string()),
  sizes: z.set(z.object({ size: z.int() })),
  byName: z.map(z.string(), Money),
  byMoney: z.map(Money, z.boolean()),
  counts: z.record(z.string(), z.array(z.record(z.string(), z.number()))),
  place: z.tuple([z.number(), z.string()]),
  note: z.string().nullable().optional(),
  nothing: z.string().nullable(),
  holes: z.array(z.string().nullable()),
  any: z.unknown(),
})
export type Every = z.infer<typeof Every>
const SoldOut = error('SOLD_OUT', { data: z.object({ left: z.int32(), since: z.date() }) })

export const Orders = numbered(
  contract('orders', {
    version: '1.0.0',
    owner: 'tests',
    operations: {
      echo: query({ input: Every, output: Every, http: 'POST /echo', ...PATIENT }),
      find: query({ input: z.object({ id: z.string() }), output: z.string().nullable(), http: 'GET /orders/{id}', ...PATIENT }),
      fail: query({
        input: z.object({ how: z.enum(['sold out', 'broken', 'slow']) }),
        output: z.string(),
        errors: { SoldOut },
        http: 'GET /fail/{how}',
        ...PATIENT,
      }),
      place: command({
        input: z.object({ id: z.string(), pieces: z.int().positive() }),
        output: z.string(),
        scope: 'orders.write',
        ...PATIENT,
      }),
      delete: command({ input: z.object({ id: z.string() }), idempotent: true, ...PATIENT }),
      ping: query({ output: z.boolean(), ...PATIENT }),
      watch: stream({ input: z.object({ count: z.int32() }), output: z.object({ n: z.int32() }) }),
    },
  }),
)
export const Customers = numbered(
  contract('customers', {
    version: '1.0.0',
    owner: 'tests',
    operations: {
      ping: query({ output: z.boolean(), ...PATIENT }),
      budget: query({ input: z.object({ id: z.string() }), output: Money, ...PATIENT }),
    },
  }),
)

export const sample = (): Every => ({
  price: { amount: 123_456_789_012_345_678_901n, currency: 'KRW' },
  payment: { kind: 'cash', at: null },
  either: 1.5,
  whole: Number.MAX_SAFE_INTEGER,
  small: -7,
  share: 0.1,
  yes: true,
  at: new Date('2026-11-30T08:15:00.123Z'),
  bytes: new Uint8Array([0, 255]),
  tags: new Set(['a', '두레']),
  sizes: new Set([{ size: 1 }, { size: -2 }]),
  byName: new Map([['k', { amount: -2n, currency: 'USD' as const }]]),
  byMoney: new Map([[{ amount: 1n, currency: 'USD' as const }, false]]),
  counts: { 'a b': [{ n: 1 }], __proto__x: [] },
  place: [1.5, 'x'],
  note: null,
  nothing: null,
  holes: ['a', null, ''],
  any: { deep: [1, null, 't', new Date(0)] },
})

export type Shop = {
  readonly running: Running
  readonly address: Extract<Address, { kind: 'tcp' }>
  readonly deleted: string[]
  /** What was placed, and for whom. */
  readonly placed: (readonly [id: string, subject: string | undefined])[]
}

export async function shop(
  t: Pick<TestContext, 'after'>,
  options: { door?: ThriftOptions; security?: SystemOptions['security'] } = {},
): Promise<Shop> {
  const deleted: string[] = []
  const placed: Shop['placed'] = []
  const orders = service(Orders, {
    handlers: {
      echo: (given) => given,
      find: ({ id }) => (id === 'none' ? null : id),
      fail: async ({ how }, { signal }) => {
        if (how === 'sold out') throw SoldOut({ left: 2, since: new Date(0) })
        if (how === 'slow') await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        throw new Error('the password is 1234')
      },
      place: ({ id, pieces }, { principal }) => {
        placed.push([id, principal?.subject])
        return `${id} × ${pieces}`
      },
      delete: ({ id }) => void deleted.push(id),
      ping: () => true,
      watch: async function* ({ count }) {
        for (let n = 0; n < count; n++) yield { n }
      },
    },
  })
  const customers = service(Customers, {
    handlers: { ping: () => false, budget: () => ({ amount: 5n, currency: 'USD' as const }) },
  })
  const { door, security = 'off' } = options
  const running = await run(t, system('shop', { services: [orders, customers], doors: [thrift({ port: 0, ...door })], security }))
  return { running, address: addressOf(running), deleted, placed }
}

export async function run(t: Pick<TestContext, 'after'>, of: Parameters<typeof start>[0]): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-thrift-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const running = await start(of, { directory, log: silentLogger() })
  t.after(() => running.stop())
  return running
}

export function addressOf(running: Running): Shop['address'] {
  const { hostname, port } = new URL(running.doors[0]!.url!.replace(/^thrifts?/, 'http'))
  return { kind: 'tcp', host: hostname, port: Number(port) }
}
