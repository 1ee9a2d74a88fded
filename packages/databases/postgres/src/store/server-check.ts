import { CallError } from 'dure/contract'
import type { Connection } from './connection.ts'
import type { StoreAddress } from './errors.ts'

/** The oldest version of the server that is supported. */
const OLDEST = 15

/** @throws {CallError} FAILED_PRECONDITION for a server that a store cannot be on */
export async function checkServer(connection: Connection, service: string, address: StoreAddress): Promise<void> {
  const [row] = (
    await connection.query(
      `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number, pg_is_in_recovery() AS standby, current_schema() AS schema`,
    )
  ).rows
  const trouble = (state: string, advice: string): CallError =>
    new CallError(
      'FAILED_PRECONDITION',
      `Opening the store of service "${service}" failed: ${state} (server "${address.server}", database "${address.database}"). To do: ${advice}`,
    )
  if (Number(row?.['number']) < OLDEST * 10_000) {
    throw trouble(`the server is PostgreSQL ${String(row?.['version'])}`, `use PostgreSQL ${OLDEST} or newer`)
  }
  if (row?.['standby'] === 1) throw trouble('the server is a standby, which only reads', 'connect to the primary')
  if (row?.['schema'] === null) {
    throw trouble(
      `the role "${address.user}" has no schema to make tables in`,
      `CREATE SCHEMA AUTHORIZATION "${address.user}", or ALTER ROLE … SET search_path`,
    )
  }
}
