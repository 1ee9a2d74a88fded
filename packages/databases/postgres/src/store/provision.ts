import { createHmac } from 'node:crypto'
import { escapeIdentifier, escapeLiteral, type ClientConfig } from 'pg'
import { CallError } from 'dure/contract'
import { uniqueName } from '../names.ts'
import { connect, type Connection } from './connection.ts'
import { explain, sqlState, type StoreAddress } from './errors.ts'
import type { SessionConfig } from './session-settings.ts'

/** What keeps one service's tables from another's role: a schema each in one database, or a database each. */
export type Tenancy = 'schema' | 'database'

/** One service's way in. */
export type Access = { readonly config: SessionConfig }

/** Makes what is missing. Answers with what takes that away again, as long as nothing has come to be in it. */
export type Make = (options: { readonly refused: boolean }) => Promise<() => Promise<void>>

/**
 * The way in for one service, under a server that an administrator's connection string leads to: its own role, whose
 * password is drawn from a secret, and its own schema or database. `make` makes what is missing.
 */
export function accessOf(options: {
  readonly service: string
  readonly admin: ClientConfig
  readonly tenancy: Tenancy
  readonly secret: string | undefined
}): { readonly access: Access; readonly make: Make } {
  const { service, admin, tenancy } = options
  const base = databaseOf(admin)
  const role = roleName(admin, service)
  const password = derivedPassword(role, options.secret ?? admin.password)
  if (password === undefined) {
    throw new CallError(
      'INVALID_ARGUMENT',
      `Opening the store of service "${service}" failed: the connection string has no password to draw the services' passwords from. To do: give the option \`secret\`, or \`url\` as a function of the service`,
    )
  }
  const database = tenancy === 'database' ? role : base
  // A service may be called like the schema that everybody has.
  const schema = tenancy === 'database' ? 'public' : uniqueName('role', service === 'public' ? 'dure_public' : service)
  const access = { config: { ...admin, user: role, password, database, searchPath: escapeIdentifier(schema) } }
  return { access, make: ({ refused }) => make({ service, admin, tenancy, role, password, database, schema, refused }) }
}

/** The database that an administrator's way in leads to. */
export function databaseOf({ database, user }: ClientConfig): string {
  return database ?? user ?? 'postgres'
}

/** The role of a service, or of a part of it. */
export function roleName(admin: ClientConfig, ...parts: readonly string[]): string {
  return uniqueName('role', databaseOf(admin), ...parts)
}

/** The password of a role that the adapter makes; undefined when there is nothing to draw it from. */
export function derivedPassword(role: string, secret: ClientConfig['password']): string | undefined {
  if (typeof secret !== 'string' || secret === '') return undefined
  return createHmac('sha256', secret).update(`dure/role/${role}`).digest('base64url')
}

/** The comment by which a role that the adapter has made is known from one that only has its name. */
export function markOf(service: string): string {
  return `Made by Dure for the service "${service}"`
}

/** Several services, and copies of one, may start at once. */
export const PROVISIONING = `SELECT pg_advisory_lock(hashtextextended('dure:provision', 0))`

export function addressOf({ host, port, database, user }: ClientConfig): StoreAddress {
  return { server: `${host ?? 'localhost'}:${port ?? 5432}`, database: database ?? user ?? '', user: user ?? '' }
}

/** Milliseconds. A look costs little, and two transactions that stand in each other's way hold up whoever waits for them. */
const DEADLOCK = 100

type Wanted = {
  readonly service: string
  readonly admin: ClientConfig
  readonly tenancy: Tenancy
  readonly role: string
  readonly password: string
  readonly database: string
  readonly schema: string
  /** The role, if it is there, was not let in with this password: the secret has changed. */
  readonly refused: boolean
}

