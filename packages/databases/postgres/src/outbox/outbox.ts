/**
 * The outbox on PostgreSQL: many writers, any number of relays, nothing skipped and each key in order.
 * With the chassis it is a store's own; alone it is `createPublisher` in the application's transactions, and
 * `pollingRelay` or `walRelay` in any process.
 */
export { createPublisher, type NewMessage, type Publish, type PublisherOptions, type Querying } from './publish.ts'
export { deadLetterSchema, outboxMigrations, outboxSchema } from './schema.ts'
export { checkMode, fitForWal, openOutbox, type OutboxMode, type StoreOutbox } from './store-outbox.ts'
export {
  pollingRelay,
  walRelay,
  type PollingRelay,
  type PollingRelayOptions,
  type WalRelay,
  type WalRelayOptions,
} from './relays.ts'
export type { WalRelayState } from './relay.ts'
export type { Alarm, Mode, WalLimits } from './wal/wal.ts'
export type { RelayLimits } from './limits.ts'
export type { Horizon, RelayState } from './polling/polling.ts'
