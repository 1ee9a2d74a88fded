import type { AnyEvent, Message } from '../../contract/contract.ts'
import type { Inbox, Store, StoreTransaction } from '../../data/data.ts'
import { FencedError, UNPARTITIONED } from '../../data/internal.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { UNBOUNDED, type Subscription } from '../broker-adapter.ts'
import type { Broker } from '../broker.ts'
import { isUnreadable } from '../cloud-events/cloud-events.ts'
import { createHands, openParked, sumOf, type Parked, type ParkedCount } from '../parked/parked.ts'
import type { RetryPolicy } from '../retry.ts'
import { createEffectPipeline, type Effect } from './effect.ts'
import { createIntake, fullText, type Intake } from './intake.ts'
import { inOrderOfKeys } from './key-order.ts'
import { createKeyedProcessor, type Counters } from './keyed-processor.ts'
import { createNewer, type Newer } from './newer.ts'
import { createPartitions, type Found, type Partitions, type PartitionWork } from './partitions.ts'
import type { Semaphore } from './semaphore.ts'
import type { TransactionBatcher } from './transaction-batcher.ts'

/** What a consumer does with the messages of one topic, or with the work of one queue. */
export type ConsumerReaction<Tx = StoreTransaction> = Effect<Tx> & {
  readonly kind: 'topic' | 'queue'
  readonly event: AnyEvent
  /** Other events of the same topic that it takes as well: what one key says in several of them stays in order. */
  readonly others?: readonly AnyEvent[] | undefined
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
  /** Messages that have had their effect since the start; undefined of an outbox. */
  readonly handled?: number
}

export type RunningReaction = {
  readonly consumer: string
  readonly kind: 'topic' | 'queue'
  readonly topic: string
  readonly counters: Counters
  /** Over all partitions that are this member's. */
  readonly parked: () => ParkedCount
  readonly inHand: () => number
  readonly reasons: () => readonly string[]
  /** Looks at its parked messages again: those of a partition, or all. */
  readonly reload: (partition?: number) => Promise<void>
  /** Dead letters of each of its partitions, as far as is known here. */
  readonly letters: () => readonly { readonly partition: number; readonly letters: number }[]
  readonly stop: () => Promise<void>
  /** Waits for nothing. */
  readonly drop: () => void
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
}

/** What reads a partition. */
type Reader = PartitionWork & { readonly partition: number; readonly parked: Parked; readonly intake: Intake }

/** Batches read with care after a crash, at most: the message that did it may sit behind others that were done but not yet noted as read. */
const MOST_CAREFUL = 16
/** Milliseconds for which who begins a try of work that many receive has it: longer than a transaction, and than one that is prepared. */
const LEASE = { plain: 10_000, prepared: 45_000 }

/** Starts to react: parked messages first where they were left, then what the broker has. */
export async function startReaction(given: StartReaction): Promise<RunningReaction> {
  const options = { ...given, newer: createNewer(given) }
  const { store, runtime, log, limits, reaction, consumer } = options
  const { kind, event } = reaction
  const counters: Counters = { handled: 0, duplicates: 0, parked: 0 }
  const count = (): ParkedCount => sumOf(partitions.all().map(({ parked }) => parked.count()))
  const open = opening(options, counters, count)
  const partitions = createPartitions({ store, runtime, log, consumer, open })
  const subscription = await subscribe(options, partitions).catch(async (error: unknown) => {
    await partitions.stop()
    throw error
  })
  // Those that are this member's already: what is parked is known when it has started.
  await partitions.settled()
  return {
    ...{ consumer, kind, topic: event.topic, counters, parked: count },
    inHand: () =>
      partitions.all().reduce((sum, { intake, parked }) => sum + intake.inHand() + parked.count().trying, partitions.opening()),
    reasons: () => (partitions.all().some(({ intake }) => intake.full()) ? [fullText(consumer, count(), limits.parked)] : []),
    reload: async (which) => {
      const wanted = partitions.all().filter(({ partition }) => which === undefined || partition === which)
      await Promise.all(wanted.map(({ parked }) => parked.reload()))
    },
    letters: () => partitions.all().map(({ partition, parked }) => ({ partition, letters: parked.count().letters })),
    stop: async () => {
      await subscription.stop(UNBOUNDED)
      await partitions.stop()
    },
    drop: partitions.drop,
  }
}

