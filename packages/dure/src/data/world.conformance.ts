import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realRuntime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import type { DatabaseAdapter, DatabaseWorld, Migrations, SqlStore, Store } from './database.ts'
import { sqlRows, type TestRows } from './rows.conformance.ts'

/** A file that exports `openAdapter`: the suite imports it, and so does the process that it kills. */
export type AdapterModule<S extends Store = Store> = {
  readonly openAdapter: (world: DatabaseWorld) => DatabaseAdapter<S> | Promise<DatabaseAdapter<S>>
  /** How the suites keep rows of their own in it. Default: in SQL. */
  readonly rows?: TestRows
}

/** A world of its own for one test: stores are opened in it, and closed and removed with it. */
export type World<S extends Store = SqlStore> = {
  readonly directory: string
  readonly open: (service?: string, migrations?: Migrations) => Promise<S>
  readonly rows: TestRows
}

export const ordersTable: Migrations = {
  '0001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER NOT NULL)',
}

/** Runs `test` in a fresh world. */
export async function inWorld<S extends Store = SqlStore>(module: URL, test: (world: World<S>) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-database-'))
  const { openAdapter, rows = sqlRows } = (await import(module.href)) as AdapterModule<S>
  const stores: S[] = []
  try {
    const adapter = await openAdapter({ directory, runtime: realRuntime(), log: silentLogger() })
    await test({
      directory,
      rows,
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
export async function orderIds(store: Store, rows: TestRows = sqlRows): Promise<readonly string[]> {
  return (await rows.read(store, 'orders', 'id')).map((row) => String(row['id']))
}
