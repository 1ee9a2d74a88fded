import { COLUMNS, rowOf, type OutboxRow, type RawRow } from './rows.ts'
import { LANES } from './tables.ts'

/**
 * Reads committed rows in order of position and never passes one that is not committed yet, without waiting for it.
 *
 * Each read is one statement with one snapshot, and says which transactions were running then. A row that it could not
 * see, below the last position that it saw, is of one of those: whoever began later took its id, and after that its
 * position, later (insert.ts). So the next read looks beyond that position, and at the rows of those of them that have
 * ended since. Of one key the later row is never there without the earlier one, so what comes late is of other keys.
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
  /** From the beginning of the table again: lanes were gained, or what was seen may not be there any more. */
  readonly restart: () => void
}

export type Select = (text: string, values: readonly unknown[]) => Promise<readonly RawRow[]>

export function createReader(limits: { readonly batch: number; readonly bytes: number }): Reader {
  /** The last position seen, … */
  let cursor = 0
  /** … and the transactions that may have rows before it, which were not to be seen. */
  let pending: readonly string[] = []

  return {
    restart: () => {
      cursor = 0
      pending = []
    },
    read: async (select, lanes) => {
      const before = cursor
      const raw = await select(READ, [before, `{${lanes.join(',')}}`, limits.batch, limits.bytes, `{${pending.join(',')}}`])
      const running = runningIn(raw.find(([position]) => position === null)!)
      const rows = raw.filter(([position]) => position !== null).map(rowOf)
      const late = inOrder(rows.filter(({ position }) => position <= before))
      pending = running
      // Not all that came late fits, and what lies beyond must not overtake it: on from there, then. What is met a second
      // time is known to whoever has it in hand.
      if (full(late, limits)) {
        cursor = late.at(-1)!.position
        return { rows: late, more: true }
      }
      const news = inOrder(rows.filter(({ position }) => position > before))
      cursor = news.at(-1)?.position ?? before
      return { rows: [...late, ...news], more: full(news, limits) }
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

/** The transactions running in a snapshot, which says `xmin:xmax:running,running`. */
function runningIn(raw: RawRow): readonly string[] {
  const list = String(raw.at(-1)).split(':')[2]!
  return list === '' ? [] : list.split(',')
}

const ALL = `position, ${COLUMNS}`
/** At most so many rows, and no more once they hold so many bytes. */
const bounded = (from: string): string =>
  `(SELECT ${ALL} FROM (SELECT *, sum(octet_length(data)) OVER (ORDER BY position) - octet_length(data) AS before ` +
  `FROM (SELECT ${ALL} FROM ${from} AND (bucket & ${LANES - 1}) = ANY ($2::int[]) ORDER BY position LIMIT $3) AS rows) AS sized ` +
  `WHERE before < $4)`
const NOTHING = COLUMNS.split(', ').map((column) => (column === 'data' ? 'pg_current_snapshot()::text' : 'NULL'))

export const READ: string = [
  `SELECT NULL, ${NOTHING.join(', ')}`,
  bounded('dure_outbox WHERE position > $1'),
  bounded(
    'dure_outbox WHERE xid = ANY (ARRAY(SELECT ended FROM unnest($5::xid8[]) AS ended ' +
      'WHERE pg_visible_in_snapshot(ended, pg_current_snapshot()))) AND position <= $1',
  ),
].join(' UNION ALL ')
