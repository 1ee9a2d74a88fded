import { CallError } from 'dure/contract'
import type { Query } from '../rows.ts'
import { PUBLICATION } from './slots.ts'

/** What is wrong with the server's settings or the role's rights, and what to do; a retry will not help. */
function unfit(relay: string, state: string, advice: string, cause?: unknown): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `Reading the log for the outbox "${relay}" failed: ${state}. To do: ${advice}`,
    cause === undefined ? {} : { cause },
  )
}

/**
 * Whether this server and role can do it, and may keep what is in the log alone.
 * @throws {CallError} FAILED_PRECONDITION when not
 */
export async function checkServer(
  query: Query,
  { relay, acceptLoss }: { readonly relay: string; readonly acceptLoss: boolean },
): Promise<void> {
  const [[level, replicates, user, standby, keep, idle, slots, senders] = []] = await query(SERVER)
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
  if (Number(replicates) !== 1) {
    wrong(
      `the role "${String(user)}" may not replicate`,
      `ALTER ROLE "${String(user)}" REPLICATION (on Amazon RDS: GRANT rds_replication TO "${String(user)}"). Better, give the relay a role of its own: who replicates can read the whole database`,
    )
  }
  if (acceptLoss) return
  for (const [name, value, never, what] of [
    ['max_slot_wal_keep_size', keep, '-1', 'MB of the log'],
    ['idle_replication_slot_timeout', idle, '0', 'seconds without a reader'],
  ] as const) {
    if (value === null || String(value) === never) continue
    wrong(
      `${name} is set: beyond ${String(value)} ${what} the server drops what has not been delivered, and it is nowhere else`,
      `ALTER SYSTEM SET ${name} = ${never}; SELECT pg_reload_conf(), and watch the disk; use outbox: 'polling'; or say acceptLoss: true`,
    )
  }
}

const SERVER = `
  SELECT current_setting('wal_level') AS level,
    (rolsuper OR rolreplication OR EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_replication' AND pg_has_role(pg_roles.oid, 'MEMBER')))::int AS replicates,
    current_user, pg_is_in_recovery()::int AS standby,
    (SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS keep,
    (SELECT setting FROM pg_settings WHERE name = 'idle_replication_slot_timeout') AS idle,
    current_setting('max_replication_slots') AS slots, current_setting('max_wal_senders') AS senders
  FROM pg_roles WHERE rolname = current_user`

/** Makes words of what the server refuses; answers undefined for what may pass. */
export function explainRefusal(relay: string, error: unknown): CallError | undefined {
  if (error instanceof CallError) return error.code === 'FAILED_PRECONDITION' ? error : undefined
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
  const advice = /database|publication/i.test(said)
    ? `let somebody who may do it: CREATE PUBLICATION ${PUBLICATION}`
    : 'see the rights that the guide to log tailing lists for the role that reads the log'
  return unfit(relay, `the role lacks a right (${said})`, advice, error)
}
