import type { DatabaseSync, SQLInputValue } from 'node:sqlite'

/**
 * Tables that triggers write and no service reads, by their name: what they have seen of a transaction is added at its commit, in
 * the order in which they saw it, and stands in nobody's way.
 */
const WITNESS = 'witness_'

/** Whether a table is part of what transactions see. */
export const isOwn = (table: string): boolean => !table.startsWith(WITNESS)

export function witnessesOf(db: DatabaseSync): readonly string[] {
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, ?) = ? ORDER BY name")
  return tables.all(WITNESS.length, WITNESS).map(({ name }) => String(name))
}

/** Rows of each witness, in order, without their places. */
export type Seen = readonly { readonly table: string; readonly rows: readonly Readonly<Record<string, SQLInputValue>>[] }[]

/** What they have seen of the transaction that a copy is in: it has nothing of others. */
export function witnessed(snapshot: { readonly db: DatabaseSync; readonly witnesses: readonly string[] }): Seen {
  return snapshot.witnesses.map((table) => ({
    table,
    rows: snapshot.db.prepare(`SELECT * FROM ${table} ORDER BY rowid`).all() as Record<string, SQLInputValue>[],
  }))
}

export function testify(truth: DatabaseSync, seen: Seen): void {
  for (const { table, rows } of seen) {
    for (const { position: _, ...row } of rows) {
      const columns = Object.keys(row)
      truth
        .prepare(`INSERT INTO ${table} (${columns.join()}) VALUES (${columns.map(() => '?').join()})`)
        .run(...Object.values(row))
    }
  }
}
