import type { AnyEvent, Message } from '../../contract/contract.ts'
import { createInbox, type Inbox, type Store, type StoreTransaction } from '../../data/data.ts'
import { type Runtime } from '../../runtime/runtime.ts'
import { completeNumbers, COUNT, inTime, type Ranges } from '../../runtime/internal.ts'
import { foldRepeats, type Logger } from '../../telemetry/telemetry.ts'
import { STOP_TIMEOUT, UNBOUNDED, type Subscription } from '../adapter.ts'
import type { Broker } from '../broker.ts'
import { watchForCrashes } from './crash-recovery.ts'
import { deadLetters, type DeadLetters } from '../dead-letters/dead-letters.ts'
import { OUTBOX } from '../parked/parked.ts'
import { createEffectPipeline, type Effect } from './effect.ts'
import { createKeyedProcessor, type Counters } from './keyed-processor.ts'
import { openParked, type Parked, type ParkedCount } from '../parked/parked.ts'
import { createSemaphore, type Semaphore } from './semaphore.ts'
import { checkRetention } from './inbox-retention.ts'
import type { RetryPolicy } from '../retry.ts'
import { createTransactionBatcher, type TransactionBatcher } from './transaction-batcher.ts'

export type { Received } from './effect.ts'

/** What a consumer does with the messages of one topic, or with the work of one queue. */
export type ConsumerReaction<Tx = StoreTransaction> = Effect<Tx> & {
  readonly kind: 'topic' | 'queue'
  readonly event: AnyEvent
  /** Unique within the consumer and kept over releases: positions, inbox marks and parked messages carry it. */
  readonly name: string
  /** Keys worked on at once. */
  readonly concurrency: number
  readonly retry: RetryPolicy
}

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

export type ConsumerLimits = {
  /** Messages handed over by the broker at once. Default 128. */
  readonly batch: number
  /** Messages in hand over all reactions; the rest stays with the broker. Default 1024. */
  readonly inHand: number
  /** Parked messages of one reaction, from which on it reads nothing more. Default 10,000. */
  readonly parked: number
}

/**
 * The idempotent consumer that keeps order: effects happen once, one key's messages in order, and a message that
 * fails holds only its own key. Works with any broker and any store, with or without the chassis.
 */
export type Consumer = {
  readonly status: () => ConsumerStatus
  /** The same for each reaction. */
  readonly readings: () => readonly ReactionReading[]
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

/** How one reaction stands. */
export type ReactionReading = {
  /** `<group>/<reaction>`, or `<group>/outbox`. */
  readonly consumer: string
  /** `outbox`: what its service has to say and the broker does not take. */
  readonly kind: 'topic' | 'queue' | 'outbox'
  readonly topic: string
  /** Messages waiting for another try, and those waiting behind them. */
  readonly waiting: number
  readonly deadLetters: number
  /** Messages that wait behind dead letters. */
  readonly held: number
  /** When the oldest of the dead letters failed, of events for the first time; milliseconds since the epoch. */
  readonly oldest: number | undefined
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
  const inbox = createInbox({ runtime, records: store.records.inbox, ...(retention === undefined ? {} : { retention }) })
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
  const life = await watchForCrashes({ store, runtime, log: options.log, consumer: group })
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
          quarantine: life.quarantine,
          consumer: `${group}/${reaction.name}`,
        }),
      )
    }
  } catch (error) {
    await stopAll()
    life.stop()
    throw error
  }

  const reload = (): void => {
    for (const { parked } of running)
      parked.reload().catch((error: unknown) => options.log.warn('Cannot look at parked messages', { group, error }))
  }
  let stopping: Promise<void> | undefined
  return {
    status: () => statusOf(running),
    readings: () => running.map((reaction) => reaction.reading()),
    deadLetters: deadLetters({
      store,
      runtime,
      reactions: reactions.map(({ kind, event, name }) => ({ kind, event, consumer: `${group}/${name}` })),
      changed: reload,
    }),
    reload,
    stop: ({ timeout = STOP_TIMEOUT } = {}) =>
      (stopping ??= inTime(runtime.timers, timeout, stopAll().then(life.endClean), () => {
        life.stop()
        options.log.warn('A consumer stopped with messages in hand; they come again', { group, ...statusOf(running) })
      })),
  }
}

type RunningReaction = {
  readonly counters: Counters
  readonly parked: Parked
  readonly inHand: () => number
  readonly reasons: () => readonly string[]
  readonly reading: () => ReactionReading
  readonly stop: () => Promise<void>
}

type StartReaction = ConsumerOptions & {
  readonly inbox: Inbox
  readonly limits: ConsumerLimits
  readonly semaphore: Semaphore
  readonly batcher: TransactionBatcher
  readonly reaction: ConsumerReaction
  readonly consumer: string
  /** Batches of each partition to be read with care; 0 when the process before this one ended as it should. */
  readonly quarantine: number
}

/** The partition that work of a queue counts as of. */
const QUEUE = 0

