import type { SqlStore, SqlTransaction } from '../database.ts'
import { OUTBOX_COLUMNS, outboxMessage, outboxValues } from '../outbox-row.ts'
import type { OutboxRecords } from '../records.ts'

/** Rows in one INSERT, at most: as many different statements as are worth preparing. */
const ROWS = 16

const COLUMNS = `position, ${OUTBOX_COLUMNS}`
/** As texts: a number that is too large to be read would make the whole table unreadable. */
const READ = `SELECT ${COLUMNS.replaceAll(/\b(?:delay|time|schema_version)\b/g, 'CAST($& AS TEXT) AS $&')} FROM dure_outbox WHERE position > ? ORDER BY position LIMIT ?`
const VALUES = `(?${', ?'.repeat(OUTBOX_COLUMNS.split(',').length)})`
const INSERTS: readonly string[] = Array.from(
  { length: ROWS + 1 },
  (_, count) => `INSERT INTO dure_outbox (${COLUMNS}) VALUES ${Array.from({ length: count }, () => VALUES).join(', ')}`,
)

export function sqlOutbox(select: SqlStore['select']): OutboxRecords<SqlTransaction> {
  return {
    left: async () => {
      const [left] = await select(
        'SELECT count(*) AS total, coalesce(sum(octet_length(data)), 0) AS bytes, coalesce(min(position), 0) AS first, coalesce(max(position), 0) AS last FROM dure_outbox',
      )
      return {
        total: Number(left!['total']),
        bytes: Number(left!['bytes']),
        first: Number(left!['first']),
        last: Number(left!['last']),
      }
    },
    read: async ({ after, limit }) => {
      const rows = await select(READ, [after, limit])
      return rows.map((row) => ({ position: Number(row['position']), message: outboxMessage(Object.values(row), 1) }))
    },
    append: async (tx, rows) => {
      for (let from = 0; from < rows.length; from += ROWS) {
        const some = rows.slice(from, from + ROWS)
        await tx.run(
          INSERTS[some.length]!,
          some.flatMap(({ position, message }) => [position, ...outboxValues(message)]),
        )
      }
    },
    remove: async (tx, which) => {
      if ('upTo' in which) await tx.run('DELETE FROM dure_outbox WHERE position <= ?', [which.upTo])
      else
        await tx.run(`DELETE FROM dure_outbox WHERE position IN (${which.positions.map(() => '?').join(', ')})`, which.positions)
    },
  }
}
