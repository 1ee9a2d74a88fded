import { type Message } from '../../contract/contract.ts'
import { describeThrown } from '../../contract/internal.ts'
import type { SqlRow, SqlValue, SqlStore, SqlTransaction } from '../../data/data.ts'
import { fingerprintOf, hashOf, letterOf } from './fingerprint.ts'

/**
 * Parked messages, in the service's own database. Per consumer and key the lowest sequence is the head: it is
 * `waiting` for its next try or `dead`; those after it are `held`. A head that is `held` is due.
 */
export type ParkedRow = {
  readonly consumer: string
  readonly key: string
  readonly sequence: number
  readonly message: Message
  readonly state: ParkedState
  /** Tries begun and tries that ended; a difference means that the process ended in between. */
  readonly started: number
  readonly finished: number
  /** Tries that ended with their process. */
  readonly crashes: number
  /** Milliseconds since the epoch, by a time that does not jump. */
  readonly nextAt: number
  readonly error: string
  readonly firstFailure: number | undefined
  readonly lastFailure: number | undefined
}

export type ParkedState = 'waiting' | 'dead' | 'held'

/** As much of a store as dead letters need: an outbox that is used alone has no more. */
export type LetterStore = Pick<SqlStore, 'service' | 'engine' | 'sharing' | 'select' | 'transaction'>

const COLUMNS =
  'consumer, topic, key, key_hash, sequence, message_id, letter, state, started, finished, crashes, next_at, fingerprint, first_failure, last_failure, error, message'

const PLACES = COLUMNS.split(', ')
/** The place is asked for where the row is written: others may park messages of the same key. */
const INSERT = `INSERT INTO dure_parked (sequence, ${PLACES.filter((column) => column !== 'sequence').join(', ')})
  VALUES ((SELECT coalesce(max(sequence), 0) + 1 FROM dure_parked WHERE consumer = ? AND key_hash = ? AND key = ?)${', ?'.repeat(PLACES.length - 1)})
  ON CONFLICT (consumer, message_id) DO NOTHING`

/** Adds a row behind those of its key; false when that message is parked already (the broker has brought it again). */
export async function insertParked(tx: SqlTransaction, row: Omit<ParkedRow, 'sequence'>): Promise<boolean> {
  const order = [row.consumer, hashOf(row.key), row.key]
  const values: SqlValue[] = [
    row.consumer,
    row.message.type,
    row.key,
    hashOf(row.key),
    row.message.id,
    letterOf(row.consumer, row.message.id),
    row.state,
    row.started,
    row.finished,
    row.crashes,
    row.nextAt,
    fingerprintOf({ consumer: row.consumer, topic: row.message.type, error: row.error }),
    row.firstFailure ?? null,
    row.lastFailure ?? null,
    row.error,
    JSON.stringify(row.message),
  ]
  return (await tx.run(INSERT, [...order, ...values])) === 1
}

export async function headOf(store: LetterStore, consumer: string, key: string): Promise<ParkedRow | undefined> {
  const rows = await store.select(
    `SELECT ${COLUMNS} FROM dure_parked WHERE consumer = ? AND key_hash = ? AND key = ? ORDER BY sequence LIMIT 1`,
    [consumer, hashOf(key), key],
  )
  return rows[0] && rowOf(rows[0])
}

/** One line per parked key: its head's state and how many rows it has. */
export async function parkedKeys(
  store: LetterStore,
  consumer: string,
): Promise<
  readonly {
    key: string
    rows: number
    state: ParkedState
    started: number
    nextAt: number
    failedAt: number
    suspect: boolean
    /** It waits for its first try, and so long at most. */
    delay: number | undefined
  }[]
> {
  const rows = await store.select(
    `SELECT parked.key AS key, heads.rows AS rows, state, next_at, started, finished, first_failure,
       CASE WHEN state = 'waiting' AND started = 0 THEN message END AS delayed
     FROM dure_parked AS parked
     JOIN (SELECT key, min(sequence) AS first, count(*) AS rows FROM dure_parked WHERE consumer = ? GROUP BY key) AS heads
       ON heads.key = parked.key AND heads.first = parked.sequence
     WHERE consumer = ?`,
    [consumer, consumer],
  )
  return rows.map((row) => ({
    key: String(row['key']),
    rows: Number(row['rows']),
    state: String(row['state']) as ParkedState,
    started: Number(row['started']),
    nextAt: Number(row['next_at']),
    failedAt: Number(row['first_failure'] ?? 0),
    suspect: Number(row['started']) > Number(row['finished']),
    delay: row['delayed'] === null ? undefined : messageOf(String(row['delayed'])).delay,
  }))
}

export function rowOf(row: SqlRow): ParkedRow {
  const time = (column: string): number | undefined => (row[column] === null ? undefined : Number(row[column]))
  return {
    consumer: String(row['consumer']),
    key: String(row['key']),
    sequence: Number(row['sequence']),
    message: messageOf(String(row['message'])),
    state: String(row['state']) as ParkedState,
    started: Number(row['started']),
    finished: Number(row['finished']),
    crashes: Number(row['crashes']),
    nextAt: Number(row['next_at']),
    error: String(row['error']),
    firstFailure: time('first_failure'),
    lastFailure: time('last_failure'),
  }
}

/** JSON leaves out what is undefined. */
export function messageOf(text: string): Message {
  const message = JSON.parse(text) as Message
  return { ...message, causationId: message.causationId, traceparent: message.traceparent }
}

/** What went wrong, short enough for a row, and groupable: the first line carries name and message. */
export function errorText(error: unknown): string {
  const { message, stack, words } = describeThrown(error)
  const text = stack?.includes(message) === true ? stack : words
  return text.slice(0, 4000).toWellFormed().replaceAll('\0', '')
}
