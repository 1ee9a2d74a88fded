/** A service's own data: one database per service, transactions, outbox, inbox. */
export { clientDatabase, database } from './database.ts'
/**
 * SQL of one's own inside a typed query, parameters apart: sql`…${value}` (Kysely's).
 *
 * @example
 * ```ts
 * import { sql } from 'dure/data'
 *
 * const half = sql<number>`total / ${2}` // in `.select(half.as('half'))`, `.where(…)`, `.orderBy(…)`
 * console.log(typeof half.as) // → function
 * ```
 */
export { sql, type Kysely, type RawBuilder, type SelectQueryBuilder } from 'kysely'
export { sqlite, type SqliteOptions } from './sqlite/sqlite.ts'
export { bindDatabase, type BindOptions } from './bind.ts'
export type { Origin } from './origin.ts'
export { createOutbox } from './outbox.ts'
export type { Inbox, InboxTransaction, Mark } from './inbox.ts'
export type { OutboxMessage } from './outbox-row.ts'
export type {
  Claim,
  CommandKey,
  CommandOutcome,
  CommandRecord,
  CommandRun,
  DeadLetterAudit,
  DeadLetterDecision,
  DeadLetterFilter,
  DeadMessage,
  DeadMessageGroup,
  Fence,
  LookupRecords,
  MessageLookup,
  Retained,
  RetainedPart,
  ParkedId,
  ParkedKey,
  ParkedMessage,
  ParkedTotals,
  Raised,
  Records,
} from './records.ts'
export type {
  Database,
  DatabaseAdapter,
  DatabaseDefinition,
  DatabaseOf,
  DatabaseTime,
  DatabaseWorld,
  Migration,
  MigrationStep,
  Migrations,
  Outbox,
  OutboxOptions,
  OwnClient,
  SqlRow,
  SqlStore,
  SqlTransaction,
  SqlValue,
  Store,
  StoreTransaction,
  Transaction,
  TransactionOf,
} from './database.ts'
