import type { ParkedTotals, Store, StoreTransaction } from '../../data/data.ts'
import { createInbox } from '../../data/internal.ts'
import { type Runtime } from '../../runtime/runtime.ts'
import { completeNumbers, COUNT, inTime, type Ranges } from '../../runtime/internal.ts'
import { foldRepeats, type Logger } from '../../telemetry/telemetry.ts'
import { STOP_TIMEOUT } from '../broker-adapter.ts'
import type { Broker } from '../broker.ts'
import { deadLetters, type DeadLetters } from '../dead-letters/dead-letters.ts'
import { OUTBOX } from '../parked/parked.ts'
import { watchDecisions } from './decisions.ts'
import { checkRetention, tidyApart } from './inbox-retention.ts'
import {
  startReaction,
  type ConsumerLimits,
  type ConsumerReaction,
  type ReactionReading,
  type RunningReaction,
} from './reaction.ts'
import { createSemaphore } from './semaphore.ts'
import { createTransactionBatcher } from './transaction-batcher.ts'

export type { ConsumerLimits, ConsumerReaction, ReactionReading } from './reaction.ts'
export type { Received } from './effect.ts'

export type ConsumerOptions<Tx extends StoreTransaction = StoreTransaction> = {
  readonly store: Store<Tx>
  /** Milliseconds for which it is remembered which messages had their effect (`createInbox`). Default 10 days. */
  readonly inboxRetention?: number
  readonly broker: Broker
  readonly runtime: Runtime
  readonly log: Logger
  /** The consuming service: each reaction reads as the group `<group>/<reaction>`. */
  readonly group: string
  readonly reactions: readonly ConsumerReaction<Tx>[]
  readonly limits?: Partial<ConsumerLimits>
}

/**
 * The idempotent consumer that keeps order: effects happen once, one key's messages in order, and a message that
 * fails holds only its own key. Works with any broker and any store, with or without the chassis.
 */
