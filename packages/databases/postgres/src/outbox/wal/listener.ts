import { escapeIdentifier, escapeLiteral, type ClientConfig } from 'pg'
import {
  type Access,
  addressOf,
  ADMINISTERS,
  connect,
  type Connection,
  databaseOf,
  derivedPassword,
  explain,
  foreign,
  grantConnect,
  markOf,
  notAdministered,
  PROVISIONING,
  roleName,
  type SessionConfig,
  sqlState,
} from '../../store/store.ts'
import { checkServer, unfit } from './requirements.ts'
import { publicationSql, slotOfTable } from './slots.ts'

/** Where the adapter makes the roles: its administrator, and what passwords are drawn from. */
export type Making = { readonly admin: ClientConfig; readonly secret: string | undefined; readonly access: Access }

/**
 * The relay's own role, where the adapter makes the roles: it may replicate, and read, lease and remove the rows of this
 * outbox. The service's role may not replicate, because whoever may can read the whole database.
 * @throws {CallError} FAILED_PRECONDITION when the server or the administrator cannot do it; then nothing has been made
 */
export async function makeListener(making: Making, service: string): Promise<SessionConfig> {
  const { admin } = making
  const user = listenerName(admin, service)
  const config = configOf(making, service)
  const password = String(config.password)
  await onAdmin(inside(making), service, async (session) => {
    const { known, byGrant } = await checkListener(session, making, service)
    const role = escapeIdentifier(user)
    await session.command('BEGIN')
    if (!known) {
      await session.command(
        `CREATE ROLE ${role} LOGIN ${byGrant ? '' : 'REPLICATION '}PASSWORD ${escapeLiteral(password)}; COMMENT ON ROLE ${role} IS ${escapeLiteral(markOf(service))}`,
      )
      if (byGrant) await session.command(`GRANT rds_replication TO ${role}`)
    } else if (!(await letsIn(config))) await session.command(`ALTER ROLE ${role} PASSWORD ${escapeLiteral(password)}`)
    const [place] = (await session.query('SELECT current_schema() AS schema, current_database() AS database')).rows
    await grantConnect(session, {
      role: user,
      database: String(place?.['database']),
      user: String(admin.user),
      action: action(service),
    })
    await session.command(`GRANT USAGE ON SCHEMA ${escapeIdentifier(String(place?.['schema']))} TO ${role}; ${grants(role)}`)
    const { publication } = await slotOfTable(rowsOf(session))
    for (const [name, table] of [[publication, true] as const, ['dure_messages', false] as const]) {
      const there = await session.query('SELECT FROM pg_publication WHERE pubname = $1', [name])
      if (there.rows.length === 0) await session.command(publicationSql(name, table))
    }
    await session.command('COMMIT')
  })
  return config
}

/** Whether the server, and the administrator on it, could make what `makeListener` makes. @throws as it does */
export async function fitListener(making: Making, service: string): Promise<void> {
  const check = async (session: Connection): Promise<void> => void (await checkListener(session, making, service))
  try {
    await onAdmin(inside(making), service, check)
  } catch (error) {
    // There is no database of the service yet, or it is somebody else's: making it will tell.
    const state = sqlState((error as Error).cause)
    if (making.access.config.database === databaseOf(making.admin) || (state !== '3D000' && state !== '42501')) throw error
    await onAdmin(making.admin, service, check)
  }
}

