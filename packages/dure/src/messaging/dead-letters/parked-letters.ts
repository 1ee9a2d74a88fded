import type { AnyEvent, Message } from '../../contract/contract.ts'
import type { SqlRow, SqlValue, SqlTransaction } from '../../data/data.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { firstLine, hashOf, outboxOf } from '../parked/parked.ts'
import { messageOf, rowOf, type LetterStore } from '../parked/parked.ts'
import { auditParked, beginningOf, type Deed } from './audit.ts'
import { edited } from './edit.ts'
import { headOf, type After, type DeadLetter, type DeadLetterFilter, type DeadLetterGroup, type MessageHead } from './letter.ts'

/** Messages shown of those that wait behind one. */
const BEHIND = 20

/** How many messages of its key are parked: itself, and those behind it. */
const OF_ITS_KEY =
  '(SELECT count(*) FROM dure_parked AS behind WHERE behind.consumer = dead.consumer AND behind.key_hash = dead.key_hash AND behind.key = dead.key)'

type Where = { readonly sql: string; readonly parameters: readonly SqlValue[] }

type Found = {
  readonly letter: DeadLetter
  readonly message: Message
  readonly detail: string
  readonly behind: readonly MessageHead[]
}

type DeadLetterStore = {
  readonly groups: (filter: DeadLetterFilter) => Promise<readonly DeadLetterGroup[]>
  /** In order of their last failure. */
  readonly list: (filter: DeadLetterFilter, limit: number, after: After | undefined) => Promise<readonly DeadLetter[]>
  /** By id, the beginning of one, or the id of its message. */
  readonly find: (id: string, limit: number) => Promise<readonly Found[]>
  readonly retry: (filter: DeadLetterFilter, deed: Deed) => Promise<number>
  readonly discard: (filter: DeadLetterFilter, deed: Deed) => Promise<number>
  /** False when there is no such letter. */
  readonly edit: (id: string, data: string, deed: Deed) => Promise<boolean>
}

/**
 * Dead letters beside their consumers' data.
 * @param options.changed told after every change, so that a consumer in this process looks at its table again
 */
