import { CallError } from 'dure/contract'
import type { Migrations, SqlTransaction } from 'dure/data'
import { createMember, migrate, namesOf, quoted } from 'dure/data/internal'
import type { Connection } from './connection.ts'
import { kyselyConnection, postgresKysely } from './kysely.ts'
import { numbered } from './placeholders.ts'
import { TABLES, tablesOf } from './values.ts'

/**
 * Brings the tables up to date on a session of its own, which nothing hurries. Whoever calls holds the store, so
 * two processes that start at once migrate it once.
 */
export async function migrateOn(
  connection: Connection,
  options: {
    readonly service: string
    readonly migrations: Migrations
    readonly now: () => number
    /** Inside a transaction that is open already: all or none. */
    readonly inside?: boolean
  },
): Promise<readonly string[]> {
  const { service, migrations, now, inside = false } = options
  const transaction = async <T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> => {
    const member = createMember({
      all: async (sql, parameters) => (await connection.query(numbered(sql), parameters)).rows,
      run: async (sql, parameters) => (await connection.query(numbered(sql), parameters)).changed,
      kysely: (guard) => postgresKysely.transaction(kyselyConnection({ guard, query: connection.query })),
    })
    const run = (): Promise<T> => work(member.tx)
    try {
      return await (inside ? run() : inTransaction(connection, run))
    } finally {
      member.end('its work is over')
    }
  }
  return migrate({
    ...{ service, migrations, now },
    store: { transaction, script: (sql, defined) => script(connection, sql, defined), verify: async () => {} },
  })
}

export async function inTransaction<T>(connection: Connection, work: () => Promise<T>): Promise<T> {
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
