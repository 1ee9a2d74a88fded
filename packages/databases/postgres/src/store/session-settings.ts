import { escapeLiteral, type ClientConfig } from 'pg'

/** What `pg` connects with, and the schema that comes first, where that is not the role's own setting. */
export type SessionConfig = ClientConfig & { readonly searchPath?: string }

export type Settings = Readonly<Record<string, string | number>>

/**
 * What Dure's sessions depend on. Operators set other values for a server, a database or a role; each session sets its own
 * as it begins. The times come first, so that none of them cuts off the rest.
 */
const DEPENDED: Settings = {
  statement_timeout: 0,
  lock_timeout: 0,
  idle_in_transaction_session_timeout: 0,
  idle_session_timeout: 0,
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  // Texts of values, and what statements mean, alike wherever the server is.
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  bytea_output: 'hex',
  datestyle: 'ISO',
  timezone: 'UTC',
  intervalstyle: 'iso_8601',
  extra_float_digits: 1,
  transform_null_equals: 'off',
  array_nulls: 'on',
  row_security: 'on',
  // It compiles for longer than such statements run.
  jit: 'off',
}

/**
 * Statements for the beginning of a session. Not in the startup packet, because poolers refuse or drop what is there. What
 * only some versions of the server have is left out by the others. `session_replication_role` takes a right that services
 * have not, so it is only set where somebody has changed it; a stricter `synchronous_commit` stays.
 */
export function settingsOf({ searchPath }: SessionConfig, own: Settings = {}): string {
  const path = searchPath === undefined ? [] : [`SET search_path = ${searchPath}`]
  const plain = Object.entries({ ...DEPENDED, ...own }).map(([name, value]) => `SET ${name} = ${escapeLiteral(String(value))}`)
  return [...path, ...plain, SOMETIMES].join('; ')
}

const SOMETIMES = `
  SELECT count(set_config(name, value, false)) FROM (VALUES ('transaction_timeout', '0'), ('session_replication_role', 'origin'),
    ('synchronous_commit', coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on'))) AS wanted (name, value)
  WHERE current_setting(name, true) IS NOT NULL AND (name <> 'session_replication_role' OR current_setting(name) <> value)`
