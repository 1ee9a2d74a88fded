/** What adapters of the Database port are built with, beside the port itself: `dure/data/adapter`. */
export { migrate } from './migrations.ts'
export { createDelivery, type Delivery, type DeliveryOptions } from './delivery.ts'
export { directKysely, noDriver, type DirectKysely } from './kysely.ts'
export { OUTBOX_COLUMNS, outboxMessage, outboxValues } from './outbox-row.ts'
export { createMember, type Member } from './member.ts'
export {
  closed,
  crowded,
  cutOff,
  full,
  nested,
  readClosed,
  readOnly,
  snapshotOver,
  tooLong,
  unholdable,
  unusableTimeout,
} from './errors.ts'
