import type { DatabaseAdapter, DatabaseWorld, SqlStore } from 'dure/data'
import { conformanceAdapter } from './adapter.test-support.ts'

/** PostgreSQL 18, with outboxes that are read from its log. */
export function openAdapter(world: DatabaseWorld): Promise<DatabaseAdapter<SqlStore>> {
  return conformanceAdapter(world, 18, { outbox: 'wal' })
}
