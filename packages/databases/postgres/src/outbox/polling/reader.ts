import { COLUMNS, rowOf, type OutboxRow, type RawRow } from '../rows.ts'
import { LANES } from '../schema.ts'

/**
 * Reads committed rows in order of position and never passes one that is not committed yet, without waiting for it.
 *
 * Each read is one statement with one snapshot. What the snapshot did not show is of transactions that had not ended then:
 * those it lists as running, and those that came after all it knows of. So the next read looks beyond the last position,
 * and before it at the rows of just these transactions, as far as they have ended since. That is every row there can be.
 * Of one key the later row is never seen without the earlier one (outbox/statements.ts), so what comes late is of other keys.
 *
 * The cost is that of what is new. Rows deleted behind the position are not walked again, not even while a transaction
 * that is left open keeps vacuum from taking them away.
 */
export type Reader = {
  /** The next rows of these lanes. `more` when there may be others that it had no room for. */
  readonly read: (
    select: Select,
    lanes: readonly number[],
  ) => Promise<{ readonly rows: readonly OutboxRow[]; readonly more: boolean }>
  /**
   * From the beginning of the table again: lanes were gained, or rows that were read are not being delivered. A read that
   * is under way comes back with nothing.
   */
  readonly restart: () => void
}

export type Select = (text: string, values: readonly unknown[]) => Promise<readonly RawRow[]>

export function createReader(limits: { readonly batch: number; readonly bytes: number }): Reader {
  /** The last position seen, … */
  let cursor = 0
  /** … and the transactions that may have rows before it, which were not to be seen: */
  let open = NONE
  let beginning = 0

  return {
    restart: () => {
      beginning++
      cursor = 0
      open = NONE
    },
    read: async (select, lanes) => {
      const [before, since] = [cursor, beginning]
      const raw = await select(READ, [
        before,
        `{${lanes.join(',')}}`,
        limits.batch,
        limits.bytes,
        `{${open.running.join(',')}}`,
        open.from,
      ])
      if (since !== beginning) return { rows: [], more: true }
      const snapshot = raw.find(([position]) => position === null)!
      open = openIn(snapshot)
      const rows = raw.filter(([position]) => position !== null).map(rowOf)
      const late = inOrder(rows.filter(({ position }) => position <= before))
      // Not all that came late fits, and what lies beyond must not overtake it: on from there, then. What is met a second
      // time is known to whoever has it in hand.
      if (full(late, limits)) {
        cursor = late.at(-1)!.position
        return { rows: late, more: true }
      }
      const news = inOrder(rows.filter(({ position }) => position > before))
      const more = full(news, limits)
      // When that is all, what lies beyond is in the lanes of others: it need not be walked over again.
      cursor = more ? news.at(-1)!.position : Math.max(before, Number(snapshot[LAST]))
      return { rows: [...late, ...news], more }
    },
  }
}

function inOrder(rows: readonly OutboxRow[]): readonly OutboxRow[] {
  return rows.toSorted((a, b) => a.position - b.position)
}

/** Whether a side of the read came to one of its limits. */
function full(rows: readonly OutboxRow[], { batch, bytes }: { batch: number; bytes: number }): boolean {
  if (rows.length >= batch) return true
  let size = 0
  for (const { message } of rows) size += Buffer.byteLength(message.data)
  return size >= bytes
}

/** The transactions that had not ended in a snapshot: these, and all from one on. */
type Open = { readonly running: readonly string[]; readonly from: string }

/** What has not been looked at has nothing before it: from a transaction on that will never be. */
const NONE: Open = { running: [], from: '18446744073709551615' }

/** A snapshot says `xmin:xmax:running,running`. */
function openIn(raw: RawRow): Open {
  const [, from, list] = String(raw.at(-1)).split(':') as [string, string, string]
  return { running: list === '' ? [] : list.split(','), from }
}

const ALL = `position, ${COLUMNS}`
/** At most so many rows, and no more once they hold so many bytes. */
const bounded = (from: string): string =>
  `(SELECT ${ALL} FROM (SELECT *, sum(octet_length(data)) OVER (ORDER BY position) - octet_length(data) AS before ` +
  `FROM (SELECT ${ALL} FROM ${from} AND (bucket & ${LANES - 1}) = ANY ($2::int[]) ORDER BY position LIMIT $3) AS rows) AS sized ` +
  `WHERE before < $4)`
/** Beside the rows comes what the snapshot is, and the last position in it. */
const BESIDE: Readonly<Record<string, string>> = {
  time: '(SELECT max(position) FROM dure_outbox WHERE position > $1)',
  data: 'pg_current_snapshot()::text',
}
const NOTHING = COLUMNS.split(', ').map((column) => BESIDE[column] ?? 'NULL')
const LAST = 1 + COLUMNS.split(', ').indexOf('time')

/** `position + 0`: the other index is the one to use there. */
export const READ: string = [
  `SELECT NULL, ${NOTHING.join(', ')}`,
  bounded('dure_outbox WHERE position > $1'),
  bounded(
    `(SELECT ${ALL} FROM dure_outbox WHERE position + 0 <= $1 AND xid = ANY (ARRAY(SELECT ended FROM unnest($5::xid8[]) AS ended ` +
      `WHERE pg_visible_in_snapshot(ended, pg_current_snapshot()))) ` +
      `UNION ALL SELECT ${ALL} FROM dure_outbox WHERE position + 0 <= $1 AND xid >= $6::xid8) AS late WHERE true`,
  ),
].join(' UNION ALL ')
