import { fileURLToPath } from 'node:url'
import type { DatabaseAdapter, DatabaseWorld, SqlStore } from './database.ts'
import { sqlite } from './sqlite/sqlite.ts'
import { sqlRows, type TestRows } from './rows.conformance.ts'
import type { AdapterModule } from './world.conformance.ts'

/**
 * The database that tests of what is built on stores run on: the embedded one, or whatever the module opens that
 * DURE_TEST_ADAPTER names. So another adapter's tests run these as well.
 */
export const adapterModule: URL = new URL(process.env['DURE_TEST_ADAPTER'] ?? import.meta.url)

/** False on the embedded database; elsewhere, for `test('…', { skip })`, why a test of its own is not run. */
export const elsewhere: string | false =
  process.env['DURE_TEST_ADAPTER'] === undefined ? false : `only on the embedded database, not ${fileURLToPath(adapterModule)}`

/** The embedded one. A killed process needs no flush to the disk. */
export function openAdapter(world: DatabaseWorld): DatabaseAdapter<SqlStore> {
  return sqlite({ durability: 'process' })(world)
}

const chosen = elsewhere === false ? { openAdapter } : ((await import(adapterModule.href)) as AdapterModule)

/** How tests keep rows of their own on it. */
export const rows: TestRows = chosen.rows ?? sqlRows

/** False where stores speak SQL; elsewhere, for `test('…', { skip })`, why a test that does is not run. */
export const noSql: string | false = chosen.rows === undefined ? false : 'only on databases that speak SQL'

/** One whose stores speak SQL, unless `noSql` says otherwise. */
export async function testAdapter(world: DatabaseWorld): Promise<DatabaseAdapter<SqlStore>> {
  return chosen.openAdapter(world) as DatabaseAdapter<SqlStore>
}
