import { type Runtime } from '../runtime/runtime.ts'
import { cautiousTime, checkNumbers, KEEP } from '../runtime/internal.ts'
import type { StoreTransaction } from './database.ts'
import type { InboxRecords, Mark } from './records.ts'
import { sqlInbox, type SqlStatements } from './sql/sql.ts'

export type { Mark } from './records.ts'
/** What an inbox needs of a transaction of SQL: statements with `?` for parameters, on a table that `inboxTable` makes. */
export type InboxTransaction = SqlStatements

/**
 * The inbox, or idempotent consumer: marks which messages had their effect, in the transaction of the effect.
 * Needs nothing but a transaction, so it can be used with any broker, any client of a database, and without the chassis.
 */
export type Inbox<Tx = StoreTransaction> = {
  /** Milliseconds for which a mark is kept, at least. */
  readonly retention: number
  /**
   * Marks a message as seen by a consumer. False when it was marked before: then it had its effect, and there
   * is nothing left to do but to acknowledge it.
   */
  readonly mark: (tx: Tx, consumer: string, messageId: string) => Promise<boolean>
  /**
   * Marks many at once, at a fraction of the cost. True when none of them had been marked before. False when some had,
   * or one was given twice: which ones is not known, so the transaction is to be rolled back and each message tried alone.
   * @throws {FencedError} when the epoch of one is over (`Mark.fence`): the transaction is to be rolled back as a whole
   */
  readonly markAll: (tx: Tx, marks: readonly Mark[]) => Promise<boolean>
}

/**
 * The inbox's table, for a database whose tables Dure does not make. Changes nothing where it is there.
 *
 * @example
 * ```ts
 * import { DatabaseSync } from 'node:sqlite'
 * import { inboxTable } from 'dure/inbox'
 *
 * const db = new DatabaseSync(':memory:')
 * db.exec(inboxTable)
 * console.log(db.prepare('SELECT count(*) AS marks FROM dure_inbox').get()?.['marks']) // → 0
 * ```
 */
export const inboxTable: string =
  'CREATE TABLE IF NOT EXISTS dure_inbox (message_id TEXT NOT NULL, consumer TEXT NOT NULL, seen_at BIGINT NOT NULL, PRIMARY KEY (message_id, consumer))'

/** Marks after which a step of tidying is taken, and the marks a step looks at. */
const [EVERY, STEP] = [256, 512]

/** Milliseconds: well beyond the seven days that topics are kept by default. */
export const INBOX_RETENTION: number = 10 * 24 * 60 * 60 * 1000

/**
 * @param options.retention milliseconds a mark is kept, at least (default 10 days; at most about half as long
 * again; Infinity: for ever). Must exceed the time after which no broker brings a message a second time: a consumer
 * compares the two when it starts.
 * @throws {TypeError} when that is no time: marks would be forgotten at once, or never be
 *
 * @example
 * ```ts
 * import { DatabaseSync } from 'node:sqlite'
 * import { createInbox, inboxTable, type InboxTransaction, type SqlRow } from 'dure/inbox'
 * import { realRuntime } from 'dure/runtime'
 *
 * const db = new DatabaseSync(':memory:')
 * db.exec(inboxTable)
 * const tx: InboxTransaction = {
 *   all: async (sql, parameters = []) => db.prepare(sql).all(...parameters) as SqlRow[],
 *   run: async (sql, parameters = []) => Number(db.prepare(sql).run(...parameters).changes),
 * }
 * const inbox = createInbox({ runtime: realRuntime() })
 * console.log(await inbox.mark(tx, 'invoices', 'm-1'), await inbox.mark(tx, 'invoices', 'm-1')) // → true false
 * ```
 */
export function createInbox<Tx = InboxTransaction>(options: {
  readonly runtime: Runtime
  /** Takes a step of tidying in a transaction of its own, instead of in that of the marks. */
  readonly apart?: (tx: Tx, step: (tx: Tx) => Promise<void>) => void
  readonly retention?: number
  /** Where the marks are: `store.records.inbox`. Default: the table that `inboxTable` makes. */
  readonly records?: InboxRecords<Tx>
}): Inbox<Tx> {
  const { runtime, apart, retention = INBOX_RETENTION, records = sqlInbox as InboxRecords<unknown> } = options
  checkNumbers('make an inbox', { retention }, { retention: { ...KEEP, endless: true } })
  const { clock } = runtime
  // A clock that is set forward makes no mark old.
  const passed = cautiousTime(clock)
  let marks = 0
  /** Where the last step of tidying ended. */
  let after: Mark | undefined

  /** Walks through the marks twice as fast as they are made: every one is met again and again. */
  const count = async (tx: Tx, made: number): Promise<void> => {
    const before = marks
    marks += made
    if (retention === Infinity || Math.floor(marks / EVERY) === Math.floor(before / EVERY)) return
    if (apart === undefined) await step(tx)
    else apart(tx, step)
  }

  const step = async (tx: Tx): Promise<void> => {
    after = await records.forget(tx, { after, limit: STEP, before: passed() - retention })
  }

  const markAll: Inbox<Tx>['markAll'] = async (tx, wanted) => {
    if ((await records.mark(tx, { marks: wanted, at: clock.now() })) < wanted.length) return false
    await count(tx, wanted.length)
    return true
  }
  return { retention, markAll, mark: (tx, consumer, messageId) => markAll(tx, [{ consumer, messageId }]) }
}
