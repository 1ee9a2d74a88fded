import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realRuntime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import type { DatabaseAdapter, DatabaseWorld, Migrations, SqlStore } from './database.ts'

/** A file that exports `openAdapter`: the suite imports it, and so does the process that it kills. */
export type AdapterModule = {
  readonly openAdapter: (world: DatabaseWorld) => DatabaseAdapter<SqlStore> | Promise<DatabaseAdapter<SqlStore>>
}

/** A world of its own for one test: stores are opened in it, and closed and removed with it. */
export type World = {
  readonly directory: string
  readonly open: (service?: string, migrations?: Migrations) => Promise<SqlStore>
}

export const ordersTable: Migrations = {
  '0001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER NOT NULL)',
}

/** Runs `test` in a fresh world. */
export async function inWorld(module: URL, test: (world: World) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-database-'))
  const { openAdapter } = (await import(module.href)) as AdapterModule
  const stores: SqlStore[] = []
  try {
    const adapter = await openAdapter({ directory, runtime: realRuntime(), log: silentLogger() })
    await test({
      directory,
      open: async (service = 'orders', migrations = ordersTable) => {
        const store = await adapter.open(service, { migrations })
        stores.push(store)
        return store
      },
    })
  } finally {
    for (const store of stores) await store.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A promise and its handle. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

/** The ids in the table of orders, in order. */
export async function orderIds(store: SqlStore): Promise<readonly string[]> {
  return (await store.select('SELECT id FROM orders ORDER BY id')).map((row) => String(row['id']))
}
