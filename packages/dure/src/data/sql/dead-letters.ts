import type { SqlRow, SqlStore, SqlTransaction, SqlValue } from '../database.ts'
import type { DeadLetterAudit, DeadLetterFilter, DeadLetterRecords, Named } from '../records.ts'
import { messageOf, parkedOf } from './parked.ts'

/** How many messages wait behind a dead one: those of its key but for itself. */
const HELD =
  '(SELECT count(*) - 1 FROM dure_parked AS behind WHERE behind.consumer = dead.consumer AND behind.key_hash = dead.key_hash AND behind.key = dead.key)'

/** What a decision is about, between its first statement and its last. */
const DECIDED = "state = 'decided'"

export const AUDIT = 'at, letter, consumer, topic, message_id, action, reason, actor, error, message, data'

export function sqlDeadLetters(select: SqlStore['select']): DeadLetterRecords<SqlTransaction> {
  return {
    groups: async (filter) => {
      const where = whereDead(filter)
      const rows = await select(
        `SELECT found.*, one.error AS error FROM (
           SELECT consumer, topic, fingerprint, count(*) AS letters, min(first_failure) AS first_failure,
             max(last_failure) AS last_failure, min(letter) AS example, sum(${HELD}) AS held
           FROM dure_parked AS dead WHERE ${where.sql()} GROUP BY consumer, topic, fingerprint
         ) AS found
         JOIN dure_parked AS one ON one.letter = found.example AND one.consumer = found.consumer AND one.state = 'dead'`,
        where.values,
      )
      return rows.map((row) => ({
        ...{ consumer: String(row['consumer']), topic: String(row['topic']), group: String(row['fingerprint']) },
        ...{
          error: String(row['error']),
          letter: String(row['example']),
          count: Number(row['letters']),
          held: Number(row['held']),
        },
        ...{ firstFailure: Number(row['first_failure']), lastFailure: Number(row['last_failure']) },
      }))
    },
    list: async ({ named, ...filter }, { limit, after }) => {
      const where = whereDead(filter)
      addNamed(where, named)
      if (after !== undefined)
        where.add('(last_failure > ? OR (last_failure = ? AND letter > ?))', after.lastFailure, after.lastFailure, after.id)
      const rows = await select(
        `SELECT dead.*, ${HELD} AS held,
           (SELECT count(*) FROM dure_parked_audit AS edits WHERE edits.letter = dead.letter AND edits.action = 'edit') AS edits
         FROM dure_parked AS dead WHERE ${where.sql()} ORDER BY last_failure, letter LIMIT ?`,
        [...where.values, limit],
      )
      return rows.map((row) => ({ ...parkedOf(row), held: Number(row['held']), edits: Number(row['edits']) }))
    },
    decide: async (tx, filter, decision) => {
      const { at, action, by, reason } = decision
      const where = whereDead(filter)
      if (action === 'edit') where.add('revision = ?', decision.revision)
      // From here on they are this transaction's, whatever others do: what is written down of them is true of the same ones.
      const decided = await tx.run(
        `UPDATE dure_parked SET state = 'decided', revision = revision + 1 WHERE ${where.sql()}`,
        where.values,
      )
      if (decided === 0) return 0
      await tx.run(
        `INSERT INTO dure_parked_audit (${AUDIT})
         SELECT CAST(? AS BIGINT), letter, consumer, topic, message_id, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), error, message, CAST(? AS TEXT)
         FROM dure_parked WHERE ${DECIDED}`,
        [at, action, reason, by, action === 'edit' ? decision.message.data : null],
      )
      if (action === 'retry')
        await tx.run(
          `UPDATE dure_parked SET state = 'waiting', started = 0, finished = 0, crashes = 0, next_at = 0 WHERE ${DECIDED}`,
        )
      else if (action === 'edit')
        await tx.run(`UPDATE dure_parked SET state = 'dead', message = ? WHERE ${DECIDED}`, [JSON.stringify(decision.message)])
      else {
        await markDiscarded(tx, at, decision.unmarked)
        await tx.run(`DELETE FROM dure_parked WHERE ${DECIDED}`)
      }
      return decided
    },
    audit: async ({ named, consumer, action, since, until, limit, after }) => {
      const where = createWhere()
      addNamed(where, named)
      if (consumer !== undefined) where.add('consumer = ?', consumer)
      if (action !== undefined) where.add('action = ?', action)
      if (since !== undefined) where.add('at >= ?', since)
      if (until !== undefined) where.add('at < ?', until)
      if (after !== undefined) where.add('(at < ? OR (at = ? AND letter > ?))', after.at, after.at, after.letter)
      const rows = await select(`SELECT ${AUDIT} FROM dure_parked_audit WHERE ${where.sql()} ORDER BY at DESC, letter LIMIT ?`, [
        ...where.values,
        limit,
      ])
      return rows.map(auditOf)
    },
    forget: async (tx, { before }) => void (await tx.run('DELETE FROM dure_parked_audit WHERE at < ?', [before])),
  }
}

