import type { Kysely } from 'kysely'

/** Statements of a transaction until now, and the rows that they answered with or changed. */
export type StatementCounts = { statements: number; rows: number }

/** One transaction of a store, of whatever kind. */
export type StoreTransaction = {
  /** What it has done until now, where the store speaks SQL. */
  readonly counts?: Readonly<StatementCounts>
  /** What handlers have of it: the store's own client, in this transaction. A store that speaks SQL has Kysely instead. */
  readonly client?: unknown
  /** Runs after the work and before the commit, in the same transaction: the place to write in one go what the work gathered. */
  readonly beforeCommit: (task: () => Promise<void>) => void
  /**
   * The answer to a statement that the work does not wait for: the transaction commits only if it succeeds, and rejects with its error
   * otherwise. Where the engine is a server, the statement goes there with the commit.
   */
  readonly alongside: (answer: Promise<unknown>) => void
  /**
   * Called once the transaction is durable; must not throw. In order of commit, or where many commit at once, of two
   * transactions of which one saw what the other wrote, for the other one first.
   */
  readonly onCommit: (listener: () => void) => void
}

export type SqlTransaction = StoreTransaction & {
  /** An instance of this transaction's own. */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly kysely: Kysely<any>
  /** One statement that answers with rows. */
  readonly all: (sql: string, parameters?: readonly SqlValue[]) => Promise<readonly SqlRow[]>
  /** One statement that answers with the number of rows it changed. */
  readonly run: (sql: string, parameters?: readonly SqlValue[]) => Promise<number>
}

export type SqlValue = string | number | bigint | Uint8Array | null
export type SqlRow = Readonly<Record<string, SqlValue>>