async function startReaction(options: StartReaction): Promise<RunningReaction> {
  const { store, inbox, runtime, log, limits, batcher, reaction, consumer } = options
  const { kind, event, retry, concurrency } = reaction
  const counters: Counters = { handled: 0, duplicates: 0, parked: 0 }
  // Work that has no key holds nobody but itself.
  const keyOf = ({ key, id }: Message): string => (kind === 'queue' && key === '' ? id : key)
  const pipeline = createEffectPipeline({ inbox, consumer, event, effect: reaction })
  const parked = await openParked({
    ...{ store, consumer, runtime, log, retry, concurrency },
    tryAgain: async (message, finish) => {
      const received = await pipeline.read(message)
      const prepared = await pipeline.prepare?.(received)
      await store.transaction(async (tx) => {
        if (!(await finish(tx))) return
        const outcome = await pipeline.apply(tx, received, prepared)
        tx.onCommit(() => void (outcome === 'handled' ? counters.handled++ : counters.duplicates++))
      })
    },
  })
  const process = createKeyedProcessor({ store, consumer, pipeline, keyOf, concurrency, parked, counters, batcher })
  const intake = createIntake(options, { parked, keyOf, process })
  const subscription = await subscribe(options, intake).catch(async (error: unknown) => {
    await parked.stop()
    throw error
  })
  return {
    counters,
    parked,
    inHand: () => intake.inHand() + parked.count().trying,
    reasons: () => (intake.full() ? [fullText(consumer, parked.count(), limits.parked)] : []),
    reading: () => {
      const { waiting, dead, letters, oldest } = parked.count()
      return {
        consumer,
        kind,
        topic: kind === 'queue' ? event.name : event.topic,
        waiting,
        deadLetters: letters,
        held: dead - letters,
        oldest,
      }
    },
    stop: async () => {
      await subscription.stop(UNBOUNDED)
      await parked.stop()
    },
  }
}

function subscribe({ broker, log, limits, reaction, consumer }: StartReaction, { take }: Intake): Promise<Subscription> {
  const { kind, event, concurrency } = reaction
  const onError = (error: unknown): void =>
    log.warn('Messages could not be taken; the broker brings them again', { consumer, error })
  if (kind === 'queue')
    return broker.receive({ queue: event.name, concurrency, onError, handle: (message) => take([message], QUEUE) })
  return broker.subscribe({
    group: consumer,
    topics: [event.topic],
    batch: limits.batch,
    onError,
    deliver: async (batch, { partition }) => {
      // Others of its topic are for others.
      const own = batch.map(({ message }) => message).filter(({ type }) => type === event.name)
      if (own.length > 0) await take(own, partition)
    },
  })
}

/** Takes what the broker hands over: within limits, with care after a crash, one by one after trouble. */
type Intake = {
  readonly take: (messages: readonly Message[], partition: number) => Promise<void>
  readonly inHand: () => number
  /** So much is parked that nothing more is read. */
  readonly full: () => boolean
}

function createIntake(
  { limits, semaphore, consumer, quarantine, reaction }: StartReaction,
  {
    parked,
    keyOf,
    process,
  }: {
    readonly parked: Parked
    readonly keyOf: (message: Message) => string
    readonly process: (messages: readonly Message[], alone: boolean) => Promise<void>
  },
): Intake {
  /** Messages still to be read with care, by partition. */
  const careful = new Map<number, number>()
  /** Partitions whose last batch ended in trouble with the store. */
  const troubled = new Set<number>()
  let inHand = 0
  let stopped = false
  const isFull = (): boolean => {
    const { waiting, dead, delayed } = parked.count()
    return waiting + dead - delayed >= limits.parked || delayed >= limits.parked * DELAYED
  }

  const readWithCare = async (messages: readonly Message[], partition: number): Promise<boolean> => {
    const left = careful.get(partition) ?? quarantine * limits.batch
    if (left <= 0) return false
    // One of these may be what ended the process: each is tried from the table, where tries are counted first.
    careful.set(partition, left - messages.length)
    const keys = messages.map(keyOf)
    for (const key of keys) parked.reserve(key)
    try {
      await parked.add(messages.map((message, at) => ({ message, key: keys[at]!, behind: true })))
    } finally {
      for (const key of keys) parked.release(key)
    }
    return true
  }

  const take = async (messages: readonly Message[], partition: number): Promise<void> => {
    // What is to wait holds nobody meanwhile.
    const [{ id, delay = 0 }] = messages as readonly [Message]
    if (reaction.kind === 'queue' && delay > 0) return parked.add(messages.map((message) => ({ message, key: id, delay })))
    // What was parked when the trouble came may be there, though nobody was told.
    if (troubled.has(partition)) await parked.reload()
    if (!(await readWithCare(messages, partition))) await process(messages, troubled.has(partition))
  }

  return {
    inHand: () => inHand,
    full: () => stopped && isFull(),
    take: async (messages, partition) => {
      stopped = isFull()
      if (stopped) throw new Error(fullText(consumer, parked.count(), limits.parked))
      const taken = await semaphore.take(messages.length)
      inHand += messages.length
      try {
        await take(messages, partition)
        troubled.delete(partition)
      } catch (error) {
        troubled.add(partition)
        throw error
      } finally {
        inHand -= messages.length
        semaphore.give(taken)
      }
    },
  }
}

/** How many times as many may wait for their delay as for another try: nothing is wrong with them. */
const DELAYED = 10

function statusOf(running: readonly RunningReaction[]): ConsumerStatus {
  const sum = (of: (reaction: RunningReaction) => number): number => running.reduce((total, reaction) => total + of(reaction), 0)
  return {
    waiting: sum(({ parked }) => parked.count().waiting),
    dead: sum(({ parked }) => parked.count().dead),
    inHand: sum((reaction) => reaction.inHand()),
    handled: sum(({ counters }) => counters.handled),
    duplicates: sum(({ counters }) => counters.duplicates),
    parked: sum(({ counters }) => counters.parked),
    reasons: running.flatMap((reaction) => reaction.reasons()),
  }
}

function fullText(consumer: string, { waiting, dead }: ParkedCount, limit: number): string {
  return `Consumer "${consumer}" reads nothing more: ${waiting + dead} of its messages are parked, and ${limit} is the limit; retry or discard its dead letters`
}
