import {
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type QueryResult,
} from 'kysely'
import { directKysely, type DirectKysely } from '../kysely.ts'
import { isLocked, type Patience } from '../sqlite-file/sqlite-file.ts'
import type { StatementCounts } from '../transaction.ts'
import type { Statements } from './statements.ts'

/** How Kysely reaches one connection; `guard` is asked before every use and throws when it is not allowed any more. */
export type KyselyConnection = DatabaseConnection & { readonly statements: Statements }

export function kyselyConnection(options: {
  readonly statements: Statements
  readonly guard: () => void
  /** Every error passes through it. */
  readonly explain: (error: unknown) => unknown
  /** Streams read all rows first: a cursor left open in a transaction would outlive it, and see what the loop writes. */
  readonly whole?: boolean
  /** How a lock of another process is waited for. */
  readonly locked?: () => Patience
  /** What it runs is added to these. */
  readonly counts?: StatementCounts
  /** Waited for before rows are handed over, when there is something to wait for. */
  readonly durable?: () => Promise<void> | undefined
}): KyselyConnection {
  const { statements, guard, explain, whole = false, locked, durable, counts } = options
  const count = (rows: number): void => {
    if (counts === undefined) return
    counts.statements++
    counts.rows += rows
  }
  return {
    statements,
    executeQuery: async <R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => {
      let wait: Patience | undefined
      for (;;) {
        guard()
        try {
          if (statements.answers(sql)) {
            const rows = statements.all(sql, parameters) as unknown as R[]
            count(rows.length)
            const flushed = durable?.()
            if (flushed !== undefined) await flushed
            return { rows }
          }
          const { changes, lastInsertRowid } = statements.run(sql, parameters)
          count(Number(changes))
          return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
        } catch (error) {
          if (locked === undefined || !isLocked(error) || !(await (wait ??= locked())())) throw explain(error)
        }
      }
    },
    async *streamQuery<R>({ sql, parameters }: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
      guard()
      try {
        if (whole) return yield { rows: statements.all(sql, parameters) as unknown as R[] }
        for (const row of statements.iterate(sql, parameters)) {
          yield { rows: [row as unknown as R] }
          guard()
        }
      } catch (error) {
        throw explain(error)
      }
    },
  }
}

export const sqliteKysely: DirectKysely = directKysely({
  compiler: new SqliteQueryCompiler(),
  adapter: new SqliteAdapter(),
  createIntrospector: (db) => new SqliteIntrospector(db),
})
