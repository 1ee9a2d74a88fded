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
