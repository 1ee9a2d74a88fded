import type { SqlTransaction } from '../database.ts'
import type { InboxRecords } from '../records.ts'

/** What SQL needs of a transaction: statements with `?` for parameters. */
export type SqlStatements = Pick<SqlTransaction, 'all' | 'run'>

/** Rows of one statement, beyond which it has one of these sizes: so few statements are prepared. */
const [MANY, MOST] = [16, 64]

/** There is no index on time, which would cost as much as the mark itself: the table is walked in order of its key. */
export const sqlInbox: InboxRecords<SqlStatements> = {
  mark: async (tx, { marks, at }) => {
    let changed = 0
    for (let from = 0; from < marks.length;) {
      const left = marks.length - from
      const size = left >= MOST ? MOST : Math.min(left, MANY)
      const some = marks.slice(from, from + size)
      changed += await tx.run(
        insertOf(size),
        some.flatMap(({ consumer, messageId }) => [messageId, consumer, at]),
      )
      from += size
    }
    return changed
  },
  forget: async (tx, { after, limit, before }) => {
    const from = [after?.messageId ?? '', after?.consumer ?? '']
    const [end] = await tx.all(
      'SELECT message_id, consumer FROM dure_inbox WHERE (message_id, consumer) > (?, ?) ORDER BY message_id, consumer LIMIT 1 OFFSET ?',
      [...from, limit - 1],
    )
    if (end === undefined) {
      await tx.run('DELETE FROM dure_inbox WHERE (message_id, consumer) > (?, ?) AND seen_at < ?', [...from, before])
      return undefined
    }
    const to = { messageId: String(end['message_id']), consumer: String(end['consumer']) }
    await tx.run(
      'DELETE FROM dure_inbox WHERE (message_id, consumer) > (?, ?) AND (message_id, consumer) <= (?, ?) AND seen_at < ?',
      [...from, to.messageId, to.consumer, before],
    )
    return to
  },
}

const inserts: string[] = []

function insertOf(rows: number): string {
  return (inserts[rows] ??=
    `INSERT INTO dure_inbox (message_id, consumer, seen_at) VALUES ${Array.from({ length: rows }, () => '(?, ?, ?)').join(', ')} ` +
    'ON CONFLICT (message_id, consumer) DO NOTHING')
}
