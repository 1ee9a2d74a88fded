/**
 * The outbox by itself, for an application with `pg` and transactions of its own: `createPublisher` in them, and a relay
 * in any process.
 */
export { createPublisher, outboxSchema, pollingRelay } from './outbox/outbox.ts'
export type {
  Horizon,
  NewMessage,
  PollingRelay,
  PollingRelayOptions,
  Publish,
  PublisherOptions,
  Querying,
  RelayLimits,
  RelayState,
} from './outbox/outbox.ts'
