import type { InboxTransaction, SqlRow, SqlValue } from 'dure/data'
import { numbered } from 'dure/data/internal'

/** What the inbox needs of `pg`: a client inside a transaction of the caller's. */
export type QueryClient = {
  readonly query: (text: string, values: unknown[]) => Promise<{ readonly rows: unknown[]; readonly rowCount: number | null }>
}

/**
 * The caller's own transaction, as `createInbox` of `dure/inbox` wants it: for an application with `pg` and no chassis.
 * The table is `inboxTable`. Rejects with `pg`'s errors; the transaction is then to be rolled back.
 *
 * @example
 * ```ts
 * import { transactionOn } from '@dure/postgres'
 *
 * const client = { query: async (text: string) => ({ rows: [{ text }], rowCount: 1 }) } // yours: `pg`'s, after BEGIN
 * const tx = transactionOn(client)
 * console.log(await tx.all('SELECT ? AS n', [1])) // → [ { text: 'SELECT $1 AS n' } ]
 * ```
 */
export function transactionOn(client: QueryClient): InboxTransaction {
  const query = (sql: string, parameters: readonly SqlValue[] = []) => client.query(numbered(sql), [...parameters])
  return {
    all: async (sql, parameters) => (await query(sql, parameters)).rows as SqlRow[],
    run: async (sql, parameters) => (await query(sql, parameters)).rowCount ?? 0,
  }
}
