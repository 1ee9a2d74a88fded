import type { Session } from './session.ts'

/**
 * Who holds the horizon: the oldest transaction that something still needs. Delivery does not wait for it, but vacuum
 * does, so the tables grow for as long.
 */
export type Horizon = {
  readonly holder: 'session' | 'prepared transaction' | 'replication slot'
  /** The session's process, or that of whoever uses the slot. */
  readonly pid: number | undefined
  /** The session's `application_name`, the transaction's or the slot's name. */
  readonly name: string
  readonly database: string
  /** Seconds since the transaction began; undefined for a slot, which does not say. */
  readonly seconds: number | undefined
}

/**
 * Asks the server. Other roles' sessions are seen as such only by a member of `pg_read_all_stats`; without it they are
 * told with their process and little else.
 */
export async function horizonOf({ query }: Pick<Session, 'query'>): Promise<Horizon | undefined> {
  const [row] = await query(WHO)
  if (row === undefined) return undefined
  const [holder, pid, name, database, seconds] = row
  return {
    holder: holder as Horizon['holder'],
    pid: pid === null ? undefined : Number(pid),
    name: String(name),
    database: String(database),
    seconds: seconds === null ? undefined : Number(seconds),
  }
}

/** A session of another database holds the horizon by what it writes, one of this database by what it reads as well. */
const WHO = `
  SELECT holder, pid, name, database, seconds FROM (
    SELECT 'session' AS holder, pid, coalesce(nullif(application_name, ''), backend_type) AS name, datname::text AS database,
      extract(epoch FROM clock_timestamp() - xact_start)::float8 AS seconds,
      greatest(age(backend_xid), CASE WHEN datname = current_database() THEN age(backend_xmin) END) AS transactions
    FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL AND datname = current_database())
      AND backend_type <> 'walsender'
    UNION ALL
    SELECT 'prepared transaction', NULL, gid, database::text,
      extract(epoch FROM clock_timestamp() - prepared)::float8, age(transaction)
    FROM pg_prepared_xacts
    UNION ALL
    SELECT 'replication slot', active_pid, slot_name::text, coalesce(database::text, current_database()), NULL, age(xmin)
    FROM pg_replication_slots WHERE xmin IS NOT NULL
  ) AS holders
  ORDER BY transactions DESC NULLS LAST, seconds DESC NULLS LAST LIMIT 1`
