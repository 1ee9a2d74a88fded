import type { OutboxMessage } from 'dure/data'
import { partitionOf } from 'dure/messaging'
import { COLUMNS, TYPES, valuesOf, type RowValue } from './rows.ts'
import { BUCKETS } from './tables.ts'

/**
 * Writing messages so that, of one key, the order of positions is the order of commits.
 *
 * In one statement: first the buckets of the keys are locked until the commit is visible, then positions are drawn. Who
 * publishes the same key waits for that commit and draws later, so whoever sees the later row sees the earlier one, and
 * the log has them in the same order.
 *
 * Locks are taken in order of bucket, and at the end of a transaction nothing else is waited for: no two wait for each
 * other. Work on queues has no order to keep and takes no locks.
 */
export type Insert = { readonly text: string; readonly values: readonly RowValue[] }

/** Rows in one statement, at most: as many different statements as are worth preparing. */
const ROWS = 16
/** Buckets of one transaction, beyond which one lock stands for all of them. */
export const MOST_LOCKS = 64

/** The statements that write these messages; positional parameters look as `mark` says ('?' or, by default, '$1'). */
export function insertsOf(messages: readonly OutboxMessage[], mark: 'question' | 'dollar' = 'dollar'): readonly Insert[] {
  const buckets = messages.map(({ key }) => partitionOf(key, BUCKETS))
  const ordered = new Set(buckets.filter((_, at) => messages[at]!.destination === 'topic'))
  const everything = ordered.size > MOST_LOCKS
  const locks = everything ? [] : [...ordered].sort((a, b) => a - b)
  const inserts: Insert[] = []
  for (let from = 0; from < messages.length; from += ROWS) {
    const some = messages.slice(from, from + ROWS)
    inserts.push({
      text: textOf(some.length, from === 0 && everything ? 'all' : 'some', mark),
      values: [
        from === 0 ? `{${locks.join(',')}}` : '{}',
        ...some.flatMap((message, at) => valuesOf(buckets[from + at]!, message)),
      ],
    })
  }
  return inserts
}

/** The first of the two numbers of an advisory lock: the table, so that outboxes of one database do not meet. */
const TABLE = `('dure_outbox'::regclass::oid::bigint - 2147483648)::int`
/** Stands for all buckets. Every publisher takes it shared; who has too many takes it alone. */
const ALL = -1

const texts = new Map<string, string>()

function textOf(rows: number, locks: 'some' | 'all', mark: 'question' | 'dollar'): string {
  const name = `${rows} ${locks} ${mark}`
  let text = texts.get(name)
  if (text === undefined) texts.set(name, (text = compose(rows, locks, mark)))
  return text
}

function compose(rows: number, locks: 'some' | 'all', mark: 'question' | 'dollar'): string {
  let number = 0
  const next = (): string => (mark === 'question' ? '?' : `$${++number}`)
  const all = locks === 'all' ? 'pg_advisory_xact_lock' : 'pg_advisory_xact_lock_shared'
  const buckets = next()
  const row = (at: number): string => `(${[...TYPES.map((type) => `${next()}::${type}`), at].join(', ')})`
  const tuples = Array.from({ length: rows }, (_, at) => row(at)).join(', ')
  // Rows come of what the locks give, so no plan can draw their positions first.
  return (
    `WITH gate AS MATERIALIZED (SELECT ${all}(${TABLE}, ${ALL})), ` +
    `locked AS MATERIALIZED (SELECT count(pg_advisory_xact_lock(${TABLE}, bucket)) AS locks ` +
    `FROM gate, unnest(${buckets}::int[]) AS bucket) ` +
    `INSERT INTO dure_outbox (${COLUMNS}) ` +
    `SELECT ${COLUMNS} FROM locked, (VALUES ${tuples}) AS message (${COLUMNS}, place) WHERE locks >= 0` +
    (rows > 1 ? ' ORDER BY place' : '')
  )
}
