import type { OutboxMessage } from 'dure/data'
import { OUTBOX_COLUMNS } from 'dure/data/internal'
import { CHANNEL, EVERYBODY, IN_LOG, LOCK } from './names.ts'
import { COLUMNS, TYPES, valuesOf, type RowValue } from './rows.ts'
import { bucketOf } from './schema.ts'

/**
 * Writing messages so that, of one key, the order of delivery is the order of commits. The server is asked where they
 * belong in the statement that writes them, so that any number of processes need not agree about it.
 *
 * First of all, a lock is shared that whoever switches takes alone: where messages belong stays so until the commit is
 * visible. While there is a slot they are written into the log, which is in order of commit by itself.
 *
 * Otherwise they are rows. First the buckets of the keys are locked until the commit is visible, then positions are drawn.
 * Who publishes the same key waits for that commit and draws later, so whoever sees the later row sees the earlier one.
 * Locks are taken in order of bucket, and at the end of a transaction nothing else is waited for: no two wait for each
 * other. Work on queues has no order to keep and locks no bucket.
 */
export type Statement = { readonly text: string; readonly values: readonly RowValue[] }

/** How a message looks inside the log: this first, so that it may change, and then the columns. */
export const LOG_VERSION = 1

/** Messages in one statement, at most: as many different statements as are worth preparing. */
const ROWS = 16
/** Buckets of one transaction, beyond which one lock stands for all of them. */
export const MOST_LOCKS = 64

/** The buckets that a statement locks before it draws positions; `held`: those before it of the same transaction have all locks. */
type Locking = 'held' | 'none' | 'one' | 'some' | 'all'
type Mark = 'question' | 'dollar'

/**
 * The statements that write these messages; positional parameters look as `mark` says ('?' or, by default, '$1'). Each
 * answers with how many rows it has written: none where they went into the log.
 */
export function publishStatements(messages: readonly OutboxMessage[], mark: Mark = 'dollar'): readonly Statement[] {
  const buckets = messages.map(({ key }) => bucketOf(key))
  const ordered = [...new Set(buckets.filter((_, at) => messages[at]!.destination === 'topic'))].sort((a, b) => a - b)
  const statements: Statement[] = []
  for (let from = 0; from < messages.length; from += ROWS) {
    const some = messages.slice(from, from + ROWS)
    // All that is needed is locked by the first.
    const locking = from === 0 ? lockingOf(ordered) : 'held'
    const locks = locking === 'one' ? [ordered[0]!] : locking === 'some' ? [`{${ordered.join(',')}}`] : []
    statements.push({
      text: textOf(some.length, locking, mark),
      values: [...locks, ...some.flatMap((message, at) => valuesOf(buckets[from + at]!, message))],
    })
  }
  return statements
}

function lockingOf({ length }: readonly number[]): Locking {
  if (length <= 1) return length === 0 ? 'none' : 'one'
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
  // Cases are looked at in this order, so nobody asks where messages belong before that is locked.
  const first = locking === 'held' ? '' : `WHEN ${locking === 'all' ? ALONE : SHARED} IS NULL THEN NULL `
  const place = `SELECT CASE ${first}WHEN ${IN_LOG} THEN true ELSE ${LOCKED[locking](next)} END AS logged`
  const row = (at: number): string => `(${[...TYPES.map((type) => `${next()}::${type}`), at].join(', ')})`
  const tuples = Array.from({ length: rows }, (_, at) => row(at)).join(', ')
  // Rows come of what the locks give, so no plan can draw their positions first. What is emitted is no row any more.
  return (
    `INSERT INTO dure_outbox (${COLUMNS}) SELECT ${COLUMNS} FROM (${place} OFFSET 0) AS place, ` +
    `(VALUES ${tuples}) AS message (${COLUMNS}, place) WHERE CASE WHEN logged THEN ${EMITTED} IS NULL ELSE true END` +
    (rows > 1 ? ' ORDER BY place' : '')
  )
}

const SHARED = `pg_advisory_xact_lock_shared(${LOCK}, ${EVERYBODY})`
const ALONE = `pg_advisory_xact_lock(${LOCK}, ${EVERYBODY})`
const EMITTED = `pg_logical_emit_message(true, ${CHANNEL}, json_build_array(${LOG_VERSION}, ${OUTBOX_COLUMNS})::text)`

/** Each is false, and only when it has its locks. */
const LOCKED: Readonly<Record<Locking, (next: () => string) => string>> = {
  held: () => 'false',
  none: () => 'false',
  one: (next) => `pg_advisory_xact_lock(${LOCK}, ${next()}::int) IS NULL`,
  some: (next) => `(SELECT count(pg_advisory_xact_lock(${LOCK}, bucket)) < 0 FROM unnest(${next()}::int[]) AS bucket)`,
  all: () => 'false',
}
