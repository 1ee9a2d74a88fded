import type { OutboxMessage } from 'dure/data'
import { partitionOf } from 'dure/messaging/internal'
import { COLUMNS, TYPES, valuesOf, type RowValue } from './rows.ts'
import { BUCKETS } from './schema.ts'

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

/** What a statement locks before it draws positions: nothing, one bucket, several, or all of them at once. */
type Locking = 'nothing' | 'one' | 'some' | 'all'
type Mark = 'question' | 'dollar'

/** The statements that write these messages; positional parameters look as `mark` says ('?' or, by default, '$1'). */
export function insertsOf(messages: readonly OutboxMessage[], mark: Mark = 'dollar'): readonly Insert[] {
  const buckets = messages.map(({ key }) => partitionOf(key, BUCKETS))
  const ordered = [...new Set(buckets.filter((_, at) => messages[at]!.destination === 'topic'))].sort((a, b) => a - b)
  const inserts: Insert[] = []
  for (let from = 0; from < messages.length; from += ROWS) {
    const some = messages.slice(from, from + ROWS)
    // All that is needed is locked by the first.
    const locking = from === 0 ? lockingOf(ordered) : 'nothing'
    const locks = locking === 'one' ? [ordered[0]!] : locking === 'some' ? [`{${ordered.join(',')}}`] : []
    inserts.push({
      text: textOf(some.length, locking, mark),
      values: [...locks, ...some.flatMap((message, at) => valuesOf(buckets[from + at]!, message))],
    })
  }
  return inserts
}

function lockingOf({ length }: readonly number[]): Locking {
  if (length <= 1) return length === 0 ? 'nothing' : 'one'
  return length > MOST_LOCKS ? 'all' : 'some'
}

const texts = new Map<string, string>()

function textOf(rows: number, locking: Locking, mark: Mark): string {
  const name = `${rows} ${locking} ${mark}`
  let text = texts.get(name)
  if (text === undefined) texts.set(name, (text = compose(rows, locking, mark)))
  return text
}

function compose(rows: number, locking: Locking, mark: Mark): string {
  let number = 0
  const next = (): string => (mark === 'question' ? '?' : `$${++number}`)
  const locked = LOCKED[locking](next)
  const row = (at: number): string => `(${[...TYPES.map((type) => `${next()}::${type}`), at].join(', ')})`
  const tuples = Array.from({ length: rows }, (_, at) => row(at)).join(', ')
  // Rows come of what the locks give, so no plan can draw their positions first.
  return (
    `INSERT INTO dure_outbox (${COLUMNS}) SELECT ${COLUMNS} FROM (${locked} OFFSET 0) AS locked, ` +
    `(VALUES ${tuples}) AS message (${COLUMNS}, place) WHERE NOT missing${rows > 1 ? ' ORDER BY place' : ''}`
  )
}

/** The first of the two numbers of an advisory lock: the table, so that outboxes of one database do not meet. */
const TABLE = `('dure_outbox'::regclass::oid::bigint - 2147483648)::int`
/** Stands for all buckets. Every publisher takes it shared; who has too many takes it alone. */
const ALL = -1
const SHARED = `pg_advisory_xact_lock_shared(${TABLE}, ${ALL})`

/** Each gives one row, and only when it has its locks. */
const LOCKED: Readonly<Record<Locking, (next: () => string) => string>> = {
  nothing: () => 'SELECT false AS missing',
  one: (next) => `SELECT ${SHARED} IS NULL OR pg_advisory_xact_lock(${TABLE}, ${next()}::int) IS NULL AS missing`,
  some: (next) =>
    `SELECT count(pg_advisory_xact_lock(${TABLE}, bucket)) < 0 AS missing ` +
    `FROM (SELECT ${SHARED} OFFSET 0) AS gate, unnest(${next()}::int[]) AS bucket`,
  all: () => `SELECT pg_advisory_xact_lock(${TABLE}, ${ALL}) IS NULL AS missing`,
}
