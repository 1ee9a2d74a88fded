import type { Runtime } from '../runtime/runtime.ts'
import type { StoreTransaction } from './database.ts'

/**
 * The inbox, or idempotent consumer: marks which messages had their effect, in the transaction of the effect.
 * Needs nothing but a transaction, so it can be used with any broker and without the chassis.
 */
export type Inbox = {
  /**
   * Marks a message as seen by a consumer. False when it was marked before: then it had its effect, and there
   * is nothing left to do but to acknowledge it.
   */
  readonly mark: (tx: StoreTransaction, consumer: string, messageId: string) => Promise<boolean>
  /** Marks many at once; answers those that had not been marked before. An id given twice is answered once. */
  readonly markAll: (tx: StoreTransaction, consumer: string, messageIds: readonly string[]) => Promise<Set<string>>
}

/** Rows of one statement: a few sizes only, so that few statements are prepared. */
const SIZES = [64, 16, 4, 1] as const

/** Marks after which a step of tidying is taken, and the marks a step looks at. */
const [EVERY, STEP] = [256, 512]

/**
 * @param options.retention milliseconds a mark is kept, at least (default 7 days; at most about half as long
 * again). Must exceed the time after which no broker brings a message a second time.
 */
export function createInbox(options: { readonly runtime: Runtime; readonly retention?: number }): Inbox {
  const { runtime, retention = 7 * 24 * 60 * 60 * 1000 } = options
  const { clock } = runtime
  let marks = 0
  /** Where the next step of tidying starts. */
  let from: readonly [consumer: string, messageId: string] = ['', '']

  /**
   * Walks through the table in order of its key, twice as fast as it grows: every mark is met again and again
   * without an index on time, which would cost as much as the mark itself.
   */
  const tidy = async (tx: StoreTransaction): Promise<void> => {
    const [end] = await tx.all(
      `SELECT consumer, message_id FROM dure_inbox WHERE (consumer, message_id) > (?, ?) ORDER BY consumer, message_id LIMIT 1 OFFSET ${STEP - 1}`,
      from,
    )
    const expired = clock.now() - retention
    if (end === undefined) {
      await tx.run('DELETE FROM dure_inbox WHERE (consumer, message_id) > (?, ?) AND seen_at < ?', [...from, expired])
      from = ['', '']
    } else {
      const to = [String(end['consumer']), String(end['message_id'])] as const
      await tx.run(
        'DELETE FROM dure_inbox WHERE (consumer, message_id) > (?, ?) AND (consumer, message_id) <= (?, ?) AND seen_at < ?',
        [...from, ...to, expired],
      )
      from = to
    }
  }

  const markAll: Inbox['markAll'] = async (tx, consumer, messageIds) => {
    const fresh = new Set<string>()
    const now = clock.now()
    let at = 0
    for (const size of SIZES) {
      for (; messageIds.length - at >= size; at += size) {
        const rows = await tx.all(
          insertOf(size),
          messageIds.slice(at, at + size).flatMap((id) => [consumer, id, now]),
        )
        for (const row of rows) fresh.add(row['message_id'] as string)
      }
    }
    const before = marks
    marks += messageIds.length
    if (Math.floor(marks / EVERY) > Math.floor(before / EVERY)) await tidy(tx)
    return fresh
  }

  return {
    markAll,
    mark: async (tx, consumer, messageId) => {
      if (++marks % EVERY === 0) await tidy(tx)
      const changed = await tx.run(
        'INSERT INTO dure_inbox (consumer, message_id, seen_at) VALUES (?, ?, ?) ON CONFLICT (consumer, message_id) DO NOTHING',
        [consumer, messageId, clock.now()],
      )
      return changed === 1
    },
  }
}

function insertOf(rows: number): string {
  const values = Array.from({ length: rows }, () => '(?, ?, ?)').join(', ')
  return `INSERT INTO dure_inbox (consumer, message_id, seen_at) VALUES ${values} ON CONFLICT (consumer, message_id) DO NOTHING RETURNING message_id`
}
