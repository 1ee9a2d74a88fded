import { CallError } from 'dure/contract'
import type { Migrations } from 'dure/data'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { Connection } from './connection.ts'

/**
 * Which processes have a store open, and which migrations each of them has: what one does not have, and what takes something away,
 * waits until that process is gone. A member whose witness session is gone is none any more.
 */
export type Members = {
  /** Notes this process, or again, and forgets those that are gone. */
  readonly register: (session: Connection) => Promise<void>
  readonly leave: (session: Connection) => Promise<void>
  /**
   * Waits until every member has these migrations.
   * @throws {CallError} FAILED_PRECONDITION when some that do not have them stay
   */
  readonly alone: (session: Connection, contracting: readonly string[]) => Promise<void>
}

/** Milliseconds that members without a migration are waited for, and for which a witness must be gone: a lost one is begun again. */
const [OLDER_WAIT, GONE] = [10_000, 2_000]
const TURN = 50

export const membersTable: Migrations = {
  'dure/0001-members': `
    CREATE TABLE dure_members (
      member TEXT PRIMARY KEY, witness TEXT NOT NULL, since TIMESTAMPTZ NOT NULL DEFAULT now(), migrations TEXT NOT NULL
    )`,
}

const LIVES = `EXISTS (
  SELECT FROM pg_stat_activity
  WHERE usename = session_user AND datname = current_database() AND application_name = witness)`
const REGISTER = `
  WITH gone AS (DELETE FROM dure_members WHERE member <> $1 AND NOT ${LIVES})
  INSERT INTO dure_members (member, witness, migrations) VALUES ($1, $2, $3) ON CONFLICT (member) DO NOTHING`

export function createMembers(options: {
  readonly service: string
  readonly member: string
  /** The application name of the witness session. */
  readonly witness: string
  readonly migrations: Migrations
  readonly runtime: Runtime
  readonly log: Logger
}): Members {
  const { service, member, witness, runtime, log } = options
  const { clock, timers } = runtime
  const known = JSON.stringify(Object.keys(options.migrations))
  return {
    register: async (session) => void (await session.query(REGISTER, [member, witness, known])),
    leave: async (session) => void (await session.query('DELETE FROM dure_members WHERE member = $1', [member])),
    alone: async (session, contracting) => {
      const [table] = (await session.query("SELECT to_regclass('dure_members')::text AS name")).rows
      if (table?.['name'] === null) return
      const until = clock.monotonic() + OLDER_WAIT
      /** Since when the witness of a member has not been there. */
      const missing = new Map<string, number>()
      for (let told = false; ; told = true) {
        // Within a transaction the server goes on showing the sessions that it showed first.
        await session.query('SELECT pg_stat_clear_snapshot()')
        const { rows } = await session.query(
          `SELECT member, since::text, migrations, ${LIVES} AS lives FROM dure_members ORDER BY since`,
        )
        const now = clock.monotonic()
        const older = rows.filter((row) => {
          const id = String(row['member'])
          if (row['lives'] === 1) missing.delete(id)
          else if (!missing.has(id)) missing.set(id, now)
          const has = new Set(JSON.parse(String(row['migrations'])) as string[])
          return contracting.some((name) => !has.has(name)) && now - (missing.get(id) ?? now) < GONE
        })
        if (older.length === 0) return
        if (now > until)
          throw outdated(
            service,
            contracting,
            older.map(({ since }) => String(since)),
          )
        if (!told)
          log.info('A migration waits for older copies to stop', { service, migrations: contracting, copies: older.length })
        await timers.sleep(TURN)
      }
    },
  }
}

function outdated(service: string, [name]: readonly string[], since: readonly string[]): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `Migrating the store of service "${service}" failed: migration "${name}" takes away what older copies use, and ${since.length} of them ${since.length === 1 ? 'is' : 'are'} running (the oldest since ${since[0]}). ` +
      'To do: stop them before this version starts; or first let every copy be of a version that no longer uses it, and then start this one',
    { details: { service, migration: name ?? null } },
  )
}
