/** What an authorization server keeps, in a store that speaks SQL. Tokens and cookies stand in it as digests. */
import { createHash } from 'node:crypto'
import type { Migrations, SqlStore, SqlTransaction, SqlValue } from 'dure/data'

export const MIGRATIONS: Migrations = {
  '001-auth': `
    CREATE TABLE records (
      id TEXT PRIMARY KEY, kind TEXT NOT NULL, payload TEXT NOT NULL, grant_id TEXT, uid TEXT, subject TEXT,
      consumed BIGINT, made BIGINT NOT NULL, expires BIGINT NOT NULL
    );
    CREATE INDEX records_grant ON records (grant_id);
    CREATE INDEX records_uid ON records (uid);
    CREATE INDEX records_subject ON records (subject);
    CREATE INDEX records_expires ON records (expires);
    CREATE TABLE users (
      subject TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, password TEXT NOT NULL, roles TEXT NOT NULL, disabled INTEGER NOT NULL
    );
    CREATE TABLE signing_keys (kid TEXT PRIMARY KEY, sealed TEXT NOT NULL, signs BIGINT NOT NULL);
    CREATE TABLE attempts (id TEXT PRIMARY KEY, failures INTEGER NOT NULL, expires BIGINT NOT NULL);
    CREATE INDEX attempts_expires ON attempts (expires);`,
  '002-clients': 'CREATE TABLE clients (id TEXT PRIMARY KEY, options TEXT, sealed TEXT, disabled INTEGER NOT NULL);',
}

/** Whoever reads the store, or a copy of it, comes in with nothing that stands there. */
export const digestOf = (kind: string, id: string): string => createHash('sha256').update(`${kind}:${id}`).digest('base64url')

/** One statement with one condition: it crosses no other transaction. */
export const change = (store: SqlStore, sql: string, values: readonly SqlValue[]): Promise<number> =>
  store.transaction((tx: SqlTransaction) => tx.run(sql, values), { isolated: false })

/** Rows that are taken away at once. */
const SWEPT = 500

/** Takes away what has ended, a few hundred at a time, so that nobody waits for long. */
export async function sweep(store: SqlStore, now: number): Promise<void> {
  for (const table of ['records', 'attempts'])
    for (let gone = SWEPT; gone === SWEPT;)
      gone = await change(
        store,
        `DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} WHERE expires <= ? ORDER BY expires LIMIT ${SWEPT})`,
        [now],
      )
}
