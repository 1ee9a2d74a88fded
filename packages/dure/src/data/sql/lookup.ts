import type { DatabaseTime, SqlStore, SqlValue } from '../database.ts'
import { OUTBOX_COLUMNS, outboxMessage } from '../outbox-row.ts'
import type { CommandOutcome, LookupRecords } from '../records.ts'
import { AUDIT, auditOf } from './dead-letters.ts'
import { hashOf, PARKED_COLUMNS, parkedOf } from './parked.ts'

/** Rows of the outbox that are looked at: it has no index but that of its order. */
const OUTBOX_ROWS = 10_000
/** Values of one list, at most. Lists have one of few lengths, so that few statements are prepared. */
const LENGTHS = [1, 8, 32, 100]

/** What becomes of single messages, in the tables of `ownMigrations`. */
export function sqlLookup(select: SqlStore['select'], time: DatabaseTime): LookupRecords {
  const [now, times] = typeof time === 'string' ? [time, () => []] : ['?', () => [time()]]
  return {
    outbox: async ({ correlationIds, keys, messageIds }, limit) => {
      const [correlated, keyed, named] = [listOf(correlationIds), listOf(keys), listOf(messageIds)]
      const rows = await select(
        `SELECT position, ${OUTBOX_COLUMNS} FROM (SELECT position, ${OUTBOX_COLUMNS} FROM dure_outbox ORDER BY position LIMIT ${OUTBOX_ROWS}) AS waiting
         WHERE correlation_id IN ${correlated.places} OR key IN ${keyed.places} OR id IN ${named.places} ORDER BY position LIMIT ?`,
        [...correlated.values, ...keyed.values, ...named.values, limit],
      )
      return rows.map((row) => ({ position: Number(row['position']), message: outboxMessage(Object.values(row), 1) }))
    },
    marks: async (messageIds) => {
      const { places, values } = listOf(messageIds)
      const rows = await select(`SELECT consumer, message_id, seen_at FROM dure_inbox WHERE message_id IN ${places}`, values)
      return rows.map((row) => {
        return { consumer: String(row['consumer']), messageId: String(row['message_id']), at: Number(row['seen_at']) }
      })
    },
    parked: async ({ consumers, keys, messageIds }, limit) => {
      const [whose, named, keyed] = [listOf(consumers), listOf(messageIds), listOf(keys)]
      const rows = await select(
        `SELECT ${PARKED_COLUMNS}, next_at - ${now} AS wait FROM dure_parked WHERE (consumer IN ${whose.places} AND message_id IN ${named.places})
           OR (consumer IN ${whose.places} AND key_hash IN ${keyed.places}) ORDER BY consumer, key_hash, sequence LIMIT ?`,
        [...times(), ...whose.values, ...named.values, ...whose.values, ...listOf(keys.map(hashOf)).values, limit],
      )
      return rows.map(parkedOf)
    },
    decisions: async (letters, limit) => {
      const { places, values } = listOf(letters)
      const sql = `SELECT ${AUDIT} FROM dure_parked_audit WHERE letter IN ${places} ORDER BY at LIMIT ?`
      return (await select(sql, [...values, limit])).map(auditOf)
    },
    commands: async ({ operation, prefixes }, limit) => {
      if (prefixes.length === 0) return []
      // Keys are text without what sorts behind the last of these.
      const ranges = prefixes.map(() => '(key >= ? AND key < ?)').join(' OR ')
      const rows = await select(
        `SELECT key, outcome, body, made_at FROM dure_idempotency WHERE operation = ? AND (${ranges}) LIMIT ?`,
        [operation, ...prefixes.flatMap((prefix) => [prefix, `${prefix}\u{10ffff}`]), limit],
      )
      const found = rows.map((row) => ({
        ...{ operation, key: String(row['key']), outcome: row['outcome'] as CommandOutcome },
        ...{ body: String(row['body']), at: Number(row['made_at']) },
      }))
      // A database may sort texts by a language.
      return found.filter(({ key }) => prefixes.some((prefix) => key.startsWith(prefix)))
    },
  }
}

/** The last one is repeated; an empty list has nothing in it that there could be. */
function listOf(values: readonly string[]): { readonly places: string; readonly values: readonly SqlValue[] } {
  const size = LENGTHS.find((length) => length >= values.length) ?? values.length
  const padded = Array.from({ length: size }, (_, at) => values[at] ?? values.at(-1) ?? null)
  return { places: `(${padded.map(() => '?').join(', ')})`, values: padded }
}
