/** Telling others: events on topics, work on queues, retries, dead letters; and the embedded broker. */
export type { BrokerAdapter, GroupLag, Reach, Subscription } from './broker-adapter.ts'
export type { Broker } from './broker.ts'
export type { Capabilities } from './capabilities.ts'
export type { FindBy, FindOptions, Found, FoundMessage, Unseen } from './found.ts'
export type { Queues, ReceiveOptions } from './queues.ts'
export type {
  Assignment,
  BrowseOptions,
  Delivery,
  ForgetOptions,
  Forgotten,
  GroupOptions,
  SubscribeOptions,
  TopicOptions,
  Topics,
} from './topics.ts'
export { retryPolicy, type RetryPolicy } from './retry.ts'
export { embeddedBroker, type EmbeddedBrokerOptions, type EmbeddedBrokerWorld } from './embedded/embedded.ts'
export { queue } from './queue.ts'
export {
  createConsumer,
  type Consumer,
  type ConsumerLimits,
  type ConsumerOptions,
  type ConsumerReaction,
  type ConsumerStatus,
  type ReactionReading,
} from './consumer/consumer.ts'
export {
  type AuditFilter,
  type DeadLetter,
  type DeadLetterChange,
  type DeadLetterDetail,
  type DeadLetterFilter,
  type DeadLetterGroup,
  type DeadLetters,
  type MessageHead,
  type Page,
} from './dead-letters/dead-letters.ts'
export { NonRetryableError } from './non-retryable.ts'
