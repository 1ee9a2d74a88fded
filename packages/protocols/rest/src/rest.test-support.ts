import { mkdtempSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clientFactory, createEndpoint, createAdmission, createLocalTransport, createOperationMetrics } from 'dure/call/internal'
import type { CallOptions, Client } from 'dure/call'
import { contract, command, error, query, stream, type AnyContract, type AnyOperation } from 'dure/contract'
import { createDeadlines, realRuntime } from 'dure/runtime'
import type { DoorCallOptions, DoorHost, Health, OpenDoor, World } from 'dure/service'
import { z } from 'zod'
import { rest, type RestOptions } from './rest.ts'

type Handlers = Readonly<Record<string, (input: never, context: { signal: AbortSignal }) => unknown>>

/** The whole call path without the chassis: contracts, handlers, the local transport, the real clock. */
export function testHost(parts: readonly { contract: AnyContract; handlers: Handlers }[]): {
  host: DoorHost
  world: World
  logged: { message: string; fields: unknown }[]
  health: { ready: boolean }
} {
  const runtime = realRuntime()
  const deadlines = createDeadlines({ clock: runtime.clock, timers: runtime.timers })
  const transport = createLocalTransport()
  const logged: { message: string; fields: unknown }[] = []
  const write = (message: string, fields?: unknown): void => void logged.push({ message, fields })
  const log: World['log'] = { debug: write, info: write, warn: write, error: write, with: () => log }
  for (const part of parts) {
    const admission = createAdmission({ service: part.contract.name, capacity: 10_000 })
    for (const [name, operation] of Object.entries(part.contract.operations as Record<string, AnyOperation>)) {
      const endpoint = createEndpoint({
        place: `${part.contract.name}.${name}`,
        operation,
        handler: part.handlers[name] as (input: unknown, context: unknown) => unknown,
        context: (call, cancellation) => ({
          signal: cancellation.signal,
          correlationId: call.correlationId,
          traceparent: call.traceparent,
          idempotencyKey: call.idempotencyKey,
        }),
        admission,
        clock: runtime.clock,
        deadlines,
        metrics: createOperationMetrics(),
        onFault: (place, thrown, call) => write(`${place} failed`, { correlationId: call.correlationId, error: thrown }),
      })
      transport.add({ service: part.contract.name, operation: name }, endpoint)
    }
    admission.open()
  }
  const health = { ready: true }
  const healthNow = (): Health => ({
    live: true,
    ready: health.ready,
    services: parts.map(({ contract }) => ({
      ...{ service: contract.name, copy: contract.name },
      state: 'running',
      live: true,
      started: true,
      dependencies: [],
      ready: health.ready,
      reasons: health.ready ? [] : ['its database does not answer'],
    })),
  })
  const ask = (service: string, operation: string, input: unknown, { principal, metadata, ...options }: DoorCallOptions) => {
    const contract = parts.map((part) => part.contract).find(({ name }) => name === service)!
    const client = clientFactory({ contract, transport, runtime })({ service: undefined, principal, metadata })
    return (client as Record<string, (input: unknown, options: CallOptions) => unknown>)[operation]!(input, options)
  }
  const host = hostOf({
    contracts: parts.map(({ contract }) => contract),
    client: <C extends AnyContract>(one: C): Client<C> =>
      clientFactory({ contract: one, transport, runtime })({ service: undefined }),
    call: async (...asked) => ask(...asked),
    stream: (...asked) => ask(...asked) as AsyncIterable<unknown>,
    readiness: () => Promise.resolve(healthNow()),
  })
  return { host, world: { directory: mkdtempSync(join(tmpdir(), 'dure-rest-')), runtime, log }, logged, health }
}

const unasked = (): Promise<never> => Promise.reject(new Error('Nobody asks for it'))

