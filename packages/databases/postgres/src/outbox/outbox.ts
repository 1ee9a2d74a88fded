/**
 * The outbox on PostgreSQL: many writers, any number of relays, nothing skipped and each key in order.
 * With the chassis it is a store's own; alone it is `createPublisher` in the application's transactions, and
 * `pollingRelay` in any process.
 */
export { createPublisher, type NewMessage, type Publish, type PublisherOptions, type Querying } from './publish.ts'
export { deadLetterSchema, outboxMigrations, outboxSchema } from './schema.ts'
export {
  checkMode,
  createWalPublisher,
  fitForWal,
  openOutbox,
  removeSlot,
  walRelay,
  type Alarm,
  type Mode,
  type OutboxMode,
  type RemovedSlot,
  type StoreOutbox,
  type WalLimits,
  type WalPublisherOptions,
  type WalRelay,
  type WalRelayOptions,
  type WalRelayState,
} from './wal/wal.ts'
export { rowOf } from './rows.ts'
export type { RelayLimits } from './limits.ts'
export {
  createPostgresOutbox,
  pollingRelay,
  type PollingRelay,
  type PollingRelayOptions,
  type Horizon,
  type RelayState,
} from './polling/polling.ts'
