import type { Records } from '../records.ts'
import type { DatabaseTime, SqlStore, SqlTransaction, StoreTransaction } from '../database.ts'
import { sqlDeadLetters } from './dead-letters.ts'
import { sqlIdempotency } from './idempotency.ts'
import { sqlInbox } from './inbox.ts'
import { sqlLookup } from './lookup.ts'
import { sqlOutbox } from './outbox.ts'
import { sqlOwnership } from './ownership.ts'
import { sqlParked } from './parked.ts'
import { sqlUpkeep } from './upkeep.ts'

export { sqlInbox } from './inbox.ts'
export type { SqlStatements } from './statements.ts'

/**
 * Dure's own records in the tables of `ownMigrations`, for any store that speaks SQL.
 * @param time by which is told how old something is
 * @param waits by which something waits, where another time is better for that
 */
export function sqlRecords(
  { select }: Pick<SqlStore, 'select'>,
  time: DatabaseTime,
  waits: DatabaseTime = time,
): Records<StoreTransaction> {
  const records: Records<SqlTransaction> = {
    outbox: sqlOutbox(select),
    inbox: sqlInbox,
    idempotency: sqlIdempotency(select, time),
    ownership: sqlOwnership,
    parked: sqlParked(select, waits),
    deadLetters: sqlDeadLetters(select),
    upkeep: sqlUpkeep(select, time),
    lookup: sqlLookup(select, waits),
  }
  // A store's records are given that store's transactions only.
  return records as Records<StoreTransaction>
}
