/**
 * The outbox by itself, for an application with `pg` and transactions of its own: `createPublisher` in them, and a relay
 * in any process; or by the database's log, with the table or without.
 */
export { createWalPublisher, walRelay, removeSlot } from './outbox/outbox.ts'
export type {
  Alarm,
  WalLimits,
  WalPublisherOptions,
  WalRelay,
  WalRelayOptions,
  WalRelayState,
  RemovedSlot,
  Mode,
} from './outbox/outbox.ts'
export { createPublisher, deadLetterSchema, outboxSchema, pollingRelay } from './outbox/outbox.ts'
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
