import type { SqlStore, Store } from 'dure/data'
import type { Timers } from 'dure/runtime'

/** Milliseconds for which nothing of a member must be there: a witness that was lost is begun again sooner. */
const MOMENT = 300

const SESSIONS = `
  SELECT 1 AS one FROM pg_stat_activity
  WHERE usename = session_user AND datname = current_database() AND application_name IN (?, ?) LIMIT 1`

/**
 * Whether a member has no session any more. A transaction that is under way has one, and so has whoever is frozen; the server ends
 * those of a killed process at once. One that is cut off has none either, and may come back.
 */
export function createGone(options: {
  readonly select: SqlStore['select']
  /** What the sessions of a member are called that are its own. */
  readonly sessionsOf: (member: string) => readonly [string, string]
  readonly timers: Timers
}): NonNullable<Store['gone']> {
  const { select, sessionsOf, timers } = options
  return async (member) => {
    const sessions = sessionsOf(member)
    const there = async (): Promise<boolean> => (await select(SESSIONS, sessions)).length > 0
    if (await there()) return false
    await timers.sleep(MOMENT)
    return !(await there())
  }
}
