import type { AnyEvent, Message } from '../../contract/contract.ts'
import type { Inbox, Store } from '../../data/data.ts'
import { type Runtime } from '../../runtime/runtime.ts'
import { completeNumbers, COUNT, inTime, type Ranges } from '../../runtime/internal.ts'
import { foldRepeats, type Logger } from '../../telemetry/telemetry.ts'
import { STOP_TIMEOUT, UNBOUNDED, type Broker, type Subscription } from '../broker.ts'
import { watchForCrashes } from './crash-recovery.ts'
import { deadLetters, type DeadLetters } from '../dead-letters/dead-letters.ts'
import { decoderOf } from '../decode.ts'
import { OUTBOX } from '../parked/parked.ts'
import { createKeyedProcessor, type Effect, type Counters } from './keyed-processor.ts'
import { createParkedTables } from '../parked/parked.ts'
import { openParked, type Parked } from '../parked/parked.ts'
import { createSemaphore, type Semaphore } from './semaphore.ts'
import { checkRetention } from './inbox-retention.ts'
import type { RetryPolicy } from '../retry.ts'
import { createTransactionBatcher, type TransactionBatcher } from './transaction-batcher.ts'

export type { Received } from './keyed-processor.ts'

/** What a consumer does with the messages of one topic, or with the work of one queue. */
export type ConsumerReaction = Effect & {
  readonly kind: 'topic' | 'queue'
  readonly event: AnyEvent
  /** Unique within the consumer and kept over releases: positions, inbox marks and parked messages carry it. */
  readonly name: string
  /** Keys worked on at once. */
  readonly concurrency: number
  readonly retry: RetryPolicy
}

