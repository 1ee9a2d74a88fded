import type { DatabaseAdapter, DatabaseWorld, SqlStore } from 'dure/data'
import { conformanceAdapter } from './adapter.test-support.ts'

/** What the conformance suite, and the processes it kills, open on PostgreSQL 15. */
export function openAdapter(world: DatabaseWorld): Promise<DatabaseAdapter<SqlStore>> {
  return conformanceAdapter(world, 15)
}
