/** A service's own data: one database per service, transactions, outbox, inbox. */
export { database } from './database.ts'
export { sqlite, type SqliteOptions } from './sqlite/sqlite.ts'
export type {
  Database,
  DatabaseAdapter,
  DatabaseDefinition,
  DatabaseWorld,
  Migration,
  Migrations,
  SqlRow,
  SqlValue,
  Store,
  StoreTransaction,
  Transaction,
} from './database.ts'
