import type { DatabaseAdapter, DatabaseWorld, SqlStore } from '../database.ts'
import { sqlite } from './sqlite.ts'

/** What the conformance suite and the processes it kills open. A killed process needs no flush to the disk. */
export function openAdapter(world: DatabaseWorld): DatabaseAdapter<SqlStore> {
  return sqlite({ durability: 'process' })(world)
}
