import type { Timer, Timers } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { laneOf } from './delivery.ts'
import type { Hand } from './hand.ts'
import type { Leases } from './leases.ts'
import type { OutboxRow } from './rows.ts'
import type { Session } from './session.ts'
import { LANES } from './tables.ts'

/** Takes delivered rows out of the table: many in one statement, a moment later, nobody waits for it. */
export type Removal = {
  /** Rows have been delivered. */
  readonly soon: () => void
  /** Removes all of them now. */
  readonly now: () => Promise<void>
  readonly cancel: () => void
}

/** Milliseconds that delivered rows wait for others. */
const PAUSE = 25
/** Rows in one DELETE, at most: it must be over soon, so that others need not wait for what it holds. */
const MOST = 1_024

export function createRemoval(options: {
  readonly name: string
  readonly relay: string
  readonly session: Session
  readonly hand: Hand
  readonly leases: Leases
  readonly timers: Timers
  readonly log: Logger
}): Removal {
  const { name, relay, session, hand, leases, timers, log } = options
  let timer: Timer | undefined

  const remove = async (rows: readonly OutboxRow[]): Promise<void> => {
    const fences = leases.fences()
    const lanes = [...new Set(rows.map(({ bucket }) => laneOf(bucket)))]
    const [[gone] = []] = await session.query(REMOVE, [
      `{${lanes.join(',')}}`,
      `{${lanes.map((lane) => fences.get(lane) ?? -1).join(',')}}`,
      relay,
      `{${rows.map(({ position }) => position).join(',')}}`,
    ])
    hand.removed(rows)
    const left = rows.length - Number(gone)
    if (left > 0)
      log.warn('Lanes of the outbox changed hands: what was delivered is left to the new owner', { relay: name, messages: left })
  }

  const now = async (): Promise<void> => {
    timer?.cancel()
    timer = undefined
    for (let rows = hand.toRemove(MOST); rows.length > 0; rows = hand.toRemove(MOST)) await remove(rows)
  }

  // A failure ends the session, which is where it is told.
  const silently = (): void => void now().catch(() => {})

  return {
    soon: () => {
      if (hand.waiting() >= MOST) return silently()
      timer ??= timers.after(PAUSE, silently)
    },
    now,
    cancel: () => timer?.cancel(),
  }
}

/** Only from lanes that are held by this relay under these fences still. */
const REMOVE = `
  WITH held AS MATERIALIZED (
    SELECT lanes.lane FROM dure_outbox_lanes AS lanes
    JOIN unnest($1::int[], $2::bigint[]) AS mine (lane, fence) ON mine.lane = lanes.lane AND mine.fence = lanes.fence
    WHERE lanes.owner = $3
  ), gone AS (
    DELETE FROM dure_outbox WHERE position = ANY ($4::bigint[]) AND (bucket & ${LANES - 1}) IN (SELECT lane FROM held) RETURNING 1
  )
  SELECT count(*) FROM gone`