async function checkListener(
  session: Connection,
  making: Making,
  service: string,
): Promise<{ readonly known: boolean; readonly byGrant: boolean }> {
  const { admin } = making
  const name = listenerName(admin, service)
  await checkServer(rowsOf(session), { relay: service, table: true, acceptLoss: true, only: 'server' })
  const found = (await session.query(FOUND, [name, markOf(service)])).rows[0]!
  const yes = (what: string): boolean => found[what] === 1
  if (yes('known') && !yes('ours')) throw foreign(action(service), name, service)
  if (yes('known') && !yes('administers') && !(await letsIn(configOf(making, service)))) {
    throw notAdministered(action(service), String(admin.user), name)
  }
  if (!yes('known') && !yes('may') && !yes('granted')) {
    const user = escapeIdentifier(String(admin.user))
    throw unfit(
      service,
      `"${admin.user}" may not make a role that replicates`,
      `${yes('newer') ? `ALTER ROLE ${user} REPLICATION; or` : 'as a superuser,'} make a role for the relay (the guide to log tailing lists its rights) and give it as \`outbox: { by: 'wal', url }\`; or use \`outbox: 'polling'\``,
    )
  }
  return { known: yes('known'), byGrant: !yes('may') }
}

function configOf({ admin, secret, access }: Making, service: string): SessionConfig {
  const user = listenerName(admin, service)
  return { ...access.config, user, password: derivedPassword(user, secret ?? admin.password) }
}

/** The administrator, where the service's tables are. */
function inside({ admin, access }: Making): SessionConfig {
  return { ...access.config, user: admin.user, password: admin.password }
}

function listenerName(admin: ClientConfig, service: string): string {
  return roleName(admin, service, 'log')
}

const action = (service: string): string => `Making the role of the log relay of service "${service}"`

async function onAdmin(config: SessionConfig, service: string, work: (session: Connection) => Promise<void>): Promise<void> {
  const place = addressOf(config)
  try {
    const session = await connect({ config: { connectionTimeoutMillis: 10_000, ...config } })
    try {
      await session.query(PROVISIONING)
      await work(session)
    } finally {
      await session.end().catch(() => {})
    }
  } catch (error) {
    if (sqlState(error) !== '42501') throw explain(error, action(service), place)
    const rights = `ALTER ROLE ${escapeIdentifier(place.user)} CREATEROLE; GRANT CREATE ON DATABASE ${escapeIdentifier(place.database)} TO ${escapeIdentifier(place.user)}`
    throw unfit(service, `"${place.user}" may not make what the log relay needs (${(error as Error).message})`, rights, error)
  }
}

async function letsIn(config: SessionConfig): Promise<boolean> {
  try {
    const session = await connect({ config: { connectionTimeoutMillis: 10_000, ...config } })
    await session.end().catch(() => {})
    return true
  } catch {
    return false
  }
}

const rowsOf =
  (session: Connection) =>
  async (text: string, values: readonly unknown[] = []): Promise<(string | number | null)[][]> =>
    (await session.query(text, values)).rows.map((row) => Object.values(row) as (string | number | null)[])

/** A role of a version that did not mark it is known by the rights that nobody else has. */
const FOUND = `
  SELECT role.oid IS NOT NULL AS known,
    coalesce(shobj_description(role.oid, 'pg_authid') = $2, false) OR
      role.rolreplication AND NOT role.rolsuper AND EXISTS (SELECT FROM pg_class WHERE relname = 'dure_outbox_relays' AND has_table_privilege(role.oid, pg_class.oid, 'INSERT')) AS ours,
    own.rolsuper OR own.rolreplication AND current_setting('server_version_num')::int >= 160000 AS may,
    EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_replication') AS granted,
    current_setting('server_version_num')::int >= 160000 AS newer, ${ADMINISTERS}
  FROM pg_roles AS own LEFT JOIN pg_roles AS role ON role.rolname = $1 WHERE own.rolname = current_user`

/** What a relay's role needs beside REPLICATION, in the schema of the outbox. UPDATE is for locking rows; none is changed. */
export function grants(role: string): string {
  return (
    `GRANT SELECT, UPDATE, DELETE ON dure_outbox TO ${role}; GRANT SELECT, UPDATE ON dure_outbox_lanes TO ${role}; ` +
    `GRANT SELECT, INSERT, UPDATE, DELETE ON dure_outbox_relays TO ${role}`
  )
}