export type Consumer = {
  readonly status: () => ConsumerStatus
  /** What the store has of each reaction: the same from every copy. */
  readonly readings: () => Promise<readonly ReactionReading[]>
  readonly deadLetters: DeadLetters
  /** Looks at its parked messages again: somebody else has changed them. */
  readonly reload: () => void
  /**
   * Takes nothing new and finishes what is in hand; what is not done after `timeout` milliseconds (default 10,000) is left
   * to come again. Idempotent.
   */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

export type ConsumerStatus = {
  /** Messages waiting for another try, and those waiting behind them. */
  readonly waiting: number
  /** Dead letters, and messages held behind them. */
  readonly dead: number
  /** Messages being worked on. */
  readonly inHand: number
  /** Since the start: effects, messages that had had theirs, messages parked. */
  readonly handled: number
  readonly duplicates: number
  readonly parked: number
  /** Why it does not read on, where it does not; empty when all is well. */
  readonly reasons: readonly string[]
}

const LIMITS: ConsumerLimits = { batch: 128, inHand: 1024, parked: 10_000 }
const NUMBERS: Ranges<ConsumerLimits> = { batch: COUNT, inHand: COUNT, parked: COUNT }

/**
 * Starts to consume: parked messages first where they were left, then what the broker has.
 * @throws {CallError} FAILED_PRECONDITION when the inbox would forget a message while the broker may still bring it
 *
 * @example
 * ```ts
 * import { event } from 'dure/contract'
 * import { sqlite } from 'dure/data'
 * import { createConsumer, embeddedBroker, retryPolicy } from 'dure/messaging'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 * import { z } from 'zod'
 *
 * const Moved = event('stock.moved', { schema: z.object({ sku: z.string() }), key: ({ sku }) => sku })
 * const world = { directory: 'data/consumer', runtime: realRuntime(), log: silentLogger() }
 * const broker = await embeddedBroker()(world)
 * await broker.declareTopic(Moved.name)
 * const store = await sqlite()(world).open('ledger', { migrations: { '001': 'CREATE TABLE moves (sku TEXT)' } })
 * const consumer = await createConsumer({
 *   ...{ store, broker, ...world, group: 'ledger' },
 *   reactions: [
 *     {
 *       ...{ kind: 'topic', event: Moved, name: 'moves', concurrency: 8, retry: retryPolicy(), prepare: undefined },
 *       handle: async ({ data }, tx) => void (await tx.run('INSERT INTO moves VALUES (?)', [(data as { sku: string }).sku])),
 *     },
 *   ],
 * })
 * console.log(consumer.status().waiting) // → 0
 * await consumer.stop()
 * await store.stop()
 * await broker.stop()
 * ```
 */
export async function createConsumer<Tx extends StoreTransaction>(given: ConsumerOptions<Tx>): Promise<Consumer> {
  // Reactions are handed transactions of this store and no other.
  const own = given as unknown as ConsumerOptions
  const { store, runtime, group, reactions, inboxRetention: retention } = own
  const inbox = createInbox({
    ...{ runtime, records: store.records.inbox, ...(retention === undefined ? {} : { retention }) },
    ...(store.sharing === 'shared' ? { apart: tidyApart(store) } : {}),
  })
  const options = { ...own, inbox, log: foldRepeats(own.log, runtime) }
  const limits = completeNumbers(`start the consumer "${group}"`, LIMITS, options.limits ?? {}, NUMBERS)
  const names = reactions.map(({ kind, name }) => `${kind}:${name}`)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice)
    throw new TypeError(
      `Cannot start the consumer "${group}": two of its reactions are called "${twice}"; give one a name of its own`,
    )

  if (names.includes(`topic:${OUTBOX}`))
    throw new TypeError(
      `Cannot start the consumer "${group}": one of its reactions is called "${OUTBOX}", as its outbox is; give it another name`,
    )

  await checkRetention(options)
  const semaphore = createSemaphore(limits.inHand)
  const batcher = createTransactionBatcher({ store, inbox })
  const running: RunningReaction[] = []
  const stopAll = async (): Promise<void> => {
    await Promise.all(running.map((reaction) => reaction.stop()))
  }
  try {
    for (const reaction of reactions) {
      running.push(
        await startReaction({
          ...options,
          limits,
          semaphore,
          batcher,
          reaction,
          consumer: `${group}/${reaction.name}`,
        }),
      )
    }
  } catch (error) {
    await stopAll()
    throw error
  }

  const decisions = watchDecisions({ ...options, reactions: running })
  const reload = (): void => {
    for (const reaction of running)
      reaction.reload().catch((error: unknown) => options.log.warn('Cannot look at parked messages', { group, error }))
  }
  let stopping: Promise<void> | undefined
  return {
    status: () => statusOf(running),
    readings: async () => readingsOf(running, await store.records.parked.totals()),
    deadLetters: deadLetters({
      store,
      runtime,
      reactions: reactions.map(({ kind, event, name }) => ({ kind, event, consumer: `${group}/${name}` })),
      changed: reload,
    }),
    reload,
    stop: ({ timeout = STOP_TIMEOUT } = {}) => {
      decisions.stop()
      return (stopping ??= inTime(runtime.timers, timeout, stopAll(), () => {
        for (const reaction of running) reaction.drop()
        options.log.warn('A consumer stopped with messages in hand; they come again', { group, ...statusOf(running) })
      }))
    },
  }
}

function readingsOf(running: readonly RunningReaction[], totals: readonly ParkedTotals[]): readonly ReactionReading[] {
  return running.map(({ consumer, kind, topic, counters: { handled } }) => {
    const { waiting = 0, deadLetters: letters = 0, held = 0, oldest } = totals.find((one) => one.consumer === consumer) ?? {}
    return { consumer, kind, topic, waiting, deadLetters: letters, held, oldest, handled }
  })
}

function statusOf(running: readonly RunningReaction[]): ConsumerStatus {
  const sum = (of: (reaction: RunningReaction) => number): number => running.reduce((total, reaction) => total + of(reaction), 0)
  return {
    waiting: sum(({ parked }) => parked().waiting),
    dead: sum(({ parked }) => parked().dead),
    inHand: sum((reaction) => reaction.inHand()),
    handled: sum(({ counters }) => counters.handled),
    duplicates: sum(({ counters }) => counters.duplicates),
    parked: sum(({ counters }) => counters.parked),
    reasons: running.flatMap((reaction) => reaction.reasons()),
  }
}
