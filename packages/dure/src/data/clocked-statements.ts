import type { DatabaseTime, SqlStore } from './database.ts'
import type { SqlRow, SqlTransaction, SqlValue } from './transaction.ts'

/** Statements in which NOW is the clock of the store. */
function statementsOf(time: DatabaseTime): (sql: string, values: readonly SqlValue[]) => [sql: string, values: SqlValue[]] {
  const known = new Map<string, { readonly text: string; readonly places: readonly number[] }>()
  const compile = (sql: string) => {
    if (typeof time === 'string') return { text: sql.replaceAll(/\bNOW\b/g, time), places: [] }
    const places = [...sql.matchAll(/\?|\bNOW\b/g)].flatMap(([found], place) => (found === 'NOW' ? [place] : []))
    return { text: sql.replaceAll(/\bNOW\b/g, '?'), places }
  }
  return (sql, given) => {
    let compiled = known.get(sql)
    if (compiled === undefined) {
      // Statements over lists have a text for each length.
      if (known.size > 1_000) known.clear()
      known.set(sql, (compiled = compile(sql)))
    }
    const values = [...given]
    for (const place of compiled.places) values.splice(place, 0, (time as () => number)())
    return [compiled.text, values]
  }
}

/** Statements of one store, in which NOW is its clock. */
export type ClockedStatements = ReturnType<typeof createStatements>

export function createStatements({ select, time }: Pick<SqlStore, 'select' | 'time'>) {
  const statement = statementsOf(time)
  return {
    run: (tx: SqlTransaction, sql: string, values: readonly SqlValue[] = []): Promise<number> =>
      tx.run(...statement(sql, values)),
    all: (tx: SqlTransaction, sql: string, values: readonly SqlValue[] = []): Promise<readonly SqlRow[]> =>
      tx.all(...statement(sql, values)),
    read: (sql: string, values: readonly SqlValue[] = []): Promise<readonly SqlRow[]> => select(...statement(sql, values)),
  }
}

export function places(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ')
}
