import type { Answer, Connection } from './connection.ts'
import type { ReadSessions } from './read-session.ts'
import { checkOwn } from './statements.ts'

/** A connection that is lent for more than one statement. */
export type Loan = { readonly connection: Connection; /** A transaction is open on it. */ busy: boolean }

let cursors = 0

/** Rows a few at a time, on a connection that is the stream's own, or inside the transaction that is open on it. */
export async function* rowsOf(
  { query, command }: ReadSessions,
  { connection, busy }: Loan,
  { sql, parameters, size }: { readonly sql: string; readonly parameters: readonly unknown[]; readonly size: number },
): AsyncGenerator<Answer> {
  checkOwn(sql)
  const name = `dure_rows_${++cursors}`
  try {
    if (!busy) await command(connection, 'BEGIN READ ONLY')
    await query(connection, `DECLARE ${name} NO SCROLL CURSOR FOR ${sql}`, parameters)
    for (;;) {
      const answer = await query(connection, `FETCH ${Math.max(1, Math.trunc(size))} FROM ${name}`, [])
      if (answer.rows.length === 0) break
      yield answer
    }
  } finally {
    if (connection.broken() === undefined) {
      await command(connection, busy ? `CLOSE ${name}` : 'ROLLBACK').catch((error: unknown) => {
        if (!busy) connection.destroy(error)
      })
    }
  }
}
