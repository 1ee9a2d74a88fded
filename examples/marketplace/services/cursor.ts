import { sql, type RawBuilder, type SelectQueryBuilder } from 'dure/data'

/** No key is larger, and PostgreSQL refuses to compare its INTEGER with what is. */
const LARGEST = 2 ** 31 - 1

/** Where a list goes on: the key of the last row shown, as `12/3`. */
export function cursorOf(after: string | undefined, columns: number): readonly number[] {
  const parts = (after ?? '').split('/').filter(Boolean).map(Number)
  return Array.from({ length: columns }, (_, i) => Math.min(parts[i] ?? -1, LARGEST))
}

/** Rows whose key comes after the cursor: `(a, b) > (1, 2)`, which every engine answers from the key's index. */
function isAfter(columns: readonly string[], after: string | undefined): RawBuilder<boolean> {
  const names = sql.join(columns.map((column) => sql.ref(column)))
  return sql<boolean>`(${names}) > (${sql.join(cursorOf(after, columns.length))})`
}

/** One part of a query's rows in the order of their key, read from the key's index. */
export function rowsAfter<DB, TB extends keyof DB, Row>(
  query: SelectQueryBuilder<DB, TB, Row>,
  key: readonly string[],
  page: { after?: string | undefined; limit: number },
): SelectQueryBuilder<DB, TB, Row> {
  let ordered = query.where(isAfter(key, page.after)).limit(page.limit)
  for (const column of key) ordered = ordered.orderBy(sql.ref(column))
  return ordered
}

/** One part of a list, with the place where the next begins when there may be one. */
export function partOf<Item>(
  items: Item[],
  limit: number,
  key: (item: Item) => readonly number[],
): { items: Item[]; next?: string } {
  const last = items.at(-1)
  return items.length < limit || last === undefined ? { items } : { items, next: key(last).join('/') }
}
