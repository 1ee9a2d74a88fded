/** A system that SOAP asks: orders, with values of every kind. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { command, contract, error, query, stream } from 'dure/contract'
import { service, start, system, type Running, type SystemOptions } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { SOAP11, SOAP12 } from './names.ts'
import { soap, type SoapOptions } from './soap.ts'
import { readXml } from './xml-reader.ts'
import type { XmlElement } from './xml.ts'

export const Money = z.object({ amount: z.bigint(), currency: z.enum(['KRW', 'USD']) }).meta({ id: 'Money' })
const Payment = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('card'), number: z.string() }),
  z.object({ kind: z.literal('cash'), at: z.date().nullable() }),
])
/** What XML has its own words for, and what it has none for. */
export const Every = z
  .object({
    price: Money,
    payment: Payment,
    either: z.union([z.string(), z.number(), Money]),
    whole: z.int(),
    small: z.int32(),
    ratio: z.number(),
    is: z.boolean(),
    at: z.date(),
    bytes: z.instanceof(Uint8Array),
    tags: z.set(z.string()),
    list: z.array(z.string().nullable()).nullable().optional(),
    byName: z.map(z.string(), Money),
    counts: z.record(z.string(), z.array(z.record(z.string(), z.number()))),
    place: z.tuple([z.number(), z.string()]),
    note: z.string().nullable().optional(),
    any: z.unknown(),
  })
  .meta({ id: 'Every' })
const SoldOut = error('SOLD_OUT', {
  data: z.object({ left: z.int32(), until: z.date() }),
  message: ({ left }) => `${left} are left`,
})
const Closed = error('CLOSED', {})

export const Orders = contract('orders', {
  version: '1.2.0',
  owner: 'tests',
  operations: {
    echo: query({ input: Every, output: Every, http: 'POST /echo', description: 'Answers with what it was given' }),
    all: query({ output: z.array(z.object({ id: z.string() }).meta({ id: 'Order' })), http: 'GET /orders' }),
    fail: query({
      input: z.object({ how: z.enum(['sold out', 'closed', 'broken', 'slow']) }),
      output: z.string(),
      errors: { SoldOut, Closed },
      http: 'GET /fail/{how}',
    }),
    place: command({
      input: z.object({ id: z.string(), pieces: z.int().positive() }),
      output: z.string(),
      scope: 'orders.write',
      http: 'POST /orders',
    }),
    forget: command({ input: z.string(), idempotent: true, http: 'POST /forget' }),
    metadata: query({ output: z.record(z.string(), z.string()), http: 'GET /metadata' }),
  },
})
export const Watched = contract('watched', {
  version: '0.1.0',
  owner: 'tests',
  operations: { watch: stream({ output: z.int() }), now: query({ output: z.date() }) },
})

export const EVERYTHING: z.infer<typeof Every> = {
  price: { amount: 123456789012345678901n, currency: 'KRW' },
  payment: { kind: 'cash', at: new Date('2026-11-30T08:15:00.000Z') },
  either: { amount: 1n, currency: 'USD' },
  ...{ whole: 9007199254740991, small: -7, ratio: -0, is: true },
  at: new Date('+012345-01-02T03:04:05.678Z'),
  bytes: new Uint8Array([0, 1, 255]),
  tags: new Set(['a', ' b ', '']),
  list: ['x', null, ''],
  byName: new Map([['k & <k>', { amount: -2n, currency: 'USD' as const }]]),
  counts: { 'a b': [{ n: 1 }, {}], '': [] },
  place: [1.5, 'two\r\nlines'],
  note: null,
  any: { deep: [1, null, 't', new Date(0)] },
}

const handlersOf = (placed: string[]) => ({
  echo: (given: z.infer<typeof Every>) => given,
  all: () => ['a', 'b'].map((id) => ({ id })),
  fail: async ({ how }: { how: string }, { signal }: { signal: AbortSignal }) => {
    if (how === 'sold out') throw SoldOut({ left: 2, until: new Date('2026-12-01T00:00:00Z') })
    if (how === 'closed') throw Closed()
    if (how === 'slow') await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    throw new Error('the password is 1234')
  },
  place: ({ id, pieces }: { id: string; pieces: number }) => {
    placed.push(id)
    return `${id} × ${pieces}`
  },
  forget: () => undefined,
  metadata: (_: unknown, { metadata }: { metadata: Readonly<Record<string, string>> }) => ({ ...metadata }),
})

export type Answer = {
  readonly status: number
  readonly type: string | null
  readonly text: string
  /** What is in the body. */
  readonly content: XmlElement
}

export type Shop = {
  readonly running: Running
  /** Of the door: the contract is at `/orders` below it. */
  readonly url: string
  readonly ask: (
    content: string,
    more?: { version?: '1.1' | '1.2'; headers?: Readonly<Record<string, string>>; soapHeaders?: string },
  ) => Promise<Answer>
  readonly placed: string[]
}

export const orders = (placed: string[] = []) => service(Orders, { handlers: handlersOf(placed) })

export async function shop(
  t: Pick<TestContext, 'after'>,
  options: { door?: SoapOptions; security?: SystemOptions['security']; more?: Partial<SystemOptions> } = {},
): Promise<Shop> {
  const placed: string[] = []
  const watched = service(Watched, {
    handlers: {
      watch: async function* () {
        yield 1
      },
      now: () => new Date(0),
    },
  })
  const { door, security = 'off', more } = options
  const running = await started(t, 'shop', {
    ...{ services: [orders(placed), watched], doors: [soap({ port: 0, ...door })], security },
    ...more,
  })
  const url = running.doors[0]!.url!
  return { running, url, ask: asker(`${url}/orders`), placed }
}

export async function started(t: Pick<TestContext, 'after'>, name: string, options: SystemOptions): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-soap-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const running = await start(system(name, options), { directory, log: silentLogger() })
  t.after(() => running.stop())
  return running
}

export function asker(address: string): Shop['ask'] {
  return async (content, { version = '1.1', headers, soapHeaders = '' } = {}) => {
    const uri = version === '1.1' ? SOAP11 : SOAP12
    const head = soapHeaders === '' ? '' : `<e:Header>${soapHeaders}</e:Header>`
    return post(address, `<e:Envelope xmlns:e="${uri}">${head}<e:Body>${content}</e:Body></e:Envelope>`, {
      'content-type': version === '1.1' ? 'text/xml' : 'application/soap+xml',
      ...headers,
    })
  }
}

export async function post(
  address: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = { 'content-type': 'text/xml' },
): Promise<Answer> {
  const response = await fetch(address, { method: 'POST', body, headers })
  const text = await response.text()
  const root = readXml(Buffer.from(text), { depth: 1_000, attributes: 100, elements: 100_000 })
  const content = root.children.find(({ local }) => local === 'Body')!.children[0]!
  return { status: response.status, type: response.headers.get('content-type'), text, content }
}

/** The text of an element, found by the names on the way to it. */
export function at(element: XmlElement | undefined, ...names: readonly string[]): string | undefined {
  let found = element
  for (const name of names) found = found?.children.find(({ local }) => local === name)
  return found?.text
}
