import { CallError } from 'dure/contract'
import type { Migrations, SqlTransaction } from 'dure/data'
import { createMember, migrate, namesOf, numbered, quoted } from 'dure/data/internal'
import type { Connection } from './connection.ts'
import type { StoreAddress } from './errors.ts'
import { kyselyConnection, postgresKysely } from './kysely.ts'
import { TABLES, tablesOf } from './values.ts'

/**
 * Brings the tables up to date on a session of its own, which nothing hurries. Whoever calls holds the store, so
 * two processes that start at once migrate it once.
 * @throws {CallError} FAILED_PRECONDITION when the tables are another service's, or a migration fails
 */
export async function migrateStore(
  connection: Connection,
  options: {
    readonly service: string
    readonly address: StoreAddress
    readonly migrations: Migrations
    readonly now: () => number
  },
): Promise<readonly string[]> {
  const { service, address, migrations, now } = options
  const transaction = async <T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> => {
    const member = createMember({
      all: async (sql, parameters) => (await connection.query(numbered(sql), parameters)).rows,
      run: async (sql, parameters) => (await connection.query(numbered(sql), parameters)).changed,
      kysely: (guard) => postgresKysely.transaction(kyselyConnection({ guard, query: connection.query })),
    })
    try {
      return await inTransaction(connection, () => work(member.tx))
    } finally {
      member.end('its work is over')
    }
  }
  return migrate({
    ...{ service, migrations, now },
    store: {
      first: () => checkOwner(connection, service, address),
      transaction,
      script: (sql, defined) => script(connection, sql, defined),
      verify: async () => {},
    },
  })
}

async function inTransaction<T>(connection: Connection, work: () => Promise<T>): Promise<T> {
  await connection.command('BEGIN')
  try {
    const value = await work()
    await connection.command('COMMIT')
    return value
  } catch (error) {
    await connection.command('ROLLBACK').catch(() => {})
    throw error
  }
}

/** Statements that would end the transaction that a migration runs in. */
const ENDS =
  /(?:^|;)(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:commit|rollback(?!\s+to\b)|abort|begin(?!\s+atomic\b)|start\s+transaction)\b/i

async function script(connection: Connection, sql: string, defined: ReadonlySet<string>): Promise<void> {
  const ended = new CallError(
    'FAILED_PRECONDITION',
    'it ends the transaction it runs in. To do: take BEGIN, COMMIT and the like out of it',
  )
  // Bodies of functions may begin and end what they like.
  if (ENDS.test(sql.replaceAll(/(\$\w*\$)[\s\S]*?\1|'(?:[^']|'')*'/g, "''"))) throw ended
  await connection.command('SAVEPOINT dure_script')
  const names = namesOf(tablesOf((await connection.query(TABLES)).rows))
  await connection.command(quoted(sql, new Set([...names, ...defined])))
  await connection.command('RELEASE dure_script').catch(() => {
    throw ended
  })
}

async function checkOwner(connection: Connection, service: string, address: StoreAddress): Promise<void> {
  await connection.command('CREATE TABLE IF NOT EXISTS dure_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)')
  await connection.query("INSERT INTO dure_meta (key, value) VALUES ('service', $1) ON CONFLICT (key) DO NOTHING", [service])
  const [row] = (await connection.query("SELECT value, current_schema() AS schema FROM dure_meta WHERE key = 'service'")).rows
  const owner = row?.['value']
  if (owner === service) return
  throw new CallError(
    'FAILED_PRECONDITION',
    `Opening the store of service "${service}" failed: the schema "${String(row?.['schema'])}" belongs to service "${String(owner)}" (server "${address.server}", database "${address.database}"). ` +
      'To do: give each service a schema or a database of its own',
    { details: { service, owner: owner ?? null } },
  )
}