/** What a door has of a system of which a test needs only this. */
export function hostOf(own: Pick<DoorHost, 'contracts' | 'call' | 'stream'> & Partial<DoorHost>): DoorHost {
  return {
    lag: async () => ({ consumers: [], outboxes: [], retained: [], silent: [] }),
    deadLetters: () => undefined,
    calls: () => [],
    callsEverywhere: async () => [],
    peers: async () => [],
    config: () => ({ version: 1, since: 0, sources: [], refused: undefined, entries: [], unknown: [] }),
    settings: { status: unasked, history: unasked, rollback: unasked, release: unasked },
    extensions: [],
    external: [],
    ask: async () => undefined,
    story: () => Promise.reject(new Error('There is none here')),
    reactions: [],
    record: undefined,
    remembers: () => true,
    system: 'shop <test>',
    client: () => {
      throw new Error('Nobody asks for one')
    },
    authenticate: undefined,
    registry: () => Promise.reject(new Error('There is none here')),
    prepare: (service, operation) => (input, options, to) =>
      void own.call(service, operation, input, { ...options, signal: options.cancellation?.signal }).then(
        (value) => to.resolve(value),
        (error) => to.reject(error),
      ),
    channel: () => {
      throw new Error('HTTP opens none')
    },
    health: async () => ({ live: true, ready: true, services: [] }),
    readiness: async () => ({ live: true, ready: true, services: [] }),
    diagnostics: {
      levels: async () => [],
      setLevel: async () => [],
      profile: async ({ of }) => ({ copy: of, profile: '{}' }),
      stalls: async ({ of }) => ({ copy: of, stalls: [] }),
    },
    pulse: () => ({ live: true, started: true, services: [] }),
    status: () => Promise.resolve({ quiet: true, services: [], lag: [], abandoned: [] }),
    forget: async () => [],
    topics: {
      ...{ partitions: async () => 0, browse: async () => [], publish: async () => {}, lag: async () => [] },
      find: async () => ({ messages: [], cutOff: undefined, unseen: [] }),
    },
    ...own,
  }
}

const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ productId: z.int(), since: z.date() }), http: 422 })
const Money = z.object({ amount: z.number(), currency: z.string().default('KRW') })
const Payment = z.discriminatedUnion('type', [
  z.object({ type: z.literal('card'), number: z.string() }),
  z.object({ type: z.literal('voucher'), code: z.string() }),
])

export const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  description: 'Sells <things>',
  operations: {
    find: query({
      input: z.object({
        id: z.int(),
        verbose: z.boolean().default(false),
        tags: z.array(z.string()).default([]),
        since: z.date().optional(),
        big: z.bigint().optional(),
      }),
      output: z.object({
        id: z.int(),
        verbose: z.boolean(),
        tags: z.array(z.string()),
        since: z.date().optional(),
        big: z.bigint().optional(),
      }),
      http: ['GET /items/{id}', 'GET /v1/items/{id}'],
    }),
    place: command({
      input: z.object({
        customerId: z.int(),
        lines: z.array(z.object({ sku: z.string().min(1), quantity: z.int().positive() })).min(1),
        price: Money,
        payment: Payment.optional(),
        note: z.string().nullable().optional(),
        labels: z.record(z.string(), z.string()).optional(),
      }),
      output: z.object({ orderId: z.string(), total: Money, at: z.date(), count: z.bigint() }),
      errors: { OutOfStock },
      http: { routes: 'POST /customers/{customerId}/orders', status: 201 },
    }),
    reset: command({ http: 'PATCH /reset' }),
    remove: command({ input: z.object({ id: z.int(), force: z.boolean().optional() }), http: 'DELETE /items/{id}' }),
    bulk: command({ input: z.array(z.object({ n: z.int() })), output: z.object({ sum: z.int() }), http: 'POST /bulk' }),
    fail: command({ input: z.object({ how: z.string() }), http: 'POST /fail' }),
    slow: command({
      input: z.object({ ms: z.int().optional() }),
      output: z.object({ ended: z.string() }),
      deadline: 20_000,
      http: 'POST /slow',
    }),
    echo: command({
      input: z.object({ text: z.string(), key: z.string().optional() }),
      output: z.object({
        text: z.string(),
        key: z.string().optional(),
        correlationId: z.string(),
        traceparent: z.string().optional(),
      }),
      http: 'POST /echo',
    }),
    watch: stream({
      input: z.object({ n: z.int(), mode: z.string().optional() }),
      output: z.object({ n: z.int(), at: z.date(), pad: z.string().optional() }),
      http: 'GET /watch',
    }),
    hidden: query({ output: z.object({}) }),
  },
})

