import type { AnyEvent, Message } from '../../contract/contract.ts'
import type { Inbox, Store, StoreTransaction } from '../../data/data.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { UNBOUNDED, type Subscription } from '../adapter.ts'
import type { Broker } from '../broker.ts'
import { openParked, type Parked } from '../parked/parked.ts'
import type { RetryPolicy } from '../retry.ts'
import { createEffectPipeline, type Effect } from './effect.ts'
import { createIntake, fullText, type Intake } from './intake.ts'
import { createKeyedProcessor, type Counters } from './keyed-processor.ts'
import type { Semaphore } from './semaphore.ts'
import type { TransactionBatcher } from './transaction-batcher.ts'

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

export type ConsumerLimits = {
  /** Messages handed over by the broker at once. Default 128. */
  readonly batch: number
  /** Messages in hand over all reactions; the rest stays with the broker. Default 1024. */
  readonly inHand: number
  /** Parked messages of one reaction, from which on it reads nothing more. Default 10,000. */
  readonly parked: number
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

export type RunningReaction = {
  readonly counters: Counters
  readonly parked: Parked
  readonly inHand: () => number
  readonly reasons: () => readonly string[]
  readonly reading: () => ReactionReading
  readonly stop: () => Promise<void>
}

type StartReaction = {
  readonly store: Store
  readonly broker: Broker
  readonly runtime: Runtime
  readonly log: Logger
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

/** Starts to react: parked messages first where they were left, then what the broker has. */
export async function startReaction(options: StartReaction): Promise<RunningReaction> {
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
  const intake = createIntake({ ...options, kind, parked, keyOf, process })
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
        topic: event.topic,
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
