import { sql, type RawBuilder } from 'dure/data'

/**
 * Many rows of whole numbers as a table `v` with columns `column1`, `column2`, …: lets one statement change many rows
 * by different amounts. The names are those that both SQLite and PostgreSQL give.
 */
export function numbers(rows: readonly (readonly number[])[]): RawBuilder<unknown> {
  const row = (values: readonly number[]): RawBuilder<unknown> =>
    sql`(${sql.join(values.map((value) => sql`cast(${value} as integer)`))})`
  return sql`(values ${sql.join(rows.map(row))}) as v`
}