export const calls = { started: 0, aborted: 0, produced: 0, finished: 0 }

const PAD = 'x'.repeat(64 * 1024)

export const shopHandlers: Handlers = {
  find: (input: unknown) => input,
  place: (input: { lines: { sku: string; quantity: number }[]; price: unknown }) => {
    if (input.lines.some(({ sku }) => sku === 'gone')) throw OutOfStock({ productId: 7, since: new Date(0) })
    return { orderId: 'o1', total: input.price, at: new Date(0), count: 2n ** 60n }
  },
  reset: () => undefined,
  remove: () => undefined,
  bulk: (input: { n: number }[]) => ({ sum: input.reduce((sum, { n }) => sum + n, 0) }),
  fail: ({ how }: { how: string }) => {
    throw how === 'string' ? 'secret' : new Error('secret: the password is 123')
  },
  slow: ({ ms }: { ms?: number }, { signal }: { signal: AbortSignal }) =>
    new Promise((resolve) => {
      calls.started++
      const timer = setTimeout(() => resolve({ ended: 'late' }), ms ?? 15_000)
      signal.addEventListener('abort', () => {
        clearTimeout(timer)
        calls.aborted++
        resolve({ ended: 'aborted' })
      })
    }),
  echo: (input: object, context: object) => {
    const { correlationId, traceparent, idempotencyKey } = context as Record<string, string | undefined>
    return { ...input, key: idempotencyKey, correlationId, traceparent }
  },
  watch: async function* ({ n, mode }: { n: number; mode?: string }, { signal }: { signal: AbortSignal }) {
    try {
      if (mode === 'early') throw new Error('secret')
      for (let i = 0; i < n; i++) {
        if (mode === 'late' && i === 2) throw new Error('secret')
        if (mode === 'hang' && i === 2) await new Promise((resolve) => signal.addEventListener('abort', resolve))
        calls.produced++
        yield { n: i, at: new Date(i), ...(mode === 'big' ? { pad: PAD } : {}) }
      }
    } finally {
      calls.finished++
    }
  },
  hidden: () => ({}),
}

/** A door over the shop, on a port of its own. */
export async function openShop(options: RestOptions = {}): Promise<
  ReturnType<typeof testHost> & {
    url: string
    port: number
    close: OpenDoor['close']
    [Symbol.asyncDispose]: () => Promise<void>
  }
> {
  const parts = testHost([{ contract: Shop, handlers: shopHandlers }])
  const door = await rest({ port: 0, ...options }).open(parts.host, parts.world)
  const url = door.url!
  return { ...parts, url, port: Number(new URL(url).port), close: door.close, [Symbol.asyncDispose]: door.close }
}

export type Answer = {
  status: number
  headers: Headers
  body: Record<string, unknown> & { errors?: { path: string; message: string }[] }
}

export async function ask(url: string, init: RequestInit & { json?: unknown } = {}): Promise<Answer> {
  const { json, ...rest } = init
  const body = json === undefined ? init.body : JSON.stringify(json)
  const headers = new Headers(init.headers)
  if (json !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json')
  const response = await fetch(url, { ...rest, headers, ...(body === undefined ? {} : { body, method: init.method ?? 'POST' }) })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as Answer['body'] }
}

/** Sends raw bytes and gives what came back until the server closed. */
export function raw(port: number, ...writes: (string | Buffer)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => writes.forEach((bytes) => socket.write(bytes)))
    let text = ''
    socket.on('data', (chunk: Buffer) => void (text += chunk.toString('latin1')))
    socket.on('close', () => resolve(text))
    socket.on('error', (cause: NodeJS.ErrnoException) => (cause.code === 'ECONNRESET' ? resolve(text) : reject(cause)))
  })
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}
