import type { DatabaseSync } from 'node:sqlite'
import type { DatabaseDefinition, SqlTransaction } from 'dure/data'
import { createMember, migrate, ownMigrations, sqliteConnection, sqliteKysely, sqliteStatements } from 'dure/data/internal'

/** Brings the tables up to date, and gives those of Dure's own a primary key that have none: by it changes are told apart. */
export async function migrateTruth(options: {
  readonly service: string
  readonly truth: DatabaseSync
  readonly schema: { value: number }
  readonly definition: DatabaseDefinition<unknown>
  readonly now: () => number
}): Promise<boolean> {
  const { service, truth, schema, definition, now } = options
  const statements = sqliteStatements({ db: truth, schema })
  const transaction = async <T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> => {
    truth.exec('BEGIN')
    try {
      const { tx, beforeCommit } = createMember({
        all: async (sql, parameters) => statements.all(sql, parameters),
        run: async (sql, parameters) => Number(statements.run(sql, parameters).changes),
        kysely: (guard) =>
          sqliteKysely.transaction(sqliteConnection({ statements, guard, explain: (error) => error, whole: true })),
      })
      const answer = await work(tx)
      for (const task of beforeCommit) await task()
      truth.exec('COMMIT')
      return answer
    } catch (error) {
      if (truth.isTransaction) truth.exec('ROLLBACK')
      throw error
    }
  }
  const script = async (sql: string): Promise<void> => truth.exec(sql)
  const migrations = { ...ownMigrations, ...definition.migrations }
  const applied = await migrate({ service, migrations, store: { transaction, script, verify: async () => {} }, now })
  const keyed = giveKeys(truth, service)
  const quiet = quietTriggers(truth)
  if (applied.length === 0 && !keyed && !quiet) return false
  schema.value++
  return true
}

function giveKeys(truth: DatabaseSync, service: string): boolean {
  const tables = truth
    .prepare(
      `SELECT name, sql FROM sqlite_schema AS one WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
       AND NOT EXISTS (SELECT 1 FROM pragma_table_info(one.name) WHERE pk > 0)`,
    )
    .all() as { name: string; sql: string }[]
  const foreign = tables.find(({ name }) => !name.startsWith('dure_'))
  if (foreign !== undefined)
    throw new Error(
      `Cannot simulate copies of service "${service}": its table "${foreign.name}" has no primary key, by which changes of rows are told apart. To do: give it one`,
    )
  for (const { name, sql } of tables) {
    const indexes = truth.prepare("SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?").all(name) as {
      sql: string
    }[]
    truth.exec(`DROP TABLE ${name}; ${sql.replace('(', '(dure_row INTEGER PRIMARY KEY, ')}`)
    for (const index of indexes) truth.exec(index.sql)
  }
  return tables.length > 0
}

/**
 * Triggers fire where a statement runs, and not where what it has changed is applied: that has what they did in it already. A
 * function that every connection has says which of the two it is.
 */
function quietTriggers(truth: DatabaseSync): boolean {
  const triggers = truth
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND sql NOT LIKE '%dure_fires()%'")
    .all() as { name: string; sql: string }[]
  for (const { name, sql } of triggers) {
    const [head, body] = [sql.slice(0, sql.search(/\bbegin\b/i)), sql.slice(sql.search(/\bbegin\b/i))]
    const when = head.search(/\bwhen\b/i)
    const guarded =
      when < 0 ? `${head} WHEN dure_fires()` : `${head.slice(0, when)} WHEN dure_fires() AND (${head.slice(when + 4)})`
    truth.exec(`DROP TRIGGER "${name}"; ${guarded} ${body}`)
  }
  return triggers.length > 0
}
