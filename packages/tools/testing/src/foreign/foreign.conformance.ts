import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { command, contract, event, request, type Message } from 'dure/contract'
import { database } from 'dure/data'
import { queue, type Broker } from 'dure/messaging'
import type { NetworkBroker } from 'dure/messaging/adapter'
import { realRuntime } from 'dure/runtime'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'

/** A shop on a broker, with a part that is played by a program of others, and what is asked of both. */
export type ForeignShop = {
  /** Asks for so many orders: `ö-0`, `ö-1`, …; each is an event `order.placed` and work of `print`. */
  readonly place: (count: number) => Promise<void>
  /** What came of others, in words: `settled ORDER KEY`, `refund ORDER`, `reserved KEY LEFT`. */
  readonly heard: readonly string[]
  /** The same broker for a look beside the shop. */
  readonly own: Broker
}

const runtime = realRuntime()
const order = z.object({ order: z.string() })
const Placed = event('order.placed', { schema: order, key: (one) => one.order, partitions: 4 })
const Settled = event('payment.settled', { schema: order, key: (one) => one.order, partitions: 2 })
const Refund = queue('refund', { schema: order })
const Print = queue('print', { schema: order })
const Reserve = request('reserve-stock', {
  ...{ key: ({ order: key }) => key, input: order.extend({ quantity: z.int() }), output: z.object({ left: z.int() }) },
})
const operations = { place: command({ input: order }) }
const Orders = contract('orders', { version: '1.0.0', owner: 'tests', events: [Placed], operations })
const Foreign = contract('foreign', { version: '1.0.0', owner: 'tests', events: [Settled], requests: [Reserve], operations: {} })

/** Prints a line for each check: what held, or why it did not; the process ends with 1 when one did not. */
export async function check(what: string, work: () => unknown): Promise<void> {
  const wrong = await (async () => work())().then(
    () => undefined,
    (error: unknown) => String(error),
  )
  if (wrong !== undefined) process.exitCode = 1
  console.log(`${wrong === undefined ? '✔' : '✖'} ${what}${wrong === undefined ? '' : `: ${wrong}`}`)
}

/** Runs the shop on a broker while a program of others plays its part. */
export async function withShop(broker: NetworkBroker, play: (shop: ForeignShop) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-foreign-'))
  const heard: string[] = []
  const orders = service(Orders, {
    database: database({ migrations: {} }),
    handlers: {
      place: async (one, { database: store }) => {
        await store.transaction(async (tx) => {
          await tx.publish(Placed, one)
          await tx.send(Print, one)
          if (one.order === 'ö-1') await tx.request(Reserve, { ...one, quantity: 3 }, { timeout: 60_000 })
        })
      },
    },
    subscriptions: ({ on, work, replies }) => [
      on(Settled, async ({ data, key }) => void heard.push(`settled ${data.order} ${key}`)),
      work(Refund, async ({ data }) => void heard.push(`refund ${data.order}`)),
      replies(Reserve, async (reply) => void heard.push(`reserved ${reply.key} ${reply.ok ? reply.value.left : 'not'}`)),
    ],
  })
  const shop = system('shop', { services: [orders, service(Foreign, { handlers: {} })], telemetry: false, broker })
  const running = await start(shop, { directory, log: silentLogger() })
  const own = await broker({ runtime, log: silentLogger() })
  const place = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) await running.client(Orders).place({ order: `ö-${n}` })
  }
  try {
    await play({ place, heard, own })
  } finally {
    await own.stop()
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What a program in Python sees of the shop and does in it: it takes its words and a step, and prints JSON. Not every server has a lag. */
export async function playPython(
  client: string,
  { place, heard, own }: ForeignShop,
  words: readonly [python: string, ...words: string[]],
  { tellsLag = true }: { readonly tellsLag?: boolean } = {},
): Promise<void> {
  const [python, ...rest] = words
  const ask = async <T>(step: string): Promise<T> => JSON.parse((await promisify(execFile)(python, [...rest, step])).stdout) as T
  await check(`${client} reads our events, each attribute a header and its data JSON`, async () => {
    await place(4)
    type Read = { readonly type: string; source: string; partitionkey: string; specversion: string; data: { order: string } }
    const read = (await ask<readonly Read[]>('read')).map(({ type, source, specversion, partitionkey, data }) =>
      [type, source, specversion, partitionkey, data.order].join(),
    )
    assert.deepEqual(
      read.toSorted(),
      range(4).map((n) => `order.placed,orders,1.0,ö-${n},ö-${n}`),
    )
  })
  await check(`${client} sends us an event and work, which have their effects`, async () => {
    await ask('send')
    await until(() => heard.includes('settled ö-1 ö-1') && heard.includes('refund ö-1'))
  })
  await check(`${client} answers a request as a worker, where the request says`, async () => {
    assert.equal(await ask('answer'), 'reserve-stock.reply.orders')
    await until(() => heard.includes('reserved ö-1 7'))
  })
  if (!tellsLag) return
  await check(`${client} reads of our consumers the same lag that we tell`, async () => {
    const told = await fallBehind(own)
    assert.deepEqual(
      await ask('lag'),
      Object.fromEntries(told.map(({ group, partition, lag }) => [`${group}/${partition}`, lag])),
    )
  })
}

/** A group on `order.placed` that reads nothing, with more to read, and where each consumer of that topic is. */
export async function fallBehind(own: Broker): Promise<Awaited<ReturnType<Broker['lag']>>> {
  await own.declareGroup({ group: 'reports', topics: [Placed.name] })
  await own.publish(range(20).map((n) => messageOf(Placed.name, `k${n}`, n)))
  const told = (await own.lag()).filter(({ topic }) => topic === Placed.name)
  assert.ok(told.reduce((sum, { lag }) => sum + lag, 0) >= 24)
  return told
}

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

export const messageOf = (type: string, key: string, n: number): Message => ({
  ...{ id: runtime.ids.next(), source: 'test', type, key, time: runtime.clock.now(), schemaVersion: 1 },
  ...{ correlationId: 'correlation', causationId: undefined, traceparent: undefined, data: JSON.stringify({ n }) },
})

/** Waits for a condition for a minute. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await holds()); looks++) {
    if (looks > 3_000) throw new Error('It did not come to hold within a minute')
    await new Promise((resolve) => void setTimeout(resolve, 20))
  }
}