export function parkedLetters(options: {
  store: LetterStore
  runtime: Runtime
  eventOf: (consumer: string, topic: string) => AnyEvent | undefined
  kindOf: (consumer: string) => DeadLetter['kind']
  changed: () => void
}): DeadLetterStore {
  const { store, runtime, eventOf, kindOf, changed } = options
  const contains = store.engine === 'sqlite' ? 'instr' : 'strpos'

  const where = (filter: DeadLetterFilter): Where => {
    const parts = ["state = 'dead'"]
    const parameters: SqlValue[] = []
    const add = (sql: string, ...values: readonly SqlValue[]): void => {
      parts.push(sql)
      parameters.push(...values)
    }
    const { consumer, topic, key, group, error, since, until, ids, messageIds } = filter
    if (consumer !== undefined) add('consumer = ?', consumer)
    if (topic !== undefined) add('topic = ?', topic)
    if (key !== undefined) add('key = ?', key)
    if (group !== undefined) add('fingerprint = ?', group)
    if (error !== undefined) add(`${contains}(error, ?) > 0`, error)
    if (since !== undefined) add('last_failure >= ?', since)
    if (until !== undefined) add('last_failure < ?', until)
    if (ids !== undefined) add(`letter IN (${marks(ids)})`, ...ids)
    if (messageIds !== undefined) add(`message_id IN (${marks(messageIds)})`, ...messageIds)
    return { sql: parts.join(' AND '), parameters }
  }

  const select = async ({ sql, parameters }: Where, limit: number): Promise<readonly Parked[]> => {
    const rows = await store.select(
      `SELECT dead.*,
         ${OF_ITS_KEY} - 1 AS held,
         (SELECT count(*) FROM dure_parked_audit AS edits WHERE edits.letter = dead.letter AND edits.action = 'edit') AS edits
       FROM dure_parked AS dead WHERE ${sql} ORDER BY last_failure, letter LIMIT ?`,
      [...parameters, limit],
    )
    return rows.map((row) => parkedOf(row, kindOf))
  }

  /** Runs a change with its audit in one transaction, and tells the consumer: of a failed one too, which may have happened. */
  const change = async <T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> => {
    try {
      return await store.transaction(work)
    } finally {
      changed()
    }
  }

  const behind = async ({ letter, key, sequence }: Parked): Promise<readonly Message[]> => {
    const rows = await store.select(
      'SELECT message FROM dure_parked WHERE consumer = ? AND key_hash = ? AND key = ? AND sequence > ? ORDER BY sequence LIMIT ?',
      [letter.consumer, hashOf(key), key, sequence, BEHIND],
    )
    return rows.map((row) => messageOf(String(row['message'])))
  }

  return {
    groups: async (filter) => {
      const { sql, parameters } = where(filter)
      const rows = await store.select(
        `SELECT found.*, one.error AS error FROM (
           SELECT consumer, topic, fingerprint, count(*) AS letters, min(first_failure) AS first_failure, max(last_failure) AS last_failure,
             min(letter) AS example,
             sum(${OF_ITS_KEY} - 1) AS held
           FROM dure_parked AS dead WHERE ${sql} GROUP BY consumer, topic, fingerprint
         ) AS found
         JOIN dure_parked AS one ON one.letter = found.example AND one.consumer = found.consumer AND one.state = 'dead'`,
        parameters,
      )
      return rows.map((row) => groupOf(row, kindOf))
    },
    list: async (filter, limit, after) => (await select(later(where(filter), after), limit)).map(({ letter }) => letter),
    find: async (id, limit) => {
      const begins = beginningOf(id)
      const named = begins === undefined ? { sql: '', parameters: [] } : { sql: 'OR letter LIKE ?', parameters: [begins] }
      const parked = await select(
        { sql: `state = 'dead' AND (message_id = ? ${named.sql})`, parameters: [id, ...named.parameters] },
        limit,
      )
      const found: Found[] = []
      for (const one of parked) {
        const { letter, message, detail } = one
        found.push({ letter, message, detail, behind: (await behind(one)).map(headOf) })
      }
      return found
    },
    retry: (filter, deed) =>
      change(async (tx) => {
        const { sql, parameters } = where(filter)
        await auditParked(tx, deed, { sql, parameters })
        return tx.run(
          `UPDATE dure_parked SET state = 'waiting', started = 0, finished = 0, crashes = 0, next_at = 0 WHERE ${sql}`,
          parameters,
        )
      }),
    discard: (filter, deed) =>
      change(async (tx) => {
        const { sql, parameters } = where(filter)
        await auditParked(tx, deed, { sql, parameters })
        const consumed = `${sql} AND consumer <> ?`
        const consumedBy = [...parameters, outboxOf(store.service)]
        const [one] = await tx.all(`SELECT 1 AS one FROM dure_parked WHERE ${consumed} LIMIT 1`, consumedBy)
        // Should the broker bring it again, it has had its turn.
        if (one !== undefined)
          await tx.run(
            `INSERT INTO dure_inbox (message_id, consumer, seen_at)
           SELECT message_id, consumer, CAST(? AS BIGINT) FROM dure_parked WHERE ${consumed}
           ON CONFLICT (message_id, consumer) DO NOTHING`,
            [runtime.clock.now(), ...consumedBy],
          )
        return tx.run(`DELETE FROM dure_parked WHERE ${sql}`, parameters)
      }),
    edit: (id, data, deed) =>
      change(async (tx) => {
        const named = where({ ids: [id] })
        const [row] = await tx.all(`SELECT consumer, message FROM dure_parked WHERE ${named.sql}`, named.parameters)
        if (row === undefined) return false
        const original = messageOf(String(row['message']))
        const message = await edited(original, data, eventOf(String(row['consumer']), original.type))
        await auditParked(tx, { ...deed, data } satisfies Deed, named)
        await tx.run(`UPDATE dure_parked SET message = ? WHERE ${named.sql}`, [JSON.stringify(message), ...named.parameters])
        return true
      }),
  }
}

function marks(values: readonly string[]): string {
  return values.length === 0 ? 'NULL' : values.map(() => '?').join(', ')
}

function later({ sql, parameters }: Where, after: After | undefined): Where {
  if (after === undefined) return { sql, parameters }
  return {
    sql: `${sql} AND (last_failure > ? OR (last_failure = ? AND letter > ?))`,
    parameters: [...parameters, after.lastFailure, after.lastFailure, after.id],
  }
}

type Parked = {
  readonly letter: DeadLetter
  /** What it holds: its own key, or nothing but itself. */
  readonly key: string
  readonly message: Message
  readonly detail: string
  readonly sequence: number
}

function parkedOf(row: SqlRow, kindOf: (consumer: string) => DeadLetter['kind']): Parked {
  const { consumer, key, message, error, finished, sequence, firstFailure = 0, lastFailure = 0 } = rowOf(row)
  const letter: DeadLetter = {
    id: String(row['letter']),
    kind: kindOf(consumer),
    consumer,
    group: String(row['fingerprint']),
    message: headOf(message),
    error: firstLine(error),
    attempts: finished,
    firstFailure,
    lastFailure,
    held: Number(row['held']),
    edits: Number(row['edits']),
  }
  return { letter, key, message, detail: error, sequence }
}

function groupOf(row: SqlRow, kindOf: (consumer: string) => DeadLetter['kind']): DeadLetterGroup {
  return {
    id: String(row['fingerprint']),
    kind: kindOf(String(row['consumer'])),
    consumer: String(row['consumer']),
    topic: String(row['topic']),
    error: firstLine(String(row['error'])),
    count: Number(row['letters']),
    held: Number(row['held']),
    firstFailure: Number(row['first_failure']),
    lastFailure: Number(row['last_failure']),
    example: String(row['example']),
  }
}