async function make(wanted: Wanted): Promise<() => Promise<void>> {
  const { service, admin, tenancy, database, schema } = wanted
  const [role, user] = [wanted.role, admin.user ?? ''].map((name) => escapeIdentifier(name)) as [string, string]
  const action = `Making the role and the ${tenancy} of service "${service}"`
  /** What takes away what this start has made, and nothing else: an owner's tables are in the way of it. */
  const undo: string[] = []
  const onAdmin = async <T>(work: (session: Connection) => Promise<T>): Promise<T> => {
    const session = await connect({ config: admin })
    try {
      await session.query(PROVISIONING)
      return await work(session)
    } finally {
      await session.end().catch(() => {})
    }
  }
  const takeAway = (): Promise<void> =>
    onAdmin(async (session) => {
      // Another process may have begun to live in what was made.
      if ((await session.query('SELECT FROM pg_stat_activity WHERE usename = $1', [wanted.role])).rows.length > 0) return
      for (const statement of undo.toReversed()) await session.command(statement)
    }).catch(() => {})

  const makeOn = async (session: Connection): Promise<void> => {
    const found = (await session.query(FOUND, [wanted.role, tenancy === 'schema' ? schema : null, database])).rows[0]!
    const yes = (name: string): boolean => found[name] === 1
    // Whoever was let in has the password that only Dure draws.
    const ours =
      !wanted.refused || found['mark'] === markOf(service) || yes('owns') || (tenancy === 'database' && (await livesIn(wanted)))
    if (yes('known') && !ours) throw foreign(action, wanted.role, service)
    if (!yes('known')) await checkOlder(session, wanted, action)
    const { owner } = found
    if (owner !== null && owner !== wanted.role) throw taken(action, wanted, String(owner))
    if (yes('known') && !yes('administers')) throw notAdministered(action, String(admin.user), wanted.role)
    const made: string[] = []
    await session.command('BEGIN')
    if (!yes('known')) {
      await session.command(`CREATE ROLE ${role} LOGIN PASSWORD ${escapeLiteral(wanted.password)}`)
      // What waits for each other is begun again, once the server has looked: after a second, unless it is told. Nobody else may.
      if (yes('superuser')) await session.command(`ALTER ROLE ${role} SET deadlock_timeout = ${DEADLOCK}`)
      made.push(`DROP ROLE ${role}`)
    } else if (wanted.refused) await session.command(`ALTER ROLE ${role} PASSWORD ${escapeLiteral(wanted.password)}`)
    if (found['mark'] === null) await session.command(`COMMENT ON ROLE ${role} IS ${escapeLiteral(markOf(service))}`)
    // Only a member of a role may give it something to own, and deal with what it owns.
    if (!yes('superuser'))
      await session.command(`GRANT ${role} TO CURRENT_USER${yes('inherits') ? ' WITH INHERIT TRUE, SET TRUE' : ''}`)
    if (tenancy === 'schema') {
      made.push(...(await grantConnect(session, { role: wanted.role, database, user: String(admin.user), action })))
      if (owner === null) {
        await session.command(`CREATE SCHEMA ${escapeIdentifier(schema)} AUTHORIZATION ${role}`)
        made.push(`DROP SCHEMA ${escapeIdentifier(schema)}`)
      }
    }
    await session.command('COMMIT')
    undo.push(...made)
    if (tenancy === 'schema') return
    const own = escapeIdentifier(database)
    if (owner === null) {
      await session.command(`CREATE DATABASE ${own} OWNER ${role} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`)
      undo.push(`DROP DATABASE ${own}`)
    }
    await session.command(`REVOKE CONNECT, TEMPORARY ON DATABASE ${own} FROM PUBLIC`)
  }

  try {
    await onAdmin(makeOn)
    return takeAway
  } catch (error) {
    if (undo.length > 0) await takeAway()
    if (sqlState(error) !== '42501') throw explain(error, action, addressOf({ ...admin, database: databaseOf(admin) }))
    const right = tenancy === 'database' ? 'CREATEDB' : 'CREATE on the database'
    const sql =
      tenancy === 'database'
        ? `ALTER ROLE ${user} CREATEROLE CREATEDB`
        : `ALTER ROLE ${user} CREATEROLE; GRANT CREATE ON DATABASE ${escapeIdentifier(databaseOf(admin))} TO ${user}`
    throw new CallError(
      'PERMISSION_DENIED',
      `${action} failed: "${admin.user}" may not (${(error as Error).message}). ` +
        `To do: give it CREATEROLE and ${right} (${sql}), or make them yourself and give \`url\` as a function of the service`,
      { cause: error },
    )
  }
}

