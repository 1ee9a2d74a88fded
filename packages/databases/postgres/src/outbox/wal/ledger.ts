import type { Leases } from '../leases.ts'
import { COLUMNS, type OutboxRow, rowOf } from '../rows.ts'
import { LANES } from '../schema.ts'
import { IMPATIENT, locked, type Session } from '../session.ts'
import { lsnOf, type Lsn } from './lsn.ts'
import type { Entry } from './tail.ts'

/**
 * The table behind the log. A row is in it until it has been delivered, whoever did that: the log says what there is to
 * deliver and in which order, the table what is left of it.
 */
export type Ledger = {
  /** Of these, the ones that nobody has delivered yet. */
  readonly left: (entries: readonly Entry[]) => Promise<readonly Entry[]>
  /**
   * Takes delivered rows out, under the fences of the leases.
   * @returns the ones to be tried again: it could not see them, as the log tells of a commit before the table shows it, or
   * somebody has them locked
   */
  readonly remove: (entries: readonly Entry[]) => Promise<readonly Entry[]>
  /** Rows in the table, at most 100,000. */
  readonly count: () => Promise<number>
  /** The last position in the table; '0' when it is empty. */
  readonly last: () => Promise<string>
  /** Whether nothing is in it up to there. */
  readonly emptyTo: (position: string) => Promise<boolean>
  /** Positions of the first rows of the table, and the place in the log before which all of them committed. */
  readonly first: () => Promise<{ readonly positions: readonly string[]; readonly before: Lsn }>
  /** Those of them that are there still. */
  readonly still: (positions: readonly string[]) => Promise<readonly { readonly row: OutboxRow; readonly xid: string }[]>
}

/** Thrown when the lanes are another relay's. */
export const LANES_LOST = 'the lanes of the outbox changed hands'
const COUNTED = 100_000
const FIRST = 1_024

export function createLedger({ query }: Pick<Session, 'query'>, leases: Leases): Ledger {
  const lists = (entries: readonly Entry[]): readonly [string, string] => [
    `{${entries.map(({ position }) => position).join(',')}}`,
    `{${entries.map(({ xid }) => xid).join(',')}}`,
  ]
  /** The last time some were locked: they are passed over from the start. */
  let hindered = false
  return {
    left: async (entries) => {
      const rows = await query(LEFT, lists(entries))
      if (rows.length === entries.length) return entries
      const left = new Set(rows.map(([position]) => Number(position)))
      return entries.filter(({ position }) => left.has(position))
    },
    remove: async (entries) => {
      const fences = [...leases.fences()]
      const values = [
        `{${fences.map(([lane]) => lane).join(',')}}`,
        `{${fences.map(([, fence]) => fence).join(',')}}`,
        ...lists(entries),
      ]
      const free = (): ReturnType<Session['query']> => query(REMOVE_FREE, values)
      const removed = hindered ? free() : query(REMOVE, values).catch((e) => (locked(e) ? free() : Promise.reject(e)))
      const rows = await removed
      hindered = rows.some(([, , stuck]) => stuck !== null)
      const held = rows.find(([, position]) => position === null)?.[0]
      if (Number(held) < LANES) throw new Error(LANES_LOST)
      const unseen = new Set(rows.filter(([, position]) => position !== null).map(([, position]) => Number(position)))
      return unseen.size === 0 ? [] : entries.filter(({ position }) => unseen.has(position))
    },
    count: async () => {
      const [[rows] = []] = await query('SELECT count(*) FROM (SELECT FROM dure_outbox LIMIT $1) AS rows', [COUNTED])
      return Number(rows)
    },
    last: async () => {
      const [[last] = []] = await query('SELECT coalesce(max(position), 0) FROM dure_outbox')
      return String(last)
    },
    emptyTo: async (position) => (await query('SELECT FROM dure_outbox WHERE position <= $1 LIMIT 1', [position])).length === 0,
    first: async () => {
      const rows = await query('SELECT position FROM dure_outbox ORDER BY position LIMIT $1', [FIRST])
      const [[now] = []] = await query('SELECT pg_current_wal_insert_lsn()')
      return { positions: rows.map(([position]) => String(position)), before: lsnOf(String(now)) }
    },
    still: async (positions) => {
      const rows = await query(STILL, [`{${positions.join(',')}}`])
      return rows.map((raw) => ({ row: rowOf(raw), xid: String(raw.at(-1)) }))
    },
  }
}

/** What is not to be seen yet cannot have been delivered by another. */
const LEFT = `
  SELECT position FROM unnest($1::bigint[], $2::xid8[]) AS told (position, xid)
  WHERE EXISTS (SELECT FROM dure_outbox AS rows WHERE rows.position = told.position)
    OR NOT pg_visible_in_snapshot(xid, pg_current_snapshot())`

const HELD = `
  held AS MATERIALIZED (
    SELECT lanes.lane FROM dure_outbox_lanes AS lanes
    JOIN unnest($1::int[], $2::bigint[]) AS mine (lane, fence) ON mine.lane = lanes.lane AND mine.fence = lanes.fence
  )`
const OURS = `position = ANY ($3::bigint[]) AND (SELECT count(*) FROM held) = ${LANES}`
const UNSEEN = `
  SELECT count(*), NULL::bigint, NULL::int FROM held
  UNION ALL
  SELECT NULL, position, NULL FROM unnest($3::bigint[], $4::xid8[]) AS told (position, xid)
  WHERE NOT pg_visible_in_snapshot(xid, pg_current_snapshot())`

const REMOVE = `
  WITH ${IMPATIENT}, ${HELD},
  gone AS (DELETE FROM dure_outbox WHERE ${OURS} AND (SELECT count(*) FROM impatient) = 1) ${UNSEEN}`

/** Passes over what is locked, and tells what that is. */
const REMOVE_FREE = `
  WITH ${HELD}, free AS MATERIALIZED (SELECT position FROM dure_outbox WHERE ${OURS} FOR UPDATE SKIP LOCKED),
  gone AS (DELETE FROM dure_outbox WHERE position = ANY (ARRAY(SELECT position FROM free))) ${UNSEEN}
  UNION ALL
  SELECT NULL, position, 1 FROM dure_outbox WHERE ${OURS} AND position NOT IN (SELECT position FROM free)`

const STILL = `SELECT position, ${COLUMNS}, xid FROM dure_outbox WHERE position = ANY ($1::bigint[]) ORDER BY position`
