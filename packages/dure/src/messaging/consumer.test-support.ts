import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { z } from 'zod'
import { event, type AnyEvent, type Message } from '../contract/contract.ts'
import { createInbox, sqlite, type Store, type StoreTransaction } from '../data/data.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { createLogger, silentLogger, type Logger } from '../telemetry/telemetry.ts'
import type { Broker } from './broker.ts'
import { until } from './rig.conformance.ts'
import { createConsumer, type Consumer, type ConsumerLimits, type ConsumerOptions, type ConsumerReaction } from './consumer.ts'
import { embeddedBroker } from './embedded/embedded.ts'
import { retryPolicy } from './retry.ts'

/** What the tests' consumers listen to: numbers, in order of their key. */
export const Counted = event('counted', { schema: z.object({ key: z.string(), n: z.int() }), key: ({ key }) => key })

export const MIGRATIONS = { '1': 'CREATE TABLE effects (place INTEGER PRIMARY KEY, key TEXT NOT NULL, n INTEGER NOT NULL)' }
export const runtime = realRuntime()
/** Tries quickly, so that tests need not wait. */
export const QUICK = retryPolicy({ attempts: 4, first: 1, longest: 5 })

export type Handle = (n: number, received: { message: Message; data: unknown }, tx: StoreTransaction) => Promise<void> | void

/** A service with a store, beside a broker; both real. */
export type Rig = {
  readonly broker: Broker
  readonly store: Store
  readonly lines: string[]
  readonly publish: (key: string, ...numbers: number[]) => Promise<void>
  readonly start: (reactions: readonly ConsumerReaction[], limits?: Partial<ConsumerLimits>) => Promise<Consumer>
  /** A reaction that writes its number into `effects`, after `handle` has had its say. */
  readonly effect: (handle?: Handle, options?: Partial<ConsumerReaction>) => ConsumerReaction
  /** Numbers in the order of their effects, by key. */
  readonly effects: () => Promise<ReadonlyMap<string, readonly number[]>>
  /** Waits until everything published has been read and nothing is waiting or in hand. */
  readonly quiet: (consumer: Consumer) => Promise<void>
}

/** The store that the tests' consumers write their effects to. */
export const storeIn = (directory: string, migrations: Readonly<Record<string, string>> = {}): Promise<Store> =>
  sqlite({ durability: 'process' })({ directory, runtime, log: silentLogger() }).open('test', {
    migrations: { ...MIGRATIONS, ...migrations },
  })

/** A consumer of the tests' one group. */
export const consumerOf = (
  options: Pick<ConsumerOptions, 'store' | 'broker' | 'reactions' | 'limits'> & { readonly log?: Logger },
): Promise<Consumer> =>
  createConsumer({ inbox: createInbox({ runtime }), runtime, log: silentLogger(), group: 'test', ...options })

export async function makeRig(t: TestContext, migrations: Readonly<Record<string, string>> = {}): Promise<Rig> {
  const directory = await mkdtemp(join(tmpdir(), 'dure-consumer-'))
  const lines: string[] = []
  const log = createLogger({ clock: runtime.clock, write: (line) => void lines.push(line) })
  const broker = await embeddedBroker({ durability: 'process' })({ directory, runtime, log: silentLogger() })
  const store = await storeIn(directory, migrations)
  const consumers: Consumer[] = []
  t.after(async () => {
    for (const consumer of consumers) await consumer.stop()
    await broker.stop()
    await store.stop()
    await rm(directory, { recursive: true, force: true })
  })
  const rig: Rig = {
    broker,
    store,
    lines,
    publish: (key, ...numbers) => broker.publish(numbers.map((n) => messageOf(Counted, key, JSON.stringify({ key, n })))),
    start: async (reactions, limits = {}) => {
      const consumer = await consumerOf({ store, broker, reactions, limits, log })
      consumers.push(consumer)
      return consumer
    },
    effect: (handle, options) => effectOf(handle, options),
    effects: () => effectsIn(store),
    quiet: (consumer) =>
      until(async () => {
        const { waiting, inHand } = consumer.status()
        return (
          waiting === 0 && inHand === 0 && (await broker.lag()).every(({ lag }) => lag === 0) && consumer.status().waiting === 0
        )
      }),
  }
  return rig
}

export function messageOf(type: AnyEvent, key: string, data: string, more: Partial<Message> = {}): Message {
  return {
    id: runtime.ids.next(),
    source: 'test',
    type: type.name,
    key,
    time: runtime.clock.now(),
    schemaVersion: type.version,
    correlationId: 'c',
    causationId: undefined,
    traceparent: undefined,
    data,
    ...more,
  }
}

export function effectOf(handle?: Handle, options: Partial<ConsumerReaction> = {}): ConsumerReaction {
  return {
    kind: 'topic',
    event: Counted,
    name: 'count',
    prepare: undefined,
    concurrency: 8,
    retry: QUICK,
    handle: async (received, tx) => {
      const { key, n } = received.data as { key: string; n: number }
      // The effect comes first: whoever fails after it must leave nothing of it.
      await tx.run('INSERT INTO effects (key, n) VALUES (?, ?)', [key, n])
      await handle?.(n, received, tx)
    },
    ...options,
  }
}

export async function effectsIn(store: Store): Promise<ReadonlyMap<string, readonly number[]>> {
  const found = new Map<string, number[]>()
  for (const row of await store.select('SELECT key, n FROM effects ORDER BY place')) {
    const key = String(row['key'])
    if (!found.has(key)) found.set(key, [])
    found.get(key)!.push(Number(row['n']))
  }
  return found
}

/** The effects of one key are these, once each and in this order. */
export async function assertEffects(
  rig: Pick<Rig, 'effects'>,
  expected: Readonly<Record<string, readonly number[]>>,
): Promise<void> {
  const found = await rig.effects()
  for (const [key, numbers] of Object.entries(expected)) assert.deepEqual(found.get(key) ?? [], numbers, `effects of "${key}"`)
}
