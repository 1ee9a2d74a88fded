import { createHmac } from 'node:crypto'
import { escapeIdentifier, escapeLiteral, type ClientConfig } from 'pg'
import { CallError } from 'dure/contract'
import { connect, type Connection } from './connection.ts'
import { explain, sqlState, type Place } from './errors.ts'

/** What keeps one service's tables from another's role: a schema each in one database, or a database each. */
export type Apart = 'schema' | 'database'

/** One service's way in. */
export type Access = { readonly config: ClientConfig }

/**
 * The way in for one service, under a server that an administrator's connection string leads to: its own role, whose
 * password is drawn from a secret, and its own schema or database. `make` makes what is missing.
 */
export function accessOf(options: {
  readonly service: string
  readonly admin: ClientConfig
  readonly apart: Apart
  readonly secret: string | undefined
}): { readonly access: Access; readonly make: () => Promise<void> } {
  const { service, admin, apart } = options
  const base = admin.database ?? admin.user ?? 'postgres'
  const secret = options.secret ?? (typeof admin.password === 'string' ? admin.password : undefined)
  if (secret === undefined || secret === '') {
    throw new CallError(
      'INVALID_ARGUMENT',
      `Opening the store of service "${service}" failed: the connection string has no password to draw the services' passwords from. To do: give the option \`secret\`, or \`url\` as a function of the service`,
    )
  }
  const role = named(`${base}_${service}`)
  const password = createHmac('sha256', secret).update(`dure/role/${role}`).digest('base64url')
  const database = apart === 'database' ? role : base
  const schema = apart === 'schema' ? named(service) : 'public'
  // Whoever connects so is in the right schema from the start.
  const searchPath = `-c search_path=${escapeIdentifier(schema)}`
  const access = { config: { ...admin, user: role, password, database, options: searchPath } }
  return { access, make: () => make({ service, admin, apart, role, password, database, schema }) }
}

/** A name of at most 63 bytes, as PostgreSQL keeps them; a longer one is told from others by its fingerprint. */
export function named(name: string): string {
  if (name.length <= 63) return name
  return `${name.slice(0, 46)}_${createHmac('sha256', 'dure/name').update(name).digest('hex').slice(0, 16)}`
}

async function make(options: {
  service: string
  admin: ClientConfig
  apart: Apart
  role: string
  password: string
  database: string
  schema: string
}): Promise<void> {
  const { service, admin, apart, password } = options
  const place: Place = {
    server: `${admin.host ?? 'localhost'}:${admin.port ?? 5432}`,
    database: String(admin.database),
    user: String(admin.user),
  }
  const [role, database, schema] = [options.role, options.database, options.schema].map((name) => escapeIdentifier(name))
  const sessions: Connection[] = []
  const begin = async (name = admin.database): Promise<Connection> => {
    const session = await connect({ config: { ...admin, database: name } })
    sessions.push(session)
    return session
  }
  try {
    const session = await begin()
    // Several services may start at once.
    await session.query(`SELECT pg_advisory_lock(hashtextextended('dure/provision', 0))`)
    const is = async (on: Connection, sql: string, name: string): Promise<boolean> =>
      (await on.query(sql, [name])).rows.length > 0
    const login = `LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB PASSWORD ${escapeLiteral(password)}`
    const known = await is(session, 'SELECT 1 FROM pg_roles WHERE rolname = $1', options.role)
    await session.command(`${known ? 'ALTER' : 'CREATE'} ROLE ${role} ${login}`)
    // Only a member of a role may give it something to own.
    const superuser = await is(session, "SELECT 1 WHERE current_setting('is_superuser') = $1", 'on')
    if (!superuser) await session.command(`GRANT ${role} TO CURRENT_USER`)
    if (apart === 'database') {
      if (!(await is(session, 'SELECT 1 FROM pg_database WHERE datname = $1', options.database))) {
        await session.command(
          `CREATE DATABASE ${database} OWNER ${role} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`,
        )
      }
      await session.command(`REVOKE CONNECT, TEMPORARY ON DATABASE ${database} FROM PUBLIC`)
      if (superuser) {
        const inside = await begin(options.database)
        await inside.command(`ALTER SCHEMA public OWNER TO ${role}; REVOKE ALL ON SCHEMA public FROM PUBLIC`)
      }
    } else {
      if (!(await is(session, 'SELECT 1 FROM pg_namespace WHERE nspname = $1', options.schema))) {
        await session.command(`CREATE SCHEMA ${schema} AUTHORIZATION ${role}`)
      }
      await session.command(`REVOKE ALL ON SCHEMA ${schema} FROM PUBLIC`)
    }
  } catch (error) {
    const explained = explain(error, `Making the role and the ${apart} of service "${service}"`, place)
    if (sqlState(error) !== '42501') throw explained
    throw new CallError(
      'PERMISSION_DENIED',
      `Making the role and the ${apart} of service "${service}" failed: "${place.user}" may not (${(error as Error).message}). ` +
        `To do: give it CREATEROLE and ${apart === 'database' ? 'CREATEDB' : 'CREATE on the database'}, or make them yourself and give \`url\` as a function of the service`,
      { cause: error },
    )
  } finally {
    await Promise.allSettled(sessions.map((session) => session.end()))
  }
}
