import type { DatabaseAdapter, DatabaseWorld } from 'dure/data'
import { conformanceAdapter } from './adapter.test-support.ts'

/** What the conformance suite, and the processes it kills, open on PostgreSQL 18. */
export function openAdapter(world: DatabaseWorld): Promise<DatabaseAdapter> {
  return conformanceAdapter(world, 18)
}