export function auditOf(row: SqlRow): DeadLetterAudit {
  return {
    ...{ at: Number(row['at']), action: row['action'] as DeadLetterAudit['action'], letter: String(row['letter']) },
    ...{ consumer: String(row['consumer']), by: String(row['actor']), reason: String(row['reason']) },
    ...{ error: String(row['error']), message: messageOf(row['message']) },
    data: row['data'] === null ? undefined : String(row['data']),
  }
}

/** Should the broker bring it again, it has had its turn. */
async function markDiscarded(tx: SqlTransaction, at: number, unmarked: string): Promise<void> {
  const [one] = await tx.all(`SELECT 1 AS one FROM dure_parked WHERE ${DECIDED} AND consumer <> ? LIMIT 1`, [unmarked])
  // An outbox that is used alone has no inbox.
  if (one === undefined) return
  await tx.run(
    `INSERT INTO dure_inbox (message_id, consumer, seen_at)
     SELECT message_id, consumer, CAST(? AS BIGINT) FROM dure_parked WHERE ${DECIDED} AND consumer <> ?
     ON CONFLICT (message_id, consumer) DO NOTHING`,
    [at, unmarked],
  )
}

type Where = {
  readonly values: SqlValue[]
  readonly add: (sql: string, ...values: readonly SqlValue[]) => void
  readonly sql: () => string
}

function createWhere(...parts: string[]): Where {
  const values: SqlValue[] = []
  return {
    values,
    add: (sql, ...more) => {
      parts.push(sql)
      values.push(...more)
    },
    sql: () => (parts.length === 0 ? '1 = 1' : parts.join(' AND ')),
  }
}

function whereDead(filter: DeadLetterFilter): Where {
  const where = createWhere("state = 'dead'")
  const { consumer, topic, key, group, error, since, until, ids, messageIds } = filter
  if (consumer !== undefined) where.add('consumer = ?', consumer)
  if (topic !== undefined) where.add('topic = ?', topic)
  if (key !== undefined) where.add('key = ?', key)
  if (group !== undefined) where.add('fingerprint = ?', group)
  // Whether it is in there, in words that every engine knows.
  if (error !== undefined && error !== '') where.add("replace(error, ?, '') <> error", error)
  if (since !== undefined) where.add('last_failure >= ?', since)
  if (until !== undefined) where.add('last_failure < ?', until)
  if (ids !== undefined) where.add(`letter IN (${marks(ids)})`, ...ids)
  if (messageIds !== undefined) where.add(`message_id IN (${marks(messageIds)})`, ...messageIds)
  return where
}

function addNamed(where: Where, named: Named | undefined): void {
  if (named === undefined) return
  const { id, begins } = named
  where.add(`(message_id = ? OR letter ${begins ? 'LIKE' : '='} ?)`, id, begins ? `${id}%` : id)
}

function marks(values: readonly string[]): string {
  return values.length === 0 ? 'NULL' : values.map(() => '?').join(', ')
}
