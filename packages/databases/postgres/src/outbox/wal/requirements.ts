import { CallError } from 'dure/contract'
import type { Session } from '../session.ts'
import { publicationSql } from './slots.ts'

/** What is wrong with the server's settings or the role's rights, and what to do; a retry will not help. */
export function unfit(relay: string, state: string, advice: string, cause?: unknown): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `Reading the log for the outbox "${relay}" failed: ${state}. To do: ${advice}`,
    cause === undefined ? {} : { cause },
  )
}

/** @throws {CallError} FAILED_PRECONDITION when this server and role cannot do it */
export async function checkServer(
  query: Session['query'],
  options: {
    readonly relay: string
    readonly table: boolean
    readonly acceptLoss: boolean
    /** Before anything is made: `server` looks at its settings alone, `role` at whether this role may replicate as well. */
    readonly only?: 'server' | 'role'
  },
): Promise<{ readonly bounded: boolean }> {
  const { relay, table, acceptLoss, only } = options
  const [[level, replicates, user, standby, keep, outbox, slots, senders] = []] = await query(SERVER)
  const wrong = (state: string, advice: string): never => {
    throw unfit(relay, state, advice)
  }
  if (Number(standby) === 1) wrong('the server is a standby', 'connect to the primary')
  if (level !== 'logical') {
    wrong(
      `the server writes its log with wal_level = ${String(level)}`,
      "ALTER SYSTEM SET wal_level = logical, and restart the server; or use outbox: 'polling'",
    )
  }
  for (const [name, value] of [['max_replication_slots', slots] as const, ['max_wal_senders', senders] as const]) {
    if (value !== '0') continue
    wrong(
      `the server lets nobody read its log (${name} = 0)`,
      `ALTER SYSTEM SET ${name} = 10, and restart the server; or use outbox: 'polling'`,
    )
  }
  if (only !== 'server' && Number(replicates) !== 1) {
    wrong(
      `the role "${String(user)}" may not replicate`,
      `ALTER ROLE "${String(user)}" REPLICATION (on Amazon RDS: GRANT rds_replication TO "${String(user)}"). Better, give the relay a role of its own: who replicates can read the whole database`,
    )
  }
  if (only === undefined && table && outbox === null) {
    wrong(
      'there is no table dure_outbox in the search_path',
      'apply the migrations (`outboxSchema`), or set the search_path of the role',
    )
  }
  const bounded = keep !== '-1'
  if (!table && bounded && !acceptLoss) {
    wrong(
      `max_slot_wal_keep_size is ${String(keep)} MB: beyond that the server drops what has not been delivered, and without the table it is nowhere else`,
      'ALTER SYSTEM SET max_slot_wal_keep_size = -1 and watch the disk, keep the table, or say acceptLoss: true',
    )
  }
  return { bounded }
}

const SERVER = `
  SELECT current_setting('wal_level') AS level,
    (rolsuper OR rolreplication OR EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_replication' AND pg_has_role(pg_roles.oid, 'MEMBER')))::int AS replicates,
    current_user, pg_is_in_recovery()::int AS standby,
    (SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size'), to_regclass('dure_outbox')::text,
    current_setting('max_replication_slots') AS slots, current_setting('max_wal_senders') AS senders
  FROM pg_roles WHERE rolname = current_user`

/** Makes words of what the server refuses; answers undefined for what may pass. */
export function explainRefusal(relay: string, error: unknown, publication: string, table: boolean): CallError | undefined {
  const { code, message } = error as { readonly code?: string; readonly message?: string }
  const said = String(message)
  if (code === '53400') {
    return unfit(
      relay,
      `the server has no room for another slot (${said})`,
      'raise max_replication_slots, and remove slots that nobody reads',
      error,
    )
  }
  if (code === '53300' && /wal.?sender/i.test(said)) {
    return unfit(relay, `the server has no room for another reader of its log (${said})`, 'raise max_wal_senders', error)
  }
  if (code === '28000' && /pg_hba/.test(said)) {
    return unfit(relay, `the server does not let the relay in (${said})`, 'let its role into this database in pg_hba.conf', error)
  }
  if (code !== '42501') return undefined
  if (/publication|database|owner/i.test(said)) {
    const sql = `${publicationSql(publication, table)};`
    return unfit(relay, `the role may not make the publication (${said})`, `let the owner of the tables do it: ${sql}`, error)
  }
  return unfit(
    relay,
    `the role lacks a right (${said})`,
    'see the grants that the guide lists for the role of a log relay',
    error,
  )
}
