import type { Message } from '../../contract/contract.ts'
import type { GroupLag } from '../broker-adapter.ts'
import type { Broker } from '../broker.ts'
import type { Capabilities } from '../capabilities.ts'
import type { Receivers } from '../receivers.ts'
import type {
  BrowseOptions,
  Delivery,
  ForgetOptions,
  Forgotten,
  GroupOptions,
  SubscribeOptions,
  TopicOptions,
} from '../topics.ts'

/**
 * What an adapter supplies: what its server does. Names and numbers that come here have been checked, messages are copies that
 * nobody changes, `onError` cannot throw, and nothing comes once `close` has been called.
 */
export type BrokerServer = {
  readonly capabilities: Capabilities
  /** Makes it where it is not there; and gives it the retention, where one is asked for. */
  readonly declareTopic: (topic: string, options: TopicOptions) => Promise<void>
  /** Undefined: it is not there. */
  readonly partitions: (topic: string) => Promise<number | undefined>
  readonly retention: Broker['retention']
  /** Appends to one topic, which is made where it is not there. Of each key a first part may be there when this rejects. */
  readonly publish: (topic: string, messages: readonly Message[]) => Promise<void>
  readonly declareGroup: (options: Required<GroupOptions>) => Promise<void>
  /** Joins the group, which has been declared. Answers how to leave it. */
  readonly subscribe: (options: SubscribeOptions & Required<GroupOptions>) => Promise<() => Promise<void>>
  /** Whether the server may have given out this position. */
  readonly isPosition: (position: string) => boolean
  /** `beyond`: it has no such position any more, or not yet. */
  readonly seek: (options: Parameters<Broker['seek']>[0]) => Promise<'moved' | 'members' | 'beyond'>
  /** Answers of which topics it had a position; `members`: somebody reads as the group, and nothing was forgotten. */
  readonly forget: (options: ForgetOptions) => Promise<readonly Forgotten[] | 'members'>
  /** The partition is there, and `limit` is 1 or more. */
  readonly browse: (options: BrowseOptions) => Promise<readonly Delivery[]>
  /**
   * The position behind which all stands that came to a partition at that time (by the server's clock) or later; undefined: from the
   * oldest on. Default: that, always.
   */
  readonly behind?: (topic: string, partition: number, time: number) => Promise<string | undefined>
  readonly send: (queue: string, messages: readonly Message[]) => Promise<void>
  /** Begins to take messages of a queue for the receivers that this process has. */
  readonly receive: (queue: string, receivers: Receivers) => Promise<QueueSource>
  readonly lag: () => Promise<readonly GroupLag[]>
  /** A failure of the server in words: what was to be done, where, why not, what to do. Default: as it is. */
  readonly explain?: (action: string, error: unknown) => unknown
  /** Waits for what is under way beside subscriptions and receivers: part of a stop, and of its time. */
  readonly settle?: () => Promise<unknown>
  readonly close: () => Promise<void> | void
}

/** What takes messages of a queue from the server, one for all its receivers in this process. */
export type QueueSource = {
  /** There is room: takes more. Called whenever there is. */
  readonly wake: () => void
  /** Takes no more. Nothing is in hand then; what waits for another try goes to others. */
  readonly leave: () => Promise<void>
}
