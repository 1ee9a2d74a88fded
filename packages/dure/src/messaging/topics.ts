import type { Message, Retention } from '../contract/contract.ts'
import type { BrokerAdapter, Subscription } from './broker-adapter.ts'
import type { FindOptions, Found } from './found.ts'

/**
 * The Topics port: topics with keys and partitions, which every group reads. At least once; order kept per key. Retries,
 * dead letters and deduplication are not the broker's: they live beside the consumer's own data (consumer/consumer.ts), so
 * that they are the same on every broker.
 *
 * Every adapter passes `brokerConformance` (broker.conformance.ts).
 */
export type Topics = BrokerAdapter & {
  /** Makes the topic if it is not there; partitions are only ever counted at the making. */
  readonly declareTopic: (topic: string, options?: TopicOptions) => Promise<void>
  /**
   * Appends all, in order. Resolved means durable. Rejected means that of each key none, all, or some of the first may be
   * there, and never a later one without those before it: so publishing the same list again, under the same ids, keeps the
   * order in which each came first. Subscribers may see a message before its publisher is told.
   */
  readonly publish: (messages: readonly Message[]) => Promise<void>
  /**
   * Makes a group known before it has a member, where it is not: from then on it misses nothing, on a broker without a log
   * too. Makes its topics where they are not there.
   */
  readonly declareGroup: (options: GroupOptions) => Promise<void>
  /** How many partitions a topic has. @throws {CallError} NOT_FOUND when nobody has declared it or published to it */
  readonly partitions: (topic: string) => Promise<number>
  /** Joins a consumer group. Each partition goes to one member of the group at a time. */
  readonly subscribe: (options: SubscribeOptions) => Promise<Subscription>
  /**
   * Milliseconds after which it brings no message of a topic a second time, at the latest: an upper bound, because brokers throw
   * away by the piece, and later than they are asked to. Infinity when it keeps them for ever. Of a topic that is not there
   * yet: what it would be.
   */
  readonly retention: (topic: string) => Promise<number>
  /** Moves a group on a topic: to the beginning, the end, a time, or in one partition behind a message. It must have no member. */
  readonly seek: (options: {
    group: string
    topic: string
    to: 'beginning' | 'end' | { time: number } | { partition: number; after: string }
  }) => Promise<void>
  /**
   * Forgets a group that nobody has any more, on one topic or on all: its position, and with it what it has not read. Answers
   * what that was; who did it and why is kept, or logged where the broker has no place for it. The group must have no member.
   */
  readonly forget: (options: ForgetOptions) => Promise<readonly Forgotten[]>
  /** Reads without a group, for people and tools: at most `limit` messages after a position (default: the oldest), fewer when they are large. */
  readonly browse: (options: BrowseOptions) => Promise<readonly Delivery[]>
  /**
   * Looks for messages without a group, for people and tools, within bounds of number, bytes and time; says whether there may be
   * more, and where it could not look: a broker without a log, work that only who takes it sees.
   * @throws {CallError} INVALID_ARGUMENT for a search that cannot be
   */
  readonly find: (options: FindOptions) => Promise<Found>
}

export type BrowseOptions = {
  readonly topic: string
  readonly partition: number
  readonly after?: string | undefined
  readonly limit: number
}

export type TopicOptions = {
  /** Default 8. */
  readonly partitions?: number
  readonly retention?: Retention
}

export type GroupOptions = {
  readonly group: string
  readonly topics: readonly string[]
  /** Where a group with no position starts. Default 'beginning'. */
  readonly from?: 'beginning' | 'end'
}

export type SubscribeOptions = GroupOptions & {
  /** Deliveries handed over at once, at most. Default 256. */
  readonly batch?: number
  /**
   * Takes a batch of one partition, in order. When it resolves, the batch counts as read (its last position is
   * committed, soon, not necessarily at once); when it rejects, the same batch comes again after a pause, and where it was
   * rejected because it is of a later release (`isNewerMessage`) to another member, as far as there is one.
   * The next batch of a partition comes only after this one settled.
   */
  readonly deliver: (
    batch: readonly Delivery[],
    partition: { readonly topic: string; readonly partition: number },
  ) => Promise<void>
  /**
   * Told that a partition is this member's from now on, and waited for before anything of it is delivered. May answer the
   * position after which to read, where the member keeps its positions itself. A rejection is asked again after a pause.
   */
  readonly assigned?: (assignment: Assignment) => Promise<{ readonly after: string } | undefined | void>
  /**
   * Told that a partition is to go to another member, after the batch in hand has settled, and waited for before the other
   * has it. Who has lost its connection to the broker has lost its partitions without this; what it gets again has a later
   * epoch.
   */
  readonly revoked?: (partition: { readonly topic: string; readonly partition: number }) => Promise<void>
  /** Told of trouble that is being retried. */
  readonly onError?: (error: unknown) => void
}

export type ForgetOptions = {
  readonly group: string
  /** Default: all that the group has a position on. */
  readonly topic?: string | undefined
  readonly reason: string
  readonly by?: string | undefined
}

export type Forgotten = { readonly topic: string; readonly unread: number }

/** A partition that is a member's, until it is revoked or assigned to another in a later epoch. */
export type Assignment = {
  readonly topic: string
  readonly partition: number
  /** Grows with every assignment of this partition to its group, over restarts of the broker too. */
  readonly epoch: number
  /** Which broker this is: another one when it has lost what it had, for then it counts anew. */
  readonly broker: string
}

/** A message as a consumer meets it. */
export type Delivery = {
  readonly message: Message
  readonly partition: number
  /** Where it stands in its partition, as its broker says it: to be given back to that broker, and never computed with. */
  readonly position: string
}
