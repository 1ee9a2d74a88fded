import type { Message } from '../../contract/contract.ts'
import type { DatabaseTime, SqlRow, SqlStore, SqlTransaction, SqlValue } from '../database.ts'
import { UNPARTITIONED, type ParkedId, type ParkedMessage, type ParkedRecords } from '../records.ts'
import { shortHash } from '../short-hash.ts'
import { checkFence, CURRENT, fenceValues } from './ownership.ts'

export const PARKED_COLUMNS =
  'consumer, partition, revision, topic, key, key_hash, message_id, letter, state, started, finished, crashes, next_at, fingerprint, first_failure, last_failure, error, message'

/** The place is asked for where the row is written: others may park messages of the same key. */
const INSERT = `INSERT INTO dure_parked (sequence, ${PARKED_COLUMNS})
  VALUES ((SELECT coalesce(max(sequence), 0) + 1 FROM dure_parked WHERE consumer = ? AND key_hash = ? AND key = ?), PLACES)
  ON CONFLICT (consumer, message_id) DO NOTHING`

/** What an older release has parked says nothing of partitions: it is the first one's, or of what has none. */
const PLACE = 'consumer = ? AND (partition = ? OR (partition IS NULL AND CAST(? AS BIGINT) <= 0))'

export function sqlParked(select: SqlStore['select'], time: DatabaseTime): ParkedRecords<SqlTransaction> {
  const [now, times] = typeof time === 'string' ? [time, () => []] : ['?', () => [time()]]
  const until = `${now} + ?`
  const insert = INSERT.replace(
    'PLACES',
    PARKED_COLUMNS.split(', ')
      .map((column) => (column === 'next_at' ? until : '?'))
      .join(', '),
  )
  return {
    add: async (tx, messages, fence) => {
      const added: ParkedMessage[] = []
      if (fence !== undefined) await checkFence(tx, fence)
      for (const one of messages) if ((await tx.run(insert, valuesOf(one, times()))) === 1) added.push(one)
      return added
    },
    read: async ({ consumer, key, limit }) => {
      const rows = await select(
        `SELECT ${PARKED_COLUMNS}, next_at - ${now} AS wait FROM dure_parked WHERE consumer = ? AND key_hash = ? AND key = ? ORDER BY sequence LIMIT ?`,
        [...times(), consumer, hashOf(key), key, limit],
      )
      return rows.map(parkedOf)
    },
    keys: async ({ consumer, partition }) => {
      const place = [consumer, partition, partition]
      const rows = await select(
        `SELECT parked.key AS key, heads.rows AS count, state, next_at - ${now} AS wait, started, finished, first_failure,
           CASE WHEN state = 'waiting' AND started = 0 THEN message END AS delayed
         FROM dure_parked AS parked
         JOIN (SELECT key, min(sequence) AS first, count(*) AS rows FROM dure_parked WHERE ${PLACE} GROUP BY key) AS heads
           ON heads.key = parked.key AND heads.first = parked.sequence
         WHERE ${PLACE}`,
        [...times(), ...place, ...place],
      )
      return rows.map((row) => ({
        ...{ key: String(row['key']), count: Number(row['count']), state: stateOf(row) },
        ...{ started: Number(row['started']), finished: Number(row['finished']), wait: waitOf(row) },
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
    totals: async () => {
      const rows = await select(
        `SELECT parked.consumer AS consumer, sum(CASE WHEN state = 'dead' THEN 0 ELSE heads.rows END) AS waiting,
           sum(CASE WHEN state = 'dead' THEN 1 ELSE 0 END) AS letters, sum(CASE WHEN state = 'dead' THEN heads.rows - 1 ELSE 0 END) AS held,
           min(CASE WHEN state = 'dead' THEN first_failure END) AS oldest
         FROM dure_parked AS parked
         JOIN (SELECT consumer, key, min(sequence) AS first, count(*) AS rows FROM dure_parked GROUP BY consumer, key) AS heads
           ON heads.consumer = parked.consumer AND heads.key = parked.key AND heads.first = parked.sequence
         GROUP BY parked.consumer`,
      )
      return rows.map((row) => ({
        ...{ consumer: String(row['consumer']), waiting: Number(row['waiting']), deadLetters: Number(row['letters']) },
        ...{ held: Number(row['held']), oldest: optional(row['oldest']) },
      }))
    },
    letters: async () => {
      const rows = await select(
        "SELECT consumer, coalesce(partition, -1) AS partition, count(*) AS letters FROM dure_parked WHERE state = 'dead' GROUP BY consumer, coalesce(partition, -1)",
      )
      return rows.map((row) => ({
        ...{ consumer: String(row['consumer']), partition: Number(row['partition']), letters: Number(row['letters']) },
      }))
    },
    begin: (tx, { lease, ...its }) =>
      changed(
        tx,
        its,
        `UPDATE dure_parked SET started = started + 1, revision = revision + 1, next_at = ${until}, state = 'waiting'`,
        [...times(), lease],
      ),
    finish: (tx, its) => changed(tx, its, 'DELETE FROM dure_parked', []),
    fail: (tx, { started, crashes, state, wait, error, group, at, ...its }) =>
      changed(
        tx,
        its,
        `UPDATE dure_parked SET revision = revision + 1, finished = ?, crashes = ?, state = ?, next_at = ${until}, error = ?, fingerprint = ?,
           first_failure = coalesce(first_failure, ?), last_failure = ?`,
        [started, crashes, state, ...times(), wait, error, group, at, at],
      ),
  }
}

/** Changes a message that is as it was seen and not dead; whether it did. */
async function changed(tx: SqlTransaction, its: ParkedId, sql: string, values: readonly SqlValue[]): Promise<boolean> {
  const { consumer, messageId, revision, fence } = its
  const where = "WHERE consumer = ? AND message_id = ? AND revision = ? AND state <> 'dead'"
  const done =
    (await tx.run(`${sql} ${where}${fence === undefined ? '' : ` AND ${CURRENT}`}`, [
      ...[...values, consumer, messageId, revision],
      ...(fence === undefined ? [] : fenceValues(fence)),
    ])) === 1
  if (!done && fence !== undefined) await checkFence(tx, fence)
  return done
}

function valuesOf(of: ParkedMessage, now: readonly number[]) {
  const { consumer, key, message, firstFailure = null, lastFailure = null } = of
  const hash = hashOf(key)
  return [
    ...[consumer, hash, key],
    ...[
      consumer,
      of.partition,
      of.revision,
      message.type,
      key,
      hash,
      message.id,
      of.letter,
      of.state,
      of.started,
      of.finished,
      of.crashes,
      ...now,
      of.wait,
    ],
    ...[of.group, firstFailure, lastFailure, of.error, JSON.stringify(message)],
  ]
}

export function parkedOf(row: SqlRow): ParkedMessage {
  return {
    ...{ consumer: String(row['consumer']), key: String(row['key']), message: messageOf(row['message']), state: stateOf(row) },
    ...{ partition: Number(row['partition'] ?? UNPARTITIONED), revision: Number(row['revision']) },
    ...{ started: Number(row['started']), finished: Number(row['finished']), crashes: Number(row['crashes']) },
    ...{ wait: waitOf(row), error: String(row['error']) },
    ...{ firstFailure: optional(row['first_failure']), lastFailure: optional(row['last_failure']) },
    ...{ letter: String(row['letter']), group: String(row['fingerprint']) },
  }
}

/** JSON leaves out what is undefined. */
export function messageOf(text: unknown): Message {
  const message = JSON.parse(String(text)) as Message
  return { ...message, causationId: message.causationId, traceparent: message.traceparent }
}

/** Of a dead letter nobody asks. */
function waitOf(row: SqlRow): number {
  return Math.max(0, Number(row['wait'] ?? 0))
}

/** A key in a form that fits an index of any database: keys may be longer than those take. */
export function hashOf(key: string): string {
  return shortHash(key, 10)
}

function stateOf(row: SqlRow): ParkedMessage['state'] {
  return row['state'] as ParkedMessage['state']
}

function optional(time: unknown): number | undefined {
  return time === null ? undefined : Number(time)
}
