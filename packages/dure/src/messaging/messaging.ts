/** Telling others: events on topics, work on queues, retries, dead letters; and the embedded broker. */
export type {
  Broker,
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
