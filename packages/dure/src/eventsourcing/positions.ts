import { CallError } from '../contract/contract.ts'
import type { SqlRow, SqlStore, SqlValue } from '../data/data.ts'

/**
 * A place in the order of all events of a store, as text: `12` on a store with one writer. Where many write at once, positions are
 * drawn before their commits, so an event may come to be seen when later ones were read. There a place has the snapshot of that
 * reading beside it, `12/700:705:700,702`: all up to the position that it shows were read. The next reading begins with those up to
 * there which have been committed since, and waits for no transaction that is open (decision 0026).
 */
export type Position = string

/** `seen`: the snapshot in which all up to `cursor` was read; with `now`, those of them are being read that this one shows beyond it, up to `late`. */
type Place = {
  readonly cursor: number
  readonly seen: string | undefined
  readonly now?: string
  readonly late?: number
}

export type Page = {
  readonly rows: readonly PlacedRow[]
  readonly next: Position
  readonly more: boolean
  /** Positions beyond it. */
  readonly behind: number
}
/** A row with the place behind it. */
export type PlacedRow = { readonly row: SqlRow; readonly position: Position }

/** Bytes of data in one page, and one event more. */
export const PAGE_BYTES: number = 4 * 1024 * 1024

/** At most so many rows, and no more once they hold so many bytes. @param from with its condition; no two of its rows have one order */
export function bounded(from: string, order: string, columns = '*'): string {
  return `SELECT ${columns} FROM (SELECT page.*,
      sum(octet_length(data)) OVER (ORDER BY ${order} ROWS UNBOUNDED PRECEDING) - octet_length(data) AS before
    FROM (SELECT * FROM ${from} ORDER BY ${order} LIMIT ?) AS page) AS sized WHERE before < ${PAGE_BYTES}`
}

/** Reads events in the order of all streams. `types` alone, when given. */
export async function readPage(
  store: Pick<SqlStore, 'select' | 'engine'>,
  { after, limit, types }: { readonly after: Position | undefined; readonly limit: number; readonly types?: readonly string[] },
): Promise<Page> {
  const place = parse(after)
  const postgres = store.engine === 'postgresql'
  const only = types === undefined ? '' : ` AND type IN (${types.map(() => '?').join(', ')})`
  const filter = { sql: only, values: types ?? [] }
  if (postgres && place.now !== undefined) return readLate(store, { ...place, now: place.now }, filter, limit)
  const shown = postgres ? 'CAST(pg_current_snapshot() AS TEXT)' : 'NULL'
  const found = await store.select(
    `SELECT here.shown, here.last, rows.* FROM (SELECT ${shown} AS shown, (SELECT max(position) FROM dure_events) AS last) AS here
     LEFT JOIN (${bounded(`dure_events WHERE position > ?${filter.sql}`, 'position')}) AS rows ON 1 = 1 ORDER BY rows.position`,
    [place.cursor, ...filter.values, limit],
  )
  const [{ shown: snapshot, last }] = found as readonly [SqlRow]
  const seen = snapshot === null || snapshot === undefined ? undefined : String(snapshot)
  // What has been committed since up to the cursor comes first: later events of its streams may be beyond.
  if (seen !== undefined && place.seen !== undefined && place.seen !== seen) {
    const late = await readLate(store, { ...place, now: seen, late: 0 }, filter, limit)
    if (late.rows.length > 0) return late
  }
  const rows = found.filter(({ position }) => position !== null)
  const placed = rows.map((row): PlacedRow => ({ row, position: format({ cursor: Number(row['position']), seen }) }))
  const more = rows.length > 0 && Number(rows.at(-1)!['position']) < Number(last)
  const cursor = more ? Number(rows.at(-1)!['position']) : Math.max(place.cursor, Number(last ?? 0))
  return { rows: placed, next: format({ cursor, seen }), more, behind: Number(last ?? 0) - cursor }
}

/** Those up to the cursor that `now` shows and `seen` did not: of the transactions that it knew to be open, and of all from its end on. */
async function readLate(
  store: Pick<SqlStore, 'select'>,
  { cursor, seen, now, late = 0 }: Place & { readonly now: string },
  filter: { readonly sql: string; readonly values: readonly SqlValue[] },
  limit: number,
): Promise<Page> {
  const [, end, open] = seen!.split(':') as [string, string, string]
  // `position + 0`: the other index is the one to use.
  const from = `dure_events WHERE position + 0 <= ? AND position + 0 > ? AND (xid = ANY (CAST(? AS xid8[])) OR xid >= CAST(? AS xid8))
    AND pg_visible_in_snapshot(xid, CAST(? AS pg_snapshot))${filter.sql}`
  const rows = await store.select(bounded(from, 'position'), [cursor, late, `{${open}}`, end, now, ...filter.values, limit])
  const placed = rows.map((row): PlacedRow => {
    const position = Number(row['position'])
    return { row, position: format({ cursor, seen, now, late: position }) }
  })
  return { rows: placed, next: placed.at(-1)?.position ?? format({ cursor, seen: now }), more: true, behind: rows.length }
}

const PLACE = /^(\d{1,16})(?:\/(\d+:\d+:[\d,]*)(?:\/(\d+:\d+:[\d,]*)\/(\d{1,16}))?)?$/

function format({ cursor, seen, now, late }: Place): Position {
  return [cursor, seen, now, late].filter((part) => part !== undefined).join('/')
}

function parse(position: Position | undefined): Place {
  if (position === undefined) return { cursor: 0, seen: undefined }
  const [, cursor, seen, now, late] = PLACE.exec(position) ?? []
  if (cursor === undefined) {
    throw new CallError(
      'INVALID_ARGUMENT',
      `Reading events failed: ${JSON.stringify(String(position).slice(0, 40))} is no position. To do: give one that an event came with, or none to begin at the first`,
    )
  }
  return { cursor: Number(cursor), seen, ...(now !== undefined && { now, late: Number(late) }) }
}
