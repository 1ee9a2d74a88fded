import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Message } from '../../contract/contract.ts'
import type { SqlStore, SqlTransaction } from '../../data/data.ts'
import type { Broker } from '../broker.ts'
import type { SubscribeOptions } from '../topics.ts'
import { consumerOf, Counted, effectsIn, messageOf, storeIn } from '../consumer.test-support.ts'
import type { Consumer, ConsumerReaction } from './consumer.ts'

/** One of several copies of a service: its consumer, and what can be done to it. */
export type Copy = {
  readonly consumer: Consumer
  readonly store: SqlStore
  /** Holds what it asks of its store from now on, until it is told to go on: its process stands still. */
  readonly freeze: () => () => void
  /** The same for transactions whose work is done: they stand still before their commit. */
  readonly freezeCommits: () => () => void
  /** One stands still there. */
  readonly committing: () => boolean
  /** The broker gives it the partition, takes it away, brings it messages. */
  readonly assign: (token?: number) => Promise<unknown>
  readonly revoke: () => Promise<void>
  readonly bring: (...messages: readonly Message[]) => Promise<void>
}

export type Copies = {
  readonly store: SqlStore
  readonly effects: () => Promise<readonly number[]>
  readonly start: (reaction: ConsumerReaction<SqlTransaction>) => Promise<Copy>
}

export const TOPIC = Counted.topic

/** Messages of one key, in order. */
export function numbered(...numbers: readonly number[]): readonly Message[] {
  return numbers.map((n) => messageOf(Counted, 'k', JSON.stringify({ key: 'k', n })))
}

/** Copies of one service on one store, and a broker of which the test decides who has the partition. */
export async function makeCopies(t: TestContext): Promise<Copies> {
  const directory = await mkdtemp(join(tmpdir(), 'dure-copies-'))
  const first = await storeIn(directory)
  const stores = [first]
  const consumers: Consumer[] = []
  const thaws: (() => void)[] = []
  let tokens = 0
  t.after(async () => {
    for (const thaw of thaws) thaw()
    for (const consumer of consumers) await consumer.stop()
    for (const store of stores) await store.stop()
    await rm(directory, { recursive: true, force: true })
  })

  /** Another opening where the store is shared; where it is not, the same one under another name. */
  const openCopy = async (): Promise<SqlStore> => {
    if (first.sharing === 'exclusive') return { ...first, sharing: 'shared', member: `copy ${consumers.length}` }
    if (consumers.length === 0) return first
    const store = await storeIn(directory)
    stores.push(store)
    return store
  }

  return {
    store: first,
    effects: async () => (await effectsIn(first)).get('k') ?? [],
    start: async (reaction) => {
      let committing = false
      const frozen: { begin?: Promise<void> | undefined; commit?: Promise<void> | undefined } = {}
      const freeze = (which: keyof typeof frozen) => () => {
        const { promise, resolve } = Promise.withResolvers<void>()
        frozen[which] = promise
        const thaw = (): void => {
          frozen[which] = undefined
          resolve()
        }
        thaws.push(thaw)
        return thaw
      }
      const opened = await openCopy()
      const store: SqlStore = {
        ...opened,
        transaction: async (work, limits) => {
          await frozen.begin
          return opened.transaction(async (tx) => {
            const result = await work(tx)
            committing = frozen.commit !== undefined
            await frozen.commit
            return result
          }, limits)
        },
      }
      let member: SubscribeOptions | undefined
      const broker = {
        name: 'scripted',
        retention: async () => 1_000,
        subscribe: async (options: SubscribeOptions) => {
          member = options
          return { stop: async () => {} }
        },
      } as unknown as Broker
      const consumer = await consumerOf({ store, broker, reactions: [reaction] })
      consumers.push(consumer)
      const place = { topic: TOPIC, partition: 0 }
      return {
        consumer,
        store,
        freeze: freeze('begin'),
        freezeCommits: freeze('commit'),
        committing: () => committing,
        assign: async (token = ++tokens) => member!.assigned!({ ...place, epoch: token, broker: 'scripted' }),
        revoke: async () => member!.revoked!(place),
        bring: (...messages) =>
          member!.deliver(
            messages.map((message, at) => ({ message, partition: 0, position: String(at) })),
            place,
          ),
      }
    },
  }
}
