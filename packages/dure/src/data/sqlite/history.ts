import { existsSync } from 'node:fs'
import { nodeSqlite } from '../../runtime/internal.ts'
import type { Migrations } from '../database.ts'
import { appliedMigration, plan } from '../migrations.ts'
import { ownMigrations } from '../own-tables.ts'

/**
 * How the history of a store's file goes with a program's migrations, for tools; undefined where there is no file. Opened for reading,
 * beside whoever has it open.
 * @throws {CallError} FAILED_PRECONDITION as opening the store would
 */
export function sqliteHistory(options: { readonly file: string; readonly service: string; readonly migrations: Migrations }):
  | {
      /** To be applied at the next start. */
      readonly pending: readonly string[]
      /** Applied by a newer program, which has only added to it. */
      readonly newer: readonly string[]
    }
  | undefined {
  const { file, service } = options
  if (!existsSync(file)) return undefined
  const migrations = { ...ownMigrations, ...options.migrations }
  const { DatabaseSync } = nodeSqlite()
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const recorded = database.prepare("SELECT name FROM sqlite_schema WHERE name = 'dure_migrations'").get() !== undefined
    const applied = recorded ? database.prepare('SELECT * FROM dure_migrations ORDER BY name').all().map(appliedMigration) : []
    const pending = plan(service, migrations, applied).map(([name]) => name)
    return { pending, newer: applied.map(({ name }) => name).filter((name) => !Object.hasOwn(migrations, name)) }
  } finally {
    database.close()
  }
}