/** How a partition that is this member's is read: its parked messages are loaded, and after a crash the first ones read with care. */
function opening(
  options: StartReaction & { readonly newer: Newer },
  counters: Counters,
  count: () => ParkedCount,
): (found: Found) => Promise<Reader> {
  const { store, inbox, runtime, log, limits, semaphore, batcher, reaction, consumer, newer } = options
  const { kind, event, others, retry, concurrency } = reaction
  // Work that has no key holds nobody but itself.
  const keyOf = ({ key, id }: Message): string => (kind === 'queue' && key === '' ? id : key)
  const { marks } = store.records.lookup ?? {}
  const pipeline = createEffectPipeline({ inbox, consumer, kind, events: [event, ...(others ?? [])], effect: reaction, marks })
  const hands = createHands(concurrency)
  return async ({ fence: raised, crashes, crashed, lost }) => {
    const { partition } = raised
    const fence = kind === 'queue' ? undefined : raised
    const parked = await openParked({
      ...{ store, consumer, runtime, log, retry, hands, fence, crashed, lost },
      lease: kind === 'queue' && store.sharing === 'shared' ? LEASE[pipeline.prepare ? 'prepared' : 'plain'] : undefined,
      isForLater: async (message) => newer.is(message) && !(await newer.isAlone()),
      tryAgain: (message, finish, attempt) => {
        const work = async (): Promise<void> => {
          const received = await pipeline.read(message, { attempt, partition: fence?.partition, position: undefined })
          const prepared = await pipeline.prepare?.(received)
          const apply = (instead?: ReturnType<typeof pipeline.instead>): Promise<void> =>
            store.transaction(async (tx) => {
              if (!(await finish(tx))) return
              const outcome = await pipeline.apply(tx, { received, prepared, fence, instead })
              tx.onCommit(() => void (outcome === 'handled' ? counters.handled++ : counters.duplicates++))
            })
          await apply().catch((error: unknown) => {
            const instead = pipeline.instead(received, error)
            if (instead === undefined) throw error
            return apply(instead)
          })
        }
        return reaction.around === undefined || attempt === 1 ? work() : reaction.around(message, attempt, work)
      },
    })
    const process = createKeyedProcessor({ store, fence, pipeline, keyOf, concurrency, parked, counters, batcher })
    const careful = crashes === 0 ? 0 : Math.min(MOST_CAREFUL, 4 ** (crashes - 1)) * limits.batch
    const intake = createIntake({ kind, consumer, limits, semaphore, careful, parked, count, keyOf, process })
    return { partition, parked, intake, stop: parked.stop }
  }
}

async function subscribe(
  { store, broker, runtime, log, limits, reaction, consumer, newer }: StartReaction & { readonly newer: Newer },
  partitions: Partitions<Reader>,
): Promise<Subscription> {
  const { kind, event, others = [], concurrency } = reaction
  const types = new Set([event, ...others].map(({ name }) => name))
  const onError = (error: unknown): void =>
    log.warn('Messages could not be taken; the broker brings them again', { consumer, error })
  const take = async (messages: readonly Message[], partition: number, positions?: readonly string[]): Promise<void> => {
    try {
      await (await partitions.of(partition)).intake.take(messages, positions)
    } catch (error) {
      if (error instanceof FencedError) partitions.lost(partition)
      throw error
    }
  }
  if (kind === 'queue') {
    await partitions.assigned({ topic: event.name, partition: UNPARTITIONED, epoch: 0, broker: '' })
    const handle = async (message: Message): Promise<void> => {
      if (newer.is(message) && !(await newer.isAlone())) throw newer.refusal(message)
      await take([message], UNPARTITIONED)
    }
    const inOrder = inOrderOfKeys({ handle, clock: runtime.clock, alone: store.sharing !== 'shared' })
    return broker.receive({ queue: event.name, concurrency, onError, handle: inOrder })
  }
  return broker.subscribe({
    group: consumer,
    topics: [event.topic],
    batch: limits.batch,
    onError,
    assigned: partitions.assigned,
    revoked: ({ partition }) => partitions.revoked(partition),
    deliver: async (batch, { partition }) => {
      // Others of its topic are for others; of what nobody can read nobody knows for whom it is.
      const ours = batch.filter(({ message }) => types.has(message.type) || isUnreadable(message))
      const own = ours.map(({ message }) => message)
      const positions = ours.map(({ position }) => position)
      const at = own.findIndex(newer.is)
      if (at < 0 || (await newer.isAlone())) return own.length > 0 ? take(own, partition, positions) : undefined
      // What comes before it is known; done now, it is known again by its marks.
      if (at > 0) await take(own.slice(0, at), partition, positions)
      throw newer.refusal(own[at]!)
    },
  })
}
