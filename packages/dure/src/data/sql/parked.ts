import type { Message } from '../../contract/contract.ts'
import type { SqlRow, SqlStore, SqlTransaction } from '../database.ts'
import type { ParkedMessage, ParkedRecords } from '../records.ts'
import { shortHash } from '../short-hash.ts'

const COLUMNS =
  'consumer, topic, key, key_hash, message_id, letter, state, started, finished, crashes, next_at, fingerprint, first_failure, last_failure, error, message'

/** The place is asked for where the row is written: others may park messages of the same key. */
const INSERT = `INSERT INTO dure_parked (sequence, ${COLUMNS})
  VALUES ((SELECT coalesce(max(sequence), 0) + 1 FROM dure_parked WHERE consumer = ? AND key_hash = ? AND key = ?)${', ?'.repeat(COLUMNS.split(', ').length)})
  ON CONFLICT (consumer, message_id) DO NOTHING`

export function sqlParked(select: SqlStore['select']): ParkedRecords<SqlTransaction> {
  return {
    add: async (tx, messages) => {
      const added: ParkedMessage[] = []
      for (const one of messages) if ((await tx.run(INSERT, valuesOf(one))) === 1) added.push(one)
      return added
    },
    read: async ({ consumer, key, limit }) => {
      const rows = await select(
        `SELECT ${COLUMNS} FROM dure_parked WHERE consumer = ? AND key_hash = ? AND key = ? ORDER BY sequence LIMIT ?`,
        [consumer, hashOf(key), key, limit],
      )
      return rows.map(parkedOf)
    },
    keys: async (consumer) => {
      const rows = await select(
        `SELECT parked.key AS key, heads.rows AS count, state, next_at, started, finished, first_failure,
           CASE WHEN state = 'waiting' AND started = 0 THEN message END AS delayed
         FROM dure_parked AS parked
         JOIN (SELECT key, min(sequence) AS first, count(*) AS rows FROM dure_parked WHERE consumer = ? GROUP BY key) AS heads
           ON heads.key = parked.key AND heads.first = parked.sequence
         WHERE consumer = ?`,
        [consumer, consumer],
      )
      return rows.map((row) => ({
        ...{ key: String(row['key']), count: Number(row['count']), state: stateOf(row) },
        ...{ started: Number(row['started']), finished: Number(row['finished']), nextAt: Number(row['next_at']) },
        firstFailure: optional(row['first_failure']),
        delay: row['delayed'] === null ? undefined : messageOf(row['delayed']).delay,
      }))
    },
    holding: async ({ consumer, keys }) => {
      const rows = await select(
        `SELECT DISTINCT key_hash FROM dure_parked WHERE consumer = ? AND key_hash IN (${keys.map(() => '?').join(', ')})`,
        [consumer, ...keys.map(hashOf)],
      )
      return rows.length
    },
    begin: async (tx, { consumer, messageId, started, nextAt }) =>
      (await tx.run(
        "UPDATE dure_parked SET started = started + 1, next_at = ?, state = 'waiting' WHERE consumer = ? AND message_id = ? AND started = ? AND state <> 'dead'",
        [nextAt, consumer, messageId, started],
      )) === 1,
    finish: async (tx, { consumer, messageId, started }) =>
      (await tx.run('DELETE FROM dure_parked WHERE consumer = ? AND message_id = ? AND started = ?', [
        consumer,
        messageId,
        started,
      ])) === 1,
    fail: async (tx, { consumer, messageId, started, crashes, state, nextAt, error, group, at }) => {
      await tx.run(
        `UPDATE dure_parked SET finished = ?, crashes = ?, state = ?, next_at = ?, error = ?, fingerprint = ?,
           first_failure = coalesce(first_failure, ?), last_failure = ?
         WHERE consumer = ? AND message_id = ?`,
        [started, crashes, state, nextAt, error, group, at, at, consumer, messageId],
      )
    },
  }
}

function valuesOf(of: ParkedMessage) {
  const { consumer, key, message, firstFailure = null, lastFailure = null } = of
  const hash = hashOf(key)
  return [
    ...[consumer, hash, key],
    ...[consumer, message.type, key, hash, message.id, of.letter, of.state, of.started, of.finished, of.crashes, of.nextAt],
    ...[of.group, firstFailure, lastFailure, of.error, JSON.stringify(message)],
  ]
}

export function parkedOf(row: SqlRow): ParkedMessage {
  return {
    ...{ consumer: String(row['consumer']), key: String(row['key']), message: messageOf(row['message']), state: stateOf(row) },
    ...{ started: Number(row['started']), finished: Number(row['finished']), crashes: Number(row['crashes']) },
    ...{ nextAt: Number(row['next_at']), error: String(row['error']) },
    ...{ firstFailure: optional(row['first_failure']), lastFailure: optional(row['last_failure']) },
    ...{ letter: String(row['letter']), group: String(row['fingerprint']) },
  }
}

/** JSON leaves out what is undefined. */
export function messageOf(text: unknown): Message {
  const message = JSON.parse(String(text)) as Message
  return { ...message, causationId: message.causationId, traceparent: message.traceparent }
}

/** A key in a form that fits an index of any database: keys may be longer than those take. */
function hashOf(key: string): string {
  return shortHash(key, 10)
}

function stateOf(row: SqlRow): ParkedMessage['state'] {
  return row['state'] as ParkedMessage['state']
}

function optional(time: unknown): number | undefined {
  return time === null ? undefined : Number(time)
}
