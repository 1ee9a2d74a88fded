import type { Records } from '../records.ts'
import type { SqlStore, SqlTransaction, StoreTransaction } from '../database.ts'
import { sqlConsumers } from './consumers.ts'
import { sqlIdempotency } from './idempotency.ts'
import { sqlInbox } from './inbox.ts'

export { sqlInbox, type SqlStatements } from './inbox.ts'

/**
 * Dure's own records in the tables of `ownMigrations`, for any store that speaks SQL.
 */
export function sqlRecords({ select }: Pick<SqlStore, 'select'>): Records<StoreTransaction> {
  const records: Records<SqlTransaction> = {
    inbox: sqlInbox,
    idempotency: sqlIdempotency(select),
    consumers: sqlConsumers,
  }
  // A store's records are given that store's transactions only.
  return records as Records<StoreTransaction>
}
