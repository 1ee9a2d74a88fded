/** What an adapter for a store of another kind than SQL is written with, beside the port itself. */
export { applyMigrations, type AppliedMigration } from './migrations.ts'
export { cautiousTime } from '../runtime/internal.ts'
export { FencedError } from './fenced.ts'
export { serialTransactions, type ClientTransaction, type SerialTransactions } from './serial-transactions.ts'
export { explain as explainSqlite, takeLock } from './sqlite-file/sqlite-file.ts'
