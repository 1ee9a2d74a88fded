import type { Kysely, SqlStore, SqlTransaction, Store, StoreTransaction } from './database.ts'

export type TestRow = Readonly<Record<string, string | number>>

/** How suites keep rows of their own, and count Dure's, in a store of whatever kind. */
export type TestRows = {
  /** Throws when there is one with that `id`. */
  readonly insert: (tx: StoreTransaction, table: string, row: TestRow) => Promise<unknown>
  /** The same in the transaction that a handler has. */
  readonly insertAsHandler: (tx: unknown, table: string, row: TestRow) => Promise<unknown>
  /** All of a table, in order of a column; of `place`, in the order in which they were inserted. */
  readonly read: (store: Store, table: string, order: string) => Promise<readonly Readonly<Record<string, unknown>>[]>
  readonly count: (store: Store, table: string) => Promise<number>
}

export const sqlRows: TestRows = {
  insert: (tx, table, row) => {
    const names = Object.keys(row)
    const sql = `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`
    return (tx as SqlTransaction).run(sql, Object.values(row))
  },
  insertAsHandler: (tx, table, row) => (tx as Kysely<Record<string, TestRow>>).insertInto(table).values(row).execute(),
  read: (store, table, order) => select(store, `SELECT * FROM ${table} ORDER BY ${order}`),
  count: async (store, table) => Number((await select(store, `SELECT count(*) AS n FROM ${table}`))[0]!['n']),
}

function select(store: Store, sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return (store as unknown as SqlStore).select(sql)
}
