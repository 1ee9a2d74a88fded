import { type Runtime } from '../runtime/runtime.ts'
import { cautiousTime, checkNumbers, KEEP } from '../runtime/internal.ts'
import type { StoreTransaction } from './database.ts'

/**
 * The inbox, or idempotent consumer: marks which messages had their effect, in the transaction of the effect.
 * Needs nothing but a transaction, so it can be used with any broker, any client of a database, and without the chassis.
 */
export type Inbox = {
  /** Milliseconds for which a mark is kept, at least. */
  readonly retention: number
  /**
   * Marks a message as seen by a consumer. False when it was marked before: then it had its effect, and there
   * is nothing left to do but to acknowledge it.
   */
  readonly mark: (tx: InboxTransaction, consumer: string, messageId: string) => Promise<boolean>
  /**
   * Marks many at once, at a fraction of the cost. True when none of them had been marked before. False when some had,
   * or one was given twice: which ones is not known, so the transaction is to be rolled back and each message tried alone.
   */
  readonly markAll: (tx: InboxTransaction, marks: readonly Mark[]) => Promise<boolean>
}

/** What the inbox needs of a transaction: statements with `?` for parameters, on a table that `inboxTable` makes. */
export type InboxTransaction = Pick<StoreTransaction, 'all' | 'run'>

/**
 * The inbox's table, for a database whose tables Dure does not make. Changes nothing where it is there.
 *
 * @example
 * ```ts
 * import { DatabaseSync } from 'node:sqlite'
 * import { inboxTable } from 'dure/data'
 *
 * const db = new DatabaseSync(':memory:')
 * db.exec(inboxTable)
 * console.log(db.prepare('SELECT count(*) AS marks FROM dure_inbox').get()?.['marks']) // → 0
 * ```
 */
export const inboxTable: string =
  'CREATE TABLE IF NOT EXISTS dure_inbox (message_id TEXT NOT NULL, consumer TEXT NOT NULL, seen_at BIGINT NOT NULL, PRIMARY KEY (message_id, consumer))'

export type Mark = { readonly consumer: string; readonly messageId: string }

/** Rows of one statement, beyond which it has one of these sizes: so few statements are prepared. */
const [MANY, MOST] = [16, 64]

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
 * import { createInbox, inboxTable, type InboxTransaction, type SqlRow } from 'dure/data'
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
export function createInbox(options: { readonly runtime: Runtime; readonly retention?: number }): Inbox {
  const { runtime, retention = INBOX_RETENTION } = options
  checkNumbers('make an inbox', { retention }, { retention: { ...KEEP, endless: true } })
  const { clock } = runtime
  // A clock that is set forward makes no mark old.
  const passed = cautiousTime(clock)
  let marks = 0
  /** Where the next step of tidying starts. */
  let from: readonly [messageId: string, consumer: string] = ['', '']

  /**
   * Walks through the table in order of its key, twice as fast as it grows: every mark is met again and again
   * without an index on time, which would cost as much as the mark itself.
   */
  const tidy = async (tx: InboxTransaction): Promise<void> => {
    if (retention === Infinity) return
    const [end] = await tx.all(
      `SELECT message_id, consumer FROM dure_inbox WHERE (message_id, consumer) > (?, ?) ORDER BY message_id, consumer LIMIT 1 OFFSET ${STEP - 1}`,
      from,
    )
    const expired = passed() - retention
    if (end === undefined) {
      await tx.run('DELETE FROM dure_inbox WHERE (message_id, consumer) > (?, ?) AND seen_at < ?', [...from, expired])
      from = ['', '']
    } else {
      const to = [String(end['message_id']), String(end['consumer'])] as const
      await tx.run(
        'DELETE FROM dure_inbox WHERE (message_id, consumer) > (?, ?) AND (message_id, consumer) <= (?, ?) AND seen_at < ?',
        [...from, ...to, expired],
      )
      from = to
    }
  }

  const markAll: Inbox['markAll'] = async (tx, wanted) => {
    const now = clock.now()
    let changed = 0
    for (let from = 0; from < wanted.length;) {
      const left = wanted.length - from
      const size = left >= MOST ? MOST : Math.min(left, MANY)
      const some = wanted.slice(from, from + size)
      changed += await tx.run(
        insertOf(size),
        some.flatMap(({ consumer, messageId }) => [messageId, consumer, now]),
      )
      from += size
    }
    if (changed < wanted.length) return false
    const before = marks
    marks += wanted.length
    if (Math.floor(marks / EVERY) > Math.floor(before / EVERY)) await tidy(tx)
    return true
  }

  return {
    retention,
    markAll,
    mark: async (tx, consumer, messageId) => {
      if (++marks % EVERY === 0) await tidy(tx)
      const changed = await tx.run(insertOf(1), [messageId, consumer, clock.now()])
      return changed === 1
    },
  }
}

const inserts: string[] = []

function insertOf(rows: number): string {
  return (inserts[rows] ??=
    `INSERT INTO dure_inbox (message_id, consumer, seen_at) VALUES ${Array.from({ length: rows }, () => '(?, ?, ?)').join(', ')} ` +
    'ON CONFLICT (message_id, consumer) DO NOTHING')
}
