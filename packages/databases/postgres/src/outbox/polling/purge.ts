import type { Timer, Timers } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { InFlight } from './in-flight.ts'
import { laneOf, type Leases } from './leases.ts'
import type { OutboxRow } from '../rows.ts'
import { IMPATIENT, locked, type Session } from './session.ts'
import { LANES } from '../schema.ts'

/** Takes delivered rows out of the table: many in one statement, a moment later, nobody waits for it. */
export type Purge = {
  /** Rows have been delivered. */
  readonly soon: () => void
  /** Removes all of them now. */
  readonly now: () => Promise<void>
  readonly cancel: () => void
}

/**
 * Milliseconds that delivered rows wait for others, and that one is waited for which somebody has locked. Whoever takes the lanes of
 * one that was killed delivers once more what it had not removed.
 */
const [PAUSE, LOCKED] = [200, 500]
/** Rows in one DELETE, at most: it must be over soon, so that others need not wait for what it holds. */
const MOST = 1_024

export function createPurge(options: {
  readonly name: string
  readonly relay: string
  readonly session: Session
  readonly inFlight: InFlight
  readonly leases: Leases
  readonly timers: Timers
  readonly log: Logger
}): Purge {
  const { name, relay, session, inFlight, leases, timers, log } = options
  let timer: Timer | undefined
  /** The last time some were locked: they are passed over from the start. */
  let hindered = false

  /** @returns those that somebody has locked */
  const remove = async (rows: readonly OutboxRow[]): Promise<readonly OutboxRow[]> => {
    const fences = leases.fences()
    const lanes = [...new Set(rows.map(({ bucket }) => laneOf(bucket)))]
    const values = [
      `{${lanes.join(',')}}`,
      `{${lanes.map((lane) => fences.get(lane) ?? -1).join(',')}}`,
      relay,
      `{${rows.map(({ position }) => position).join(',')}}`,
    ]
    const free = (): ReturnType<Session['query']> => session.query(REMOVE_FREE, values)
    const answer = hindered ? free() : session.query(REMOVE, values).catch((e) => (locked(e) ? free() : Promise.reject(e)))
    const [[gone, stuck] = []] = await answer
    const still = new Set(JSON.parse(String(stuck)) as readonly number[])
    if (!hindered && still.size > 0)
      log.warn('Another session has delivered messages of the outbox locked; they are removed when it lets go', { relay: name })
    hindered = still.size > 0
    const kept = rows.filter(({ position }) => still.has(position))
    inFlight.removed(hindered ? rows.filter(({ position }) => !still.has(position)) : rows)
    const left = rows.length - Number(gone) - kept.length
    if (left > 0)
      log.warn('Lanes of the outbox changed hands: what was delivered is left to the new owner', { relay: name, messages: left })
    return kept
  }

  const now = async (): Promise<void> => {
    timer?.cancel()
    timer = undefined
    const kept: OutboxRow[] = []
    for (let rows = inFlight.toRemove(MOST); rows.length > 0; rows = inFlight.toRemove(MOST)) kept.push(...(await remove(rows)))
    if (kept.length === 0) return
    inFlight.kept(kept)
    timer ??= timers.after(LOCKED, silently)
  }

  // A failure ends the session, which is where it is told.
  const silently = (): void => void now().catch(() => {})

  return {
    soon: () => {
      if (inFlight.waiting() >= MOST) return silently()
      timer ??= timers.after(PAUSE, silently)
    },
    now,
    cancel: () => timer?.cancel(),
  }
}

/** Only from lanes that are held by this relay under these fences still. */
const HELD = `
  held AS MATERIALIZED (
    SELECT lanes.lane FROM dure_outbox_lanes AS lanes
    JOIN unnest($1::int[], $2::bigint[]) AS mine (lane, fence) ON mine.lane = lanes.lane AND mine.fence = lanes.fence
    WHERE lanes.owner = $3
  )`
const OURS = `position = ANY ($4::bigint[]) AND (bucket & ${LANES - 1}) IN (SELECT lane FROM held)`

const REMOVE = `
  WITH ${IMPATIENT}, ${HELD}, gone AS (
    DELETE FROM dure_outbox WHERE ${OURS} AND (SELECT count(*) FROM impatient) = 1 RETURNING 1
  )
  SELECT count(*), '[]' FROM gone`

/** Passes over what is locked, and tells what that is. */
const REMOVE_FREE = `
  WITH ${HELD}, free AS MATERIALIZED (SELECT position FROM dure_outbox WHERE ${OURS} FOR UPDATE SKIP LOCKED),
  gone AS (DELETE FROM dure_outbox WHERE position = ANY (ARRAY(SELECT position FROM free)) RETURNING 1)
  SELECT (SELECT count(*) FROM gone),
    (SELECT coalesce(json_agg(position), '[]')::text FROM dure_outbox WHERE ${OURS} AND position NOT IN (SELECT position FROM free))`
