import type { SqlTransaction } from 'dure/data'
import type { Clock } from 'dure/runtime'
import { LANES } from '../schema.ts'

/**
 * Which lanes are this relay's. A lane is held under a lease that ends by the clock of the database, and under a fence
 * that grows when it changes hands: what a relay that was frozen meanwhile still wants to write is refused.
 */
export type Leases = {
  /** Says that this relay lives, extends its leases, and takes its fair share of what is free. */
  readonly renew: (query: Query) => Promise<Renewal>
  /** Lanes that it may deliver from at this moment, with their fences: never longer than what the database was asked for. */
  readonly held: () => ReadonlyMap<number, string>
  /** The lanes it last knew to be its own, whether or not its time is up: the database knows better. */
  readonly fences: () => ReadonlyMap<number, string>
  /** Lanes beyond its fair share: to be given back when nothing of them is in hand. */
  readonly excess: () => readonly number[]
  readonly giveBack: (query: Query, lanes: readonly number[]) => Promise<void>
  /** Gives all back and takes its name off the list. */
  readonly leave: (query: Query) => Promise<void>
  /** In a transaction, takes rows out of the table that are not to be delivered. @throws when their lanes are another relay's */
  readonly remove: (tx: SqlTransaction, rows: readonly Place[]) => Promise<void>
  /** What was held may be somebody else's by now: nothing is held until the next `renew`. */
  readonly forget: () => void
  /** Relays that were alive at the last `renew`. */
  readonly relays: () => number
}

type Place = { readonly position: number; readonly bucket: number }

export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly (readonly unknown[])[]>

export type Renewal = {
  /** Lanes that were not held before. */
  readonly gained: readonly number[]
  /** Lanes are somebody's who could let go of some: to be told to the others. */
  readonly wanting: boolean
}

/** @param options.relay a name of its own for each run of a relay. @param options.lease milliseconds */
export function createLeases(options: { readonly relay: string; readonly lease: number; readonly clock: Clock }): Leases {
  const { relay, lease, clock } = options
  let fences: ReadonlyMap<number, string> = new Map()
  let until = -Infinity
  let relays = 1

  const share = (): number => Math.ceil(LANES / relays)

  return {
    renew: async (query) => {
      const asked = clock.monotonic()
      const [[alive] = []] = await query(REGISTER, [relay, lease])
      relays = Math.max(1, Number(alive))
      const kept = await query(EXTEND, [relay, lease])
      const missing = Math.max(0, share() - kept.length)
      const taken = missing === 0 ? [] : await query(TAKE, [relay, lease, missing])
      const before = clock.monotonic() < until ? fences : new Map<number, string>()
      fences = new Map([...kept, ...taken].map(([lane, fence]) => [Number(lane), String(fence)]))
      until = asked + lease
      return {
        gained: [...fences].filter(([lane, fence]) => before.get(lane) !== fence).map(([lane]) => lane),
        wanting: fences.size < Math.floor(LANES / relays),
      }
    },
    held: () => (clock.monotonic() < until ? fences : NONE),
    fences: () => fences,
    excess: () => [...fences.keys()].sort((a, b) => a - b).slice(share()),
    giveBack: async (query, lanes) => {
      await query(GIVE_BACK, [relay, `{${lanes.join(',')}}`])
      fences = new Map([...fences].filter(([lane]) => !lanes.includes(lane)))
    },
    leave: async (query) => {
      until = -Infinity
      await query(GIVE_BACK, [relay, `{${Array.from({ length: LANES }, (_, lane) => lane).join(',')}}`])
      await query('DELETE FROM dure_outbox_relays WHERE relay = $1', [relay])
    },
    remove: async (tx, rows) => {
      const lanes = [...new Set(rows.map(({ bucket }) => laneOf(bucket)))]
      const mine = [`{${lanes.join(',')}}`, `{${lanes.map((lane) => fences.get(lane) ?? -1).join(',')}}`, relay]
      // Locked, so that the lanes stay ours until the commit.
      if ((await tx.all(STAY, mine)).length < lanes.length) throw new Error('the lanes of the outbox changed hands')
      await tx.run(DROP, [`{${rows.map(({ position }) => position).join(',')}}`])
    },
    forget: () => {
      until = -Infinity
    },
    relays: () => relays,
  }
}

const NONE: ReadonlyMap<number, string> = new Map()

/** The database's own clock, as it is while the statement runs. */
const THEN = `clock_timestamp() + $2 * interval '1 millisecond'`

/** Not over; nor so far away that the server's clock must have been set back since it was given: then it is anybody's. */
const LIVES = `expires > clock_timestamp() AND expires < clock_timestamp() + $2 * interval '10 milliseconds' + interval '1 minute'`

const REGISTER = `
  WITH gone AS (DELETE FROM dure_outbox_relays WHERE expires < clock_timestamp() - interval '10 minutes'),
  here AS (
    INSERT INTO dure_outbox_relays (relay, expires) VALUES ($1, ${THEN})
    ON CONFLICT (relay) DO UPDATE SET expires = excluded.expires
  )
  SELECT 1 + count(*)
  FROM dure_outbox_relays WHERE ${LIVES} AND relay <> $1`

const EXTEND = `UPDATE dure_outbox_lanes SET expires = ${THEN} WHERE owner = $1 RETURNING lane, fence`

const TAKE = `
  WITH free AS (
    SELECT lane FROM dure_outbox_lanes WHERE owner IS NULL OR NOT (${LIVES})
    ORDER BY lane LIMIT $3 FOR UPDATE SKIP LOCKED
  )
  UPDATE dure_outbox_lanes AS lanes SET owner = $1, fence = fence + 1, expires = ${THEN}
  FROM free WHERE lanes.lane = free.lane RETURNING lanes.lane, lanes.fence`

const STAY = `
  SELECT lanes.lane FROM dure_outbox_lanes AS lanes
  JOIN unnest(CAST(? AS int[]), CAST(? AS bigint[])) AS mine (lane, fence) ON mine.lane = lanes.lane AND mine.fence = lanes.fence
  WHERE lanes.owner = ? FOR SHARE OF lanes`
const DROP = 'DELETE FROM dure_outbox WHERE position = ANY (CAST(? AS bigint[]))'

const GIVE_BACK = `
  UPDATE dure_outbox_lanes SET owner = NULL, expires = NULL WHERE owner = $1 AND lane = ANY ($2::smallint[])`

export function laneOf(bucket: number): number {
  return bucket & (LANES - 1)
}

/** Of rows, those whose lanes are held at this moment. */
export function oursIn({ held }: Pick<Leases, 'held'>): <Row extends Place>(rows: readonly Row[]) => readonly Row[] {
  return (rows) => {
    const lanes = held()
    const isOurs = ({ bucket }: Place): boolean => lanes.has(laneOf(bucket))
    return rows.every(isOurs) ? rows : rows.filter(isOurs)
  }
}
