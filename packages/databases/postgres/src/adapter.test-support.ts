import { createHash } from 'node:crypto'
import { Client } from 'pg'
import type { DatabaseAdapter, DatabaseWorld, SqlStore } from 'dure/data'
import { postgres, type PostgresOptions } from './postgres.ts'
import type { ServerVersion } from './server.test-support.ts'

/** Where the server of the test file is, for the processes that it starts. */
const variable = (version: ServerVersion): string => `DURE_TEST_POSTGRES_${version}`

/** Tells this process, and those it starts, where the conformance suite's server is. */
export function announce(version: ServerVersion, url: string): void {
  process.env[variable(version)] = url
}

/** A database of its own for each world, so that its stores begin empty. */
export async function conformanceAdapter(
  world: DatabaseWorld,
  version: ServerVersion,
  options: Partial<PostgresOptions> = {},
): Promise<DatabaseAdapter<SqlStore>> {
  const url = new URL(process.env[variable(version)]!)
  const database = `world_${createHash('sha256').update(world.directory).digest('hex').slice(0, 16)}`
  await createDatabase(url.href, database)
  url.pathname = `/${database}`
  return postgres({ url: url.href, ...options })(world)
}

/** Makes a database unless it is there. */
export async function createDatabase(url: string, database: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`CREATE DATABASE ${database} TEMPLATE template0`)
  } catch (error) {
    // There already: another process of the same world made it.
    if ((error as { code?: string }).code !== '42P04') throw error
  } finally {
    await client.end()
  }
}
