/**
 * The outbox by itself, for an application with `pg` and transactions of its own: `createPublisher` in them, and a relay
 * in any process; or by the database's log, with the table or without.
 */
export { createLogPublisher, logRelay, removeSlot } from './log/log.ts'
export type {
  Alarm,
  LogLimits,
  LogPublisherOptions,
  LogRelay,
  LogRelayOptions,
  LogRelayState,
  RemovedSlot,
  Way,
} from './log/log.ts'
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