/** Where not everybody may connect, a role is let in by name. Answers with what takes that back. */
export async function grantConnect(
  session: Connection,
  { role, database, user, action }: { role: string; database: string; user: string; action: string },
): Promise<readonly string[]> {
  const enters = async (): Promise<boolean> =>
    (await session.query(`SELECT has_database_privilege($1, $2, 'CONNECT') AS enters`, [role, database])).rows[0]?.['enters'] ===
    1
  if (await enters()) return []
  const on = `CONNECT ON DATABASE ${escapeIdentifier(database)}`
  await session.command(`GRANT ${on} TO ${escapeIdentifier(role)}`)
  if (await enters()) return [`REVOKE ${on} FROM ${escapeIdentifier(role)}`]
  throw new CallError(
    'PERMISSION_DENIED',
    `${action} failed: not everybody may connect to the database "${database}", and "${user}" may not let the role "${role}" in. To do: GRANT ${on} TO ${escapeIdentifier(user)} WITH GRANT OPTION`,
  )
}

/** Whether somebody may alter the role; from version 16 on CREATEROLE alone is not enough for that. */
export const ADMINISTERS = `(current_setting('server_version_num')::int < 160000 OR current_setting('is_superuser') = 'on' OR pg_has_role(role.oid, 'MEMBER WITH ADMIN OPTION')) AS administers`
/** Roles of versions that did not mark them are known by what they own. */
const OWNS = `EXISTS (SELECT FROM pg_class WHERE relname = 'dure_meta' AND relowner = role.oid)`
const FOUND = `
  SELECT role.oid IS NOT NULL AS known, shobj_description(role.oid, 'pg_authid') AS mark, ${OWNS} AS owns,
    CASE WHEN $2::text IS NULL THEN (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $3)
      ELSE (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = $2) END AS owner,
    current_setting('is_superuser') = 'on' AS superuser, current_setting('server_version_num')::int >= 160000 AS inherits, ${ADMINISTERS}
  FROM (VALUES (0)) AS always LEFT JOIN pg_roles AS role ON rolname = $1`

async function livesIn({ admin, database, role }: Wanted): Promise<boolean> {
  try {
    const inside = await connect({ config: { ...admin, database } })
    try {
      return (await inside.query(`SELECT FROM pg_roles AS role WHERE rolname = $1 AND ${OWNS}`, [role])).rows.length > 0
    } finally {
      await inside.end()
    }
  } catch {
    return false
  }
}

/** A name that could be mistaken for another's was used as it is by earlier versions; what is there must not look empty now. */
async function checkOlder(
  session: Connection,
  { service, admin, role, tenancy, database }: Wanted,
  action: string,
): Promise<void> {
  const older = `${databaseOf(admin)}_${service}`
  const marked = `SELECT FROM pg_roles WHERE rolname = $1 AND shobj_description(oid, 'pg_authid') = $2`
  if (older === role || (await session.query(marked, [older, markOf(service)])).rows.length === 0) return
  const [from, to] = [escapeIdentifier(older), escapeIdentifier(role)]
  const rename = `ALTER ROLE ${from} RENAME TO ${to}`
  throw new CallError(
    'FAILED_PRECONDITION',
    `${action} failed: an earlier version made the role "${older}" for it, a name that other databases and services have as well; it is "${role}" now. ` +
      `To do: ${tenancy === 'schema' ? rename : `${rename}; ALTER DATABASE ${from} RENAME TO ${escapeIdentifier(database)}`}`,
  )
}

export function notAdministered(action: string, user: string, role: string): CallError {
  return new CallError(
    'PERMISSION_DENIED',
    `${action} failed: "${user}" may not administer the role "${role}", which another administrator has made. To do: GRANT ${escapeIdentifier(role)} TO ${escapeIdentifier(user)} WITH ADMIN OPTION`,
  )
}

export function foreign(action: string, role: string, service: string): CallError {
  const mark = `COMMENT ON ROLE ${escapeIdentifier(role)} IS ${escapeLiteral(markOf(service))}`
  return new CallError(
    'FAILED_PRECONDITION',
    `${action} failed: there is a role "${role}" already, and nothing shows that it was made for this service. ` +
      `To do: rename it; or, if it may be used and get another password, ${mark}; or make roles yourself and give \`url\` as a function of the service`,
  )
}

function taken(action: string, { tenancy, role, database, schema }: Wanted, owner: string): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `${action} failed: there is a ${tenancy} "${tenancy === 'schema' ? schema : database}" already, and it belongs to "${owner}" and not to "${role}". ` +
      `To do: rename it, or give \`url\` as a function of the service${tenancy === 'schema' ? ", or keep services apart by database (`tenancy: 'database'`)" : ''}`,
  )
}
