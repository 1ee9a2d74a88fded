import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Client } from 'pg'
import type { Migrations, SqlStore } from 'dure/data'
import { realRuntime } from 'dure/runtime'
import { createLogger } from 'dure/telemetry'
import { createDatabase } from './adapter.test-support.ts'
import { postgres, type PostgresOptions } from './postgres.ts'

export const runtime = realRuntime()

export const ordersTable: Migrations = { '0001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER NOT NULL)' }

/** A database of the test's own on a server, and stores in it that are stopped with the test. */
export type Rig = {
  /** The administrator's way in. */
  readonly url: string
  readonly database: string
  readonly lines: readonly string[]
  readonly open: (options?: Partial<PostgresOptions>, service?: string, migrations?: Migrations) => Promise<SqlStore>
  /** Runs statements as the administrator; answers with the last one's rows. */
  readonly ask: (...statements: readonly string[]) => Promise<Record<string, unknown>[]>
}

let databases = 0

export async function makeRig(t: TestContext, serverUrl: string): Promise<Rig> {
  const database = `test_${process.pid}_${++databases}`
  await createDatabase(serverUrl, database)
  const url = at(serverUrl, database)
  const directory = mkdtempSync(join(tmpdir(), 'dure-postgres-test-'))
  const lines: string[] = []
  const stores: SqlStore[] = []
  t.after(async () => {
    for (const store of stores) await store.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const log = createLogger({ clock: runtime.clock, write: (line) => void lines.push(line) })
  return {
    url,
    database,
    lines,
    open: async (options = {}, service = 'orders', migrations = ordersTable) => {
      const store = await postgres({ url, ...options })({ directory, runtime, log }).open(service, { migrations })
      stores.push(store)
      return store
    },
    ask: (...statements) => ask(url, ...statements),
  }
}

/** The same server, another database. */
export function at(serverUrl: string, database: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${database}`
  return url.href
}

export async function ask(url: string, ...statements: readonly string[]): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    let rows: Record<string, unknown>[] = []
    for (const sql of statements) ({ rows } = await client.query(sql))
    return rows
  } finally {
    await client.end()
  }
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  // The test's own timeout is the bound.
  while (!(await condition())) await new Promise((resolve) => void setTimeout(resolve, 2))
}
