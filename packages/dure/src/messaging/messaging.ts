/** Telling others: events on topics, work on queues, retries, dead letters; and the embedded broker. */
export type {
  Broker,
  DeadCount,
  DeadMessage,
  DeadWork,
  Delivery,
  ForgetOptions,
  Forgotten,
  GroupLag,
  QueueOptions,
  ReceiveOptions,
  Retention,
  SubscribeOptions,
  Subscription,
  TopicOptions,
} from './broker.ts'
export { retryPolicy, type RetryPolicy } from './retry.ts'
export { embeddedBroker, type EmbeddedBrokerOptions, type EmbeddedBrokerWorld } from './embedded/embedded.ts'
export {
  brokerContract,
  brokerHandlers,
  remoteBroker,
  type BrokerClient,
  type BrokerContract,
  type BrokerHandlers,
  type BrokerHandlersOptions,
  type BrokerOperations,
  type RemoteBrokerOptions,
  type ServedBroker,
} from './remote/remote.ts'
export { partitionOf } from './partition.ts'
export { queue } from './queue.ts'
export {
  createConsumer,
  type Consumer,
  type ConsumerLimits,
  type ConsumerOptions,
  type ConsumerReaction,
  type ConsumerStatus,
  type ReactionReading,
} from './consumer.ts'
export {
  deadLetters,
  type AuditFilter,
  type DeadLetter,
  type DeadLetterChange,
  type DeadLetterDetail,
  type DeadLetterFilter,
  type DeadLetterGroup,
  type DeadLetters,
  type DeadLettersOptions,
  type MessageHead,
  type Page,
} from './dead-letters/dead-letters.ts'
export { openAside, type OutboxAside, type OutboxAsideOptions } from './aside.ts'
export { parkedTables, type LetterStore } from './parked-rows.ts'
export { HopelessError } from './hopeless.ts'
export type { Received } from './lanes.ts'
