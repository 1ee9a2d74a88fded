import { PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, type DatabaseConnection, type QueryResult } from 'kysely'
import { directKysely, type DirectKysely, type StatementCounts } from 'dure/data/internal'
import type { Answer } from './connection.ts'

export const postgresKysely: DirectKysely = directKysely({
  compiler: new PostgresQueryCompiler(),
  adapter: new PostgresAdapter(),
  createIntrospector: (db) => new PostgresIntrospector(db),
})

/** A connection as Kysely knows it, over whatever runs statements. */
export function kyselyConnection(options: {
  /** Asked before every use; throws when it is not allowed any more. */
  readonly guard?: () => void
  readonly query: (sql: string, parameters: readonly unknown[]) => Promise<Answer>
  /** What it runs is added to these. */
  readonly counts?: StatementCounts
  /** Rows a few at a time; without it they are all read first. */
  readonly stream?: (sql: string, parameters: readonly unknown[], size: number) => AsyncIterable<Answer>
}): DatabaseConnection {
  const { guard, query, stream, counts } = options
  return {
    executeQuery: async <R>({ sql, parameters }: { sql: string; parameters: readonly unknown[] }) => {
      guard?.()
      const answer = await query(sql, parameters)
      if (counts !== undefined) {
        counts.statements++
        counts.rows += Math.max(answer.rows.length, answer.changed)
      }
      return resultOf<R>(answer)
    },
    async *streamQuery<R>({ sql, parameters }: { sql: string; parameters: readonly unknown[] }, size?: number) {
      guard?.()
      if (stream === undefined) return yield resultOf<R>(await query(sql, parameters))
      for await (const answer of stream(sql, parameters, size ?? 100)) {
        yield resultOf<R>(answer)
        guard?.()
      }
    },
  }
}

function resultOf<R>({ rows, changed }: Answer): QueryResult<R> {
  return { rows: rows as unknown as R[], numAffectedRows: BigInt(changed) }
}
