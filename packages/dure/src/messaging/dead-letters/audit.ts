import type { SqlRow, SqlValue, SqlTransaction } from '../../data/data.ts'
import { firstLine } from '../parked/parked.ts'
import { messageOf, type LetterStore } from '../parked/parked.ts'
import type { DeadLetterChange } from './letter.ts'

/** Milliseconds an entry is kept: 400 days, so that last year's can be looked at. */
const KEPT = 400 * 24 * 60 * 60 * 1000

const COLUMNS = 'at, letter, consumer, topic, message_id, action, reason, actor, error, message, data'

export type Deed = {
  readonly at: number
  readonly action: DeadLetterChange['action']
  readonly reason: string
  readonly by: string
  /** After an edit. */
  readonly data?: string | undefined
}

/** Writes down what is about to happen to the parked dead letters that a condition names; answers how many there are. */
export async function auditParked(
  tx: SqlTransaction,
  deed: Deed,
  where: { readonly sql: string; readonly parameters: readonly SqlValue[] },
): Promise<number> {
  const { at, action, reason, by, data } = deed
  await forget(tx, at)
  return tx.run(
    `INSERT INTO dure_parked_audit (${COLUMNS})
     SELECT CAST(? AS BIGINT), letter, consumer, topic, message_id, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), error, message, CAST(? AS TEXT)
     FROM dure_parked WHERE ${where.sql}`,
    [at, action, reason, by, data ?? null, ...where.parameters],
  )
}

async function forget(tx: SqlTransaction, now: number): Promise<void> {
  await tx.run('DELETE FROM dure_parked_audit WHERE at < ?', [now - KEPT])
}

export type AuditFilter = {
  /** Id of a dead letter, which may be gone, or how that begins (4 characters at least); or of its message. */
  readonly id?: string | undefined
  readonly consumer?: string | undefined
  readonly action?: DeadLetterChange['action'] | undefined
  readonly since?: number | undefined
  readonly until?: number | undefined
  /** At most so many; default 100. */
  readonly limit?: number | undefined
  /** The last one of the page before. */
  readonly after?: Pick<DeadLetterChange, 'at' | 'letter'> | undefined
}

/** Latest first. */
export async function readAudit(store: LetterStore, filter: AuditFilter): Promise<readonly DeadLetterChange[]> {
  const { id, consumer, action, since, until, limit = 100, after } = filter
  const parts: string[] = []
  const parameters: SqlValue[] = []
  const add = (sql: string, ...values: readonly SqlValue[]): void => {
    parts.push(sql)
    parameters.push(...values)
  }
  if (id !== undefined) {
    const begins = beginningOf(id)
    if (begins === undefined) add('(letter = ? OR message_id = ?)', id, id)
    else add('(letter LIKE ? OR message_id = ?)', begins, id)
  }
  if (consumer !== undefined) add('consumer = ?', consumer)
  if (action !== undefined) add('action = ?', action)
  if (since !== undefined) add('at >= ?', since)
  if (until !== undefined) add('at < ?', until)
  if (after !== undefined) add('(at < ? OR (at = ? AND letter > ?))', after.at, after.at, after.letter)
  const rows = await store.select(
    `SELECT ${COLUMNS} FROM dure_parked_audit ${parts.length === 0 ? '' : `WHERE ${parts.join(' AND ')}`} ORDER BY at DESC, letter LIMIT ?`,
    [...parameters, limit],
  )
  return rows.map(changeOf)
}

/** A pattern for ids that begin like this one; undefined when it is too short, or no beginning of one. */
export function beginningOf(id: string): string | undefined {
  return /^[a-z2-9]{4,}$/.test(id) ? `${id}%` : undefined
}

function changeOf(row: SqlRow): DeadLetterChange {
  return {
    at: Number(row['at']),
    action: String(row['action']) as DeadLetterChange['action'],
    letter: String(row['letter']),
    consumer: String(row['consumer']),
    topic: String(row['topic']),
    messageId: String(row['message_id']),
    by: String(row['actor']),
    reason: String(row['reason']),
    error: firstLine(String(row['error'])),
    message: messageOf(String(row['message'])),
    data: row['data'] === null ? undefined : String(row['data']),
  }
}
