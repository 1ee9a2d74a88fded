/** What Dure's own rooms and packages share of `data`, and no promise to anybody else. */
export { announce, bindTransaction, messageOf, type Join } from './bind.ts'
export { constraintOf, type ConstraintKind } from './constraint.ts'
export { createInbox, INBOX_RETENTION } from './inbox.ts'
export type { Aside } from './database.ts'
export { countedStatements, messageAttributes, STATEMENT_COUNTS, tellRelayed } from './tracing.ts'
export type { StatementCounts } from './transaction.ts'
export { FencedError } from './fenced.ts'
export { UNPARTITIONED } from './records.ts'
export { createStatements, places, type ClockedStatements } from './clocked-statements.ts'
export { shortHash } from './short-hash.ts'

// What adapters of the Database port are built with, beside the port itself.
export { describeMigration, migrate, type MigrationDescription } from './migrations.ts'
export { ownMigrations } from './own-tables.ts'
export { sqlRecords } from './sql/sql.ts'
export { createDelivery, timely, type Delivery, type DeliveryOptions } from './delivery.ts'
export { columnOf, shownJson, shownMoment, type Tables } from './columns.ts'
export { directKysely, noDriver, type DirectKysely } from './kysely.ts'
export { namesOf, numbered, quoted, RESERVED } from './names.ts'
export { createBinding, type Binding } from './parameters.ts'
export { dataSize, OUTBOX_COLUMNS, outboxMessage, outboxValues, type OutboxRow } from './outbox-row.ts'
export { createMember, type Member } from './member.ts'
export { RELAY_DEFAULTS } from './relay.ts'
export {
  sqliteConnection,
  sqliteHistory,
  sqliteKysely,
  sqliteStatements,
  type KyselyConnection,
  type Statements,
} from './sqlite/sqlite.ts'
export {
  closed,
  crowded,
  cutOff,
  full,
  nested,
  outlasted,
  readClosed,
  readOnly,
  snapshotOver,
  tooLong,
  unusableTimeout,
} from './errors.ts'
