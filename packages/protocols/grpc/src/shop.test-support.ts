/** A system that gRPC asks: values of every kind, errors, streams, a chat. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { channel, command, contract, error, query, stream } from 'dure/contract'
import { drawNumbers } from 'dure/contract/internal'
import { service, start, system, type Running, type SystemOptions } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { grpc, type GrpcOptions } from './grpc.ts'

const Money = z.object({ amount: z.bigint(), currency: z.enum(['KRW', 'USD']) }).meta({ id: 'Money' })
const Every = z.object({
  price: Money,
  payment: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('card'), number: z.string() }),
    z.object({ kind: z.literal('cash'), at: z.date().nullable() }),
  ]),
  whole: z.int(),
  ratio: z.number(),
  bytes: z.instanceof(Uint8Array),
  tags: z.set(z.string()),
  byName: z.map(z.string(), Money),
  counts: z.record(z.string(), z.array(z.int32())),
  place: z.tuple([z.number(), z.string()]),
  note: z.string().nullable().optional(),
  lines: z.array(z.string()).optional(),
  any: z.unknown(),
})
const SoldOut = error('SOLD_OUT', { data: z.object({ left: z.int32(), since: z.date() }) })

const options = {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    echo: query({ input: Every, output: Every }),
    fail: query({
      input: z.object({ how: z.enum(['sold out', 'broken', 'slow']) }),
      output: z.string(),
      errors: { SoldOut },
      http: 'POST /orders/fail',
    }),
    place: command({
      input: z.object({ id: z.string(), pieces: z.int().positive() }),
      output: z.string(),
      scope: 'orders.write',
      http: 'POST /orders/place',
    }),
    forget: command({ input: z.object({ id: z.string() }), idempotent: true }),
    blob: query({ input: z.object({ size: z.int32(), body: z.string().optional() }), output: z.object({ body: z.string() }) }),
    watch: stream({ input: z.object({ count: z.int32() }), output: z.object({ n: z.int32() }), deadline: 60_000 }),
    talk: channel({
      input: z.object({ room: z.string() }),
      incoming: z.string(),
      output: z.string(),
      errors: { SoldOut },
      deadline: 60_000,
    }),
    sum: channel({ incoming: z.object({ n: z.int32() }), output: z.object({ sum: z.int32() }), deadline: 60_000 }),
  },
} as const

export const Orders = contract('orders', { ...options, numbers: drawNumbers(contract('orders', options)) })

export const EVERYTHING = {
  price: { amount: 123456789012345678901n, currency: 'KRW' as const },
  payment: { kind: 'cash' as const, at: new Date('2026-11-30T08:15:00.123Z') },
  ...{ whole: -9007199254740991, ratio: -0.5, bytes: new Uint8Array([0, 255]), tags: new Set(['a', '', '한']) },
  byName: new Map([['k', { amount: 2n, currency: 'USD' as const }]]),
  counts: { 'a b': [1, -1], none: [] },
  place: [1.5, 'x'] as [number, string],
  ...{ note: null, lines: [], any: { deep: [1, null, 't'] } },
}

export type Shop = {
  readonly running: Running
  /** `127.0.0.1:4711` */
  readonly address: string
  /** Placed, in order. */
  readonly placed: string[]
  /** The first stream that was watched is over. */
  readonly ended: Promise<void>
}

export async function shop(
  t: TestContext | undefined,
  given: { door?: GrpcOptions; security?: SystemOptions['security']; port?: number } = {},
): Promise<Shop> {
  const placed: string[] = []
  const ended = Promise.withResolvers<void>()
  const orders = service(Orders, {
    handlers: {
      echo: (value) => value,
      fail: async ({ how }, { signal }) => {
        if (how === 'sold out') throw SoldOut({ left: 2, since: new Date(0) })
        if (how === 'slow') await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        throw new Error('the password is 1234')
      },
      place: ({ id, pieces }) => {
        placed.push(id)
        return `${id} × ${pieces}`
      },
      forget: () => undefined,
      blob: ({ size }) => ({ body: 'x'.repeat(size) }),
      watch: async function* ({ count }, { signal }) {
        try {
          for (let n = 0; n < count; n++) yield { n }
          if (count > 2 && count < 1000) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        } finally {
          ended.resolve()
        }
      },
      talk: async function* ({ room }, incoming) {
        for await (const said of incoming) {
          if (said === 'sold out') throw SoldOut({ left: 0, since: new Date(0) })
          yield `${room}: ${said}`
        }
      },
      sum: async function* (_, incoming) {
        let sum = 0
        for await (const { n } of incoming) sum += n
        yield { sum }
      },
    },
  })
  const { door, security = 'off', port = 0 } = given
  const directory = mkdtempSync(join(tmpdir(), 'dure-grpc-'))
  const running = await start(system('shop', { services: [orders], doors: [grpc({ port, ...door })], security }), {
    directory,
    log: silentLogger(),
  })
  t?.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return { running, address: running.doors[0]!.url!.replace(/^https?:\/\//, ''), placed, ended: ended.promise }
}
