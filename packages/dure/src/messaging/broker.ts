import type { Message } from '../contract/contract.ts'
import { type Timers } from '../runtime/runtime.ts'
import { inTime } from '../runtime/internal.ts'

/**
 * The Broker port: durable topics with keys and partitions, and queues. At least once; order kept per
 * key. Retries, dead letters and deduplication are not the broker's: they live beside the consumer's
 * own data (consumer.ts), so that they are the same on every broker.
 *
 * Every adapter passes `brokerConformance` (broker.conformance.ts).
 */
export type Broker = {
  /** Name of the adapter, for messages and health. */
  readonly name: string
  /** Makes the topic if it is not there; partitions are only ever counted at the making. */
  readonly declareTopic: (topic: string, options?: TopicOptions) => Promise<void>
  /**
   * Appends all, in order. Resolved means durable; rejected means none or some may be there (publish again). Subscribers
   * may see a message before its publisher is told: who publishes the same message again gives it the same id.
   */
  readonly publish: (messages: readonly Message[]) => Promise<void>
  /** Joins a consumer group. Each partition goes to one member of the group at a time. */
  readonly subscribe: (options: SubscribeOptions) => Promise<Subscription>
  /** Makes the queue if it is not there. */
  readonly declareQueue: (queue: string, options?: QueueOptions) => Promise<void>
  /** Puts messages on the queue of their `type`; visible after `delay` milliseconds. Resolved means durable. */
  readonly send: (messages: readonly (Message & { readonly delay?: number })[]) => Promise<void>
  /** Starts a competing consumer of a queue. */
  readonly receive: (options: ReceiveOptions) => Promise<Subscription>
  /** Queue messages that have had all their attempts. */
  readonly dead: DeadWork
  /** What each group has still to read, and each queue (as group 'queue') has still to do: for health, metrics and waiting for quiet. */
  readonly lag: () => Promise<readonly GroupLag[]>
  /**
   * Milliseconds after which it brings no message of a topic a second time, because it has thrown it away; Infinity when it
   * keeps them for ever. Of a topic that is not there yet: what it would be.
   */
  readonly keeps: (topic: string) => Promise<number>
  /** Moves a group's position on a topic: to an offset per partition, to a time, or to the beginning. The group must have no member. */
  readonly seek: (options: {
    group: string
    topic: string
    to: 'beginning' | 'end' | { time: number } | { partition: number; offset: number }
  }) => Promise<void>
  /**
   * Forgets a group that nobody has any more, on one topic or on all: its position, and with it what it has not read. Answers
   * what that was; who did it and why is kept. The group must have no member.
   */
  readonly forget: (options: ForgetOptions) => Promise<readonly Forgotten[]>
  /** Reads without a group, for people and tools: at most `limit` messages from a position on, fewer when they are large. */
  readonly browse: (options: { topic: string; partition: number; from: number; limit: number }) => Promise<readonly Delivery[]>
  /** Waits for what is in hand, up to `timeout` milliseconds (default 10,000), and ends. What is left then comes again. */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

/** Milliseconds that a stop waits for what is in hand, unless it is told. */
export const STOP_TIMEOUT = 10_000

export type TopicOptions = {
  /** Default 8. */
  readonly partitions?: number
  readonly retention?: Retention
}

/** What may be thrown away: older than `ms`, or the oldest past `bytes` per topic. Default 7 days, 1 GiB. */
export type Retention = { readonly ms?: number; readonly bytes?: number }

export type QueueOptions = {
  /** Milliseconds a receiver may keep a message before others get it. Default 30,000. */
  readonly lease?: number
  /** Deliveries after which a message is dead. Default 10. */
  readonly attempts?: number
}

export type SubscribeOptions = {
  readonly group: string
  readonly topics: readonly string[]
  /** Where a group with no position starts. Default 'beginning'. */
  readonly from?: 'beginning' | 'end'
  /** Deliveries handed over at once, at most. Default 256. */
  readonly batch?: number
  /**
   * Takes a batch of one partition, in order. When it resolves, the batch counts as read (its last offset is
   * committed, soon, not necessarily at once); when it rejects, the same batch comes again after a pause.
   * The next batch of a partition comes only after this one settled.
   */
  readonly deliver: (
    batch: readonly Delivery[],
    partition: { readonly topic: string; readonly partition: number },
  ) => Promise<void>
  /** Told of trouble that is being retried. */
  readonly onError?: (error: unknown) => void
}

export type ReceiveOptions = {
  readonly queue: string
  /** Messages worked on at once. Default 16. */
  readonly concurrency?: number
  /**
   * Resolved means acknowledged; rejected means it comes again after a backoff, to anyone, until it is dead
   * (at once, when rejected with a NonRetryableError).
   */
  readonly handle: (message: Message, delivery: { readonly attempt: number }) => Promise<void>
  readonly onError?: (error: unknown) => void
  /** Told of a message whose handler took longer than its lease: others get it, and how the handler ends counts for nothing. */
  readonly onLapse?: (message: Message, delivery: { readonly attempt: number }) => void
}

/** The same wish, whose listeners cannot throw: they are told of trouble, and must not be more of it. */
export function quietly<Wish extends Pick<ReceiveOptions, 'onError' | 'onLapse'>>(wish: Wish): Wish {
  const { onError, onLapse } = wish
  return { ...wish, ...(onError && { onError: silenced(onError) }), ...(onLapse && { onLapse: silenced(onLapse) }) }
}

function silenced<Told extends readonly unknown[]>(tell: (...told: Told) => void): (...told: Told) => void {
  return (...told) => {
    try {
      tell(...told)
    } catch {
      // Nobody else is there to be told.
    }
  }
}

/** The dead messages of queues; those of topics live beside their consumer (dead-letters.ts). */
export type DeadWork = {
  /** At most `limit` (default 100) after a place, oldest first; fewer when they are large. */
  readonly list: (options: { queue: string; limit?: number; after?: number }) => Promise<readonly DeadMessage[]>
  /** How many there are, and when one of the oldest failed. */
  readonly count: (options: { queue: string }) => Promise<DeadCount>
  /** Gives those of these message ids (all, when none are named) a fresh set of attempts; answers how many. */
  readonly retry: (options: { queue: string; ids?: readonly string[] }) => Promise<number>
  /** Replaces the data of those of this id; they stay dead. Answers how many. */
  readonly edit: (options: { queue: string; id: string; data: string }) => Promise<number>
  /** Takes them out for good; the reason is kept. */
  readonly discard: (options: { queue: string; ids: readonly string[]; reason: string }) => Promise<number>
}

export type DeadMessage = {
  readonly message: Message
  readonly attempts: number
  /** What its last attempt failed with. */
  readonly error: string
  /** Milliseconds since the epoch. */
  readonly failedAt: number
  /** Grows along the list. */
  readonly place: number
}

export type DeadCount = { readonly count: number; readonly oldest: number | undefined }

export type ForgetOptions = {
  readonly group: string
  /** Default: all that the group has a position on. */
  readonly topic?: string | undefined
  readonly reason: string
  readonly by?: string | undefined
}

export type Forgotten = { readonly topic: string; readonly unread: number }

export type Subscription = {
  /**
   * Takes nothing new, waits for what is in hand, commits positions, leaves the group. What takes longer than `timeout`
   * milliseconds (default 10,000; Infinity: no bound) is not waited for: its place in the group is given up when it ends.
   */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

/** A subscription that leaves once, however often it is stopped, each time for no longer than is said. */
export function subscriptionOf(timers: Timers, leave: () => Promise<void>): Subscription {
  let left: Promise<void> | undefined
  return {
    stop: ({ timeout = STOP_TIMEOUT } = {}) => {
      left ??= leave()
      return timeout === Infinity ? left : inTime(timers, timeout, left, () => {})
    },
  }
}

/** For whoever bounds the whole of a stop already. */
export const UNBOUNDED: { readonly timeout: number } = { timeout: Infinity }

export type GroupLag = {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** Messages not yet read. */
  readonly lag: number
  /** Who reads: members of the group, or receivers of the queue. With none and in no release, a group is to be forgotten. */
  readonly members?: number | undefined
  /** Messages that retention threw away before the group had read them, so far. */
  readonly lost?: number | undefined
  /** When the first of them was published (milliseconds since the epoch), where that is known. */
  readonly since?: number | undefined
}

/** A message as a consumer meets it. */
export type Delivery = {
  readonly message: Message
  readonly partition: number
  /** Position in its partition; grows, not necessarily by one. */
  readonly offset: number
}
