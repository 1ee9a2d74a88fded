import type { SqlTransaction, SqlValue, Store } from 'dure/data'
import type { Simulation } from '../simulation.ts'

export type Statement = { readonly sql: string; readonly values: readonly SqlValue[] }

/** Has statements on some of Dure's own tables be others; undefined: it is not carried out, and told to have been. */
export function rewriting(
  tables: string,
  change: (statement: Statement) => Statement | undefined,
): NonNullable<Simulation['store']> {
  const changed = (tx: SqlTransaction): SqlTransaction => {
    const through = (sql: string, values: readonly SqlValue[]): Statement | undefined =>
      sql.includes(tables) ? change({ sql, values }) : { sql, values }
    return Object.assign(Object.create(tx) as SqlTransaction, {
      run: async (sql: string, values: readonly SqlValue[] = []) => {
        const statement = through(sql, values)
        return statement === undefined ? 1 : tx.run(statement.sql, statement.values)
      },
      all: async (sql: string, values: readonly SqlValue[] = []) => {
        const statement = through(sql, values)
        return statement === undefined ? [] : tx.all(statement.sql, statement.values)
      },
    })
  }
  return (store) =>
    ({
      ...store,
      transaction: (work, options) => store.transaction((tx) => work(changed(tx as SqlTransaction)), options),
    }) as Store
}