export type ConsumerOptions = {
  readonly store: Store
  readonly inbox: Inbox
  readonly broker: Broker
  readonly runtime: Runtime
  readonly log: Logger
  /** The consuming service: each reaction reads as the group `<group>/<reaction>`. */
  readonly group: string
  readonly reactions: readonly ConsumerReaction[]
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
  /** The same for each reaction, with the dead of queues, which are asked for at the broker. */
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
 * import { createInbox, sqlite } from 'dure/data'
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
 *   ...{ store, broker, ...world, inbox: createInbox(world), group: 'ledger' },
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
export async function createConsumer(given: ConsumerOptions): Promise<Consumer> {
  const options = { ...given, log: foldRepeats(given.log, given.runtime) }
  const { store, runtime, group, reactions } = options
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
  await createParkedTables(store)
  const life = await watchForCrashes({ store, runtime, log: options.log, consumer: group })
  const semaphore = createSemaphore(limits.inHand)
  const together = createTransactionBatcher({ store, inbox: options.inbox })
  const running: RunningReaction[] = []
  const stopAll = async (): Promise<void> => {
    await Promise.all(running.map((reaction) => reaction.stop()))
  }
  try {
    for (const reaction of reactions) {
      const start = reaction.kind === 'topic' ? startTopic : startQueue
      running.push(
        await start({
          ...options,
          limits,
          semaphore,
          together,
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
      parked?.reload().catch((error: unknown) => options.log.warn('Cannot look at parked messages', { group, error }))
  }
  let stopping: Promise<void> | undefined
  return {
    status: () => statusOf(running),
    readings: () => Promise.all(running.map((reaction) => reaction.reading())),
    deadLetters: deadLetters({
      store,
      runtime,
      broker: options.broker,
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
  readonly parked: Parked | undefined
  readonly inHand: () => number
  readonly reasons: () => readonly string[]
  readonly reading: () => Promise<ReactionReading>
  readonly stop: () => Promise<void>
}

type StartReaction = ConsumerOptions & {
  readonly limits: ConsumerLimits
  readonly semaphore: Semaphore
  readonly together: TransactionBatcher
  readonly reaction: ConsumerReaction
  readonly consumer: string
  /** Batches of each partition to be read with care; 0 when the process before this one ended as it should. */
  readonly quarantine: number
}

async function startTopic(options: StartReaction): Promise<RunningReaction> {
  const { store, inbox, broker, runtime, log, limits, semaphore, together, reaction, consumer, quarantine } = options
  const { event, retry, concurrency } = reaction
  const counters: Counters = { handled: 0, duplicates: 0, parked: 0 }
  const decode = decoderOf(event)
  const parked = await openParked({
    store,
    consumer,
    runtime,
    log,
    retry,
    concurrency,
    tryAgain: async (message, finish) => {
      const received = { message, data: await decode(message) }
      const prepared = await reaction.prepare?.(received)
      await store.transaction(async (tx) => {
        if (!(await finish(tx))) return
        const fresh = await inbox.mark(tx, consumer, message.id)
        if (fresh) await reaction.handle(received, tx, prepared)
        tx.onCommit(() => void (fresh ? counters.handled++ : counters.duplicates++))
      })
    },
  })
  const process = createKeyedProcessor({
    store,
    inbox,
    consumer,
    decode,
    effect: reaction,
    concurrency,
    parked,
    counters,
    together,
  })
  /** Messages still to be read with care, by partition. */
  const careful = new Map<number, number>()
  /** Partitions whose last batch ended in trouble with the store. */
  const troubled = new Set<number>()
  let inHand = 0
  let full = false

  const readWithCare = async (messages: readonly Message[], partition: number): Promise<boolean> => {
    const left = careful.get(partition) ?? quarantine * limits.batch
    if (left <= 0) return false
    // One of these may be what ended the process: each is tried from the table, where tries are counted first.
    careful.set(partition, left - messages.length)
    for (const { key } of messages) parked.reserve(key)
    try {
      await parked.add(messages.map((message) => ({ message, behind: true })))
    } finally {
      for (const { key } of messages) parked.release(key)
    }
    return true
  }

  const subscription = await broker
    .subscribe({
      group: consumer,
      topics: [event.name],
      batch: limits.batch,
      onError: (error) => log.warn('Messages could not be taken; the broker brings them again', { consumer, error }),
      deliver: async (batch, { partition }) => {
        const { waiting, dead } = parked.count()
        full = waiting + dead >= limits.parked
        if (full) throw new Error(fullText(consumer, waiting + dead, limits.parked))
        const taken = await semaphore.take(batch.length)
        inHand += batch.length
        try {
          const messages = batch.map(({ message }) => message)
          // What was parked when the trouble came may be there, though nobody was told.
          if (troubled.has(partition)) await parked.reload()
          if (!(await readWithCare(messages, partition))) await process(messages, troubled.has(partition))
          troubled.delete(partition)
        } catch (error) {
          troubled.add(partition)
          throw error
        } finally {
          inHand -= batch.length
          semaphore.give(taken)
        }
      },
    })
    .catch(async (error: unknown) => {
      await parked.stop()
      throw error
    })

  return {
    counters,
    parked,
    inHand: () => inHand + parked.count().trying,
    reasons: () => {
      const { waiting, dead } = parked.count()
      return full && waiting + dead >= limits.parked ? [fullText(consumer, waiting + dead, limits.parked)] : []
    },
    reading: async () => {
      const { waiting, dead, letters, oldest } = parked.count()
      const { name: topic } = event
      return { consumer, kind: 'topic', topic, waiting, deadLetters: letters, held: dead - letters, oldest }
    },
    stop: async () => {
      await subscription.stop(UNBOUNDED)
      await parked.stop()
    },
  }
}

async function startQueue(options: StartReaction): Promise<RunningReaction> {
  const { store, inbox, broker, log, reaction, consumer } = options
  const { event, retry, concurrency } = reaction
  const counters: Counters = { handled: 0, duplicates: 0, parked: 0 }
  const decode = decoderOf(event)
  let inHand = 0
  await broker.declareQueue(event.name, { attempts: retry.attempts })
  const handle = async (message: Message): Promise<void> => {
    const received = { message, data: await decode(message) }
    const prepared = await reaction.prepare?.(received)
    const fresh = await store.transaction(async (tx) => {
      if (!(await inbox.mark(tx, consumer, message.id))) return false
      await reaction.handle(received, tx, prepared)
      return true
    })
    if (fresh) counters.handled++
    else counters.duplicates++
  }
  const subscription: Subscription = await broker.receive({
    queue: event.name,
    concurrency,
    onError: (error) =>
      log.warn('Work from a queue failed; the queue brings it again until it is dead', { consumer, queue: event.name, error }),
    onLapse: ({ id }, { attempt }) =>
      log.warn('Work from a queue takes longer than its lease; others get it', {
        consumer,
        queue: event.name,
        messageId: id,
        attempt,
      }),
    handle: async (message) => {
      inHand++
      try {
        await handle(message)
      } finally {
        inHand--
      }
    },
  })
  return {
    counters,
    parked: undefined,
    inHand: () => inHand,
    reasons: () => [],
    reading: async () => {
      const { count, oldest } = await broker.dead.count({ queue: event.name })
      return { consumer, kind: 'queue', topic: event.name, waiting: 0, deadLetters: count, held: 0, oldest }
    },
    stop: () => subscription.stop(UNBOUNDED),
  }
}

function statusOf(running: readonly RunningReaction[]): ConsumerStatus {
  const sum = (of: (reaction: RunningReaction) => number): number => running.reduce((total, reaction) => total + of(reaction), 0)
  return {
    waiting: sum(({ parked }) => parked?.count().waiting ?? 0),
    dead: sum(({ parked }) => parked?.count().dead ?? 0),
    inHand: sum((reaction) => reaction.inHand()),
    handled: sum(({ counters }) => counters.handled),
    duplicates: sum(({ counters }) => counters.duplicates),
    parked: sum(({ counters }) => counters.parked),
    reasons: running.flatMap((reaction) => reaction.reasons()),
  }
}

function fullText(consumer: string, parked: number, limit: number): string {
  return `Consumer "${consumer}" reads nothing more: ${parked} of its messages are parked, and ${limit} is the limit; retry or discard its dead letters`
}
