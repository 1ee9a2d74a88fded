/**
 * The outbox by itself, for an application with `pg` and transactions of its own: `createPublisher` in them, and a relay
 * in any process, which delivers from the table or, `walRelay`, from the database's log.
 */
export { walRelay } from './outbox/outbox.ts'
export type { Alarm, WalLimits, WalRelay, WalRelayOptions, WalRelayState, Mode } from './outbox/outbox.ts'
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
