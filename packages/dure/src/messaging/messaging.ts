/** Telling others: events on topics, work on queues, retries, dead letters; and the embedded broker. */
export type {
  Broker,
  DeadMessage,
  DeadWork,
  Delivery,
  GroupLag,
  QueueOptions,
  ReceiveOptions,
  Retention,
  SubscribeOptions,
  Subscription,
  TopicOptions,
} from './broker.ts'
export { retryPolicy, type RetryPolicy } from './retry.ts'
export { embeddedBroker, type EmbeddedBrokerOptions } from './embedded/embedded.ts'
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
export { queue } from './queue.ts'
export {
  createConsumer,
  type Consumer,
  type ConsumerLimits,
  type ConsumerOptions,
  type ConsumerReaction,
  type ConsumerStatus,
} from './consumer.ts'
export { deadLetters, type DeadLetter, type DeadLetterFilter, type DeadLetterGroup, type DeadLetters } from './dead-letters.ts'
export { HopelessError } from './hopeless.ts'
export type { Received } from './lanes.ts'
