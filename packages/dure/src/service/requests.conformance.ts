import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { command, contract, query, request, type Message } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import type { Broker } from '../messaging/messaging.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { silentLogger, type Logger } from '../telemetry/telemetry.ts'
import { service, start, system, type Running, type System } from './service.ts'

/** Makes an adapter to the broker under test. */
export type MakeRequestBroker = (world: {
  readonly directory: string
  readonly runtime: Runtime
  readonly log: Logger
}) => Promise<Broker>

/**
 * Registers the cases of requests and their replies over a broker's queues, with `node:test`: for adapters that have queues.
 */
export function requestConformance(name: string, makeBroker: MakeRequestBroker): void {
  const requests = (title: string, work: (shop: Shop) => Promise<void>): void => {
    test(`${name}: ${title}`, { timeout: 60_000 }, () => withShop(makeBroker, work))
  }

  requests('a request is answered once, and nothing of it is left', async ({ place, outcomes, settled, idle }) => {
    const ids = await Promise.all(['a', 'b', 'c'].map((order) => place(order)))
    await settled(3)
    assert.deepEqual((await outcomes()).toSorted(), ids.map((id) => `${id} answered`).toSorted())
    await idle()
  })

  requests(
    'nobody answers in time: its sender hears that, and hears nothing more when the reply comes',
    async ({ place, outcomes, settled, idle, answer }) => {
      answer.hold()
      const id = await place('a', 200)
      await settled(1)
      assert.deepEqual(await outcomes(), [`${id} DEADLINE_EXCEEDED`])
      answer.release()
      await idle()
      assert.equal(answer.given(), 1)
      assert.deepEqual(await outcomes(), [`${id} DEADLINE_EXCEEDED`])
    },
  )

  requests('of two replies the first counts, and one to nobody is left alone', async (shop) => {
    const { place, outcomes, settled, idle, answer, broker } = shop
    answer.hold()
    const id = await place('a')
    const reply = (causationId: string): Message => ({
      ...{ id: crypto.randomUUID(), source: 'stranger', type: shop.replies, key: 'a', time: 0, schemaVersion: 1 },
      ...{ correlationId: 'c', causationId, traceparent: undefined, data: JSON.stringify({ output: 'of a stranger' }) },
    })
    await broker.send([reply('nobody asked'), reply(id), reply(id)])
    await settled(1)
    answer.release()
    await idle()
    assert.deepEqual(await outcomes(), [`${id} of a stranger`])
  })
}

type Shop = {
  readonly broker: Broker
  /** The queue of replies. */
  readonly replies: string
  /** Asks; resolves with the request's id. */
  readonly place: (order: string, timeout?: number) => Promise<string>
  readonly outcomes: () => Promise<readonly string[]>
  /** Waits until so many requests have come to their end. */
  readonly settled: (count: number) => Promise<void>
  /** Waits until no request is open, and no queue has anything to do. */
  readonly idle: () => Promise<void>
  readonly answer: { readonly hold: () => void; readonly release: () => void; readonly given: () => number }
}

async function withShop(makeBroker: MakeRequestBroker, work: (shop: Shop) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'dure-requests-'))
  // A server that all cases share keeps their queues apart.
  const name = `reserve.c${crypto.randomUUID().slice(0, 8)}`
  const gate: { held: Promise<void>; open: () => void } = { held: Promise.resolve(), open: () => {} }
  let given = 0
  let broker: Broker | undefined
  const { orders, Orders, stock } = shopOf(name, async () => {
    await gate.held
    given++
  })
  const of: System = system('shop', {
    services: [orders, stock],
    broker: Object.assign(async (world: Parameters<MakeRequestBroker>[0]) => (broker = await makeBroker(world)), {
      reach: 'process' as const,
    }),
  })
  let running: Running | undefined
  try {
    const here = (running = await start(of, { directory, log: silentLogger() }))
    const outcomes = () => here.client(Orders).outcomes()
    await work({
      broker: broker!,
      replies: `${name}.reply.orders`,
      place: (order, timeout) => here.client(Orders).place({ order, timeout }),
      outcomes,
      settled: (count) => until(async () => (await outcomes()).length >= count),
      idle: () =>
        until(async () => {
          const open = (await here.ask('orders', { kind: 'request', method: 'list', input: undefined })) as readonly unknown[]
          const unread = (await broker!.lag()).filter(({ topic, lag }) => topic.startsWith(name) && lag > 0)
          const { services } = await here.status()
          return open.length === 0 && unread.length === 0 && services.every(({ inHand }) => inHand === 0)
        }),
      answer: {
        hold: () => {
          const { promise, resolve } = Promise.withResolvers<void>()
          Object.assign(gate, { held: promise, open: resolve })
        },
        release: () => gate.open(),
        given: () => given,
      },
    })
  } finally {
    gate.open()
    await running?.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

/** Who asks, and who answers. */
function shopOf(name: string, answering: () => Promise<void>) {
  const Reserve = request(name, { key: ({ order }) => order, input: z.object({ order: z.string() }), output: z.string() })
  const Orders = contract('orders', {
    version: '1.0.0',
    owner: 'tests',
    operations: {
      place: command({ input: z.object({ order: z.string(), timeout: z.int().optional() }), output: z.string() }),
      outcomes: query({ output: z.array(z.string()) }),
    },
  })
  const Stock = contract('stock', { version: '1.0.0', owner: 'tests', operations: {}, requests: [Reserve] })
  const orders = service(Orders, {
    database: database<{ outcomes: { outcome: string } }>({
      migrations: { '001': 'CREATE TABLE outcomes (outcome TEXT NOT NULL)' },
    }),
    handlers: {
      place: ({ order, timeout }, { database: own }) =>
        own.transaction((tx) => tx.request(Reserve, { order }, timeout === undefined ? {} : { timeout })),
      outcomes: async (_input, { database: own }) =>
        (await own.read.selectFrom('outcomes').select('outcome').execute()).map(({ outcome }) => outcome),
    },
    subscriptions: ({ replies }) => [
      replies(Reserve, async (reply, { tx }) => {
        const outcome = `${reply.request} ${reply.ok ? reply.value : reply.error.code}`
        await tx.insertInto('outcomes').values({ outcome }).execute()
      }),
    ],
  })
  const stock = service(Stock, {
    database: database({ migrations: {} }),
    handlers: {},
    subscriptions: ({ work }) => [work(Reserve, { prepare: answering, handle: async () => 'answered' })],
  })
  return { Orders, orders, stock }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  // A timer that keeps the process alive: a case must not end for want of other work.
  while (!(await condition())) await new Promise((resolve) => void setTimeout(resolve, 5))
}
