import { createHmac } from 'node:crypto'
import { Client, escapeIdentifier, escapeLiteral, type ClientConfig } from 'pg'
import { named } from '../provision.ts'
import { publicationSql, slotOfTable } from './slots.ts'

/**
 * The relay's own role, where the adapter makes the roles: it may replicate, and read, lease and remove the rows of this
 * outbox. The service's role may not replicate, because whoever may can read the whole database.
 */
export async function makeListener(
  place: {
    readonly admin: ClientConfig | undefined
    readonly secret: string | undefined
    readonly access: { readonly config: ClientConfig }
  },
  service: string,
): Promise<ClientConfig> {
  const { admin, access } = place
  if (admin === undefined) return access.config
  const secret = place.secret ?? String(admin.password)
  const user = named(`${admin.database ?? 'postgres'}_${service}_log`)
  const password = createHmac('sha256', secret).update(`dure/role/${user}`).digest('base64url')
  const role = escapeIdentifier(user)
  const session = new Client({
    ...access.config,
    user: admin.user,
    password: admin.password as string,
    connectionTimeoutMillis: 10_000,
  })
  session.on('error', () => {})
  await session.connect()
  try {
    await session.query(`SELECT pg_advisory_lock(hashtextextended('dure/provision', 0))`)
    const known = (await session.query('SELECT FROM pg_roles WHERE rolname = $1', [user])).rowCount === 1
    await session.query(
      `${known ? 'ALTER' : 'CREATE'} ROLE ${role} LOGIN REPLICATION NOSUPERUSER NOCREATEROLE NOCREATEDB PASSWORD ${escapeLiteral(password)}`,
    )
    const schema = escapeIdentifier(String((await session.query('SELECT current_schema() AS name')).rows[0].name))
    await session.query(
      `GRANT CONNECT ON DATABASE ${escapeIdentifier(String(session.database))} TO ${role}; GRANT USAGE ON SCHEMA ${schema} TO ${role}`,
    )
    await session.query(grants(role))
    const query = async (text: string, values: readonly unknown[] = []) =>
      (await session.query({ text, values: [...values], rowMode: 'array' })).rows as (string | null)[][]
    const { publication } = await slotOfTable(query)
    const published = await session.query('SELECT FROM pg_publication WHERE pubname = $1', [publication])
    if (published.rowCount === 0) await session.query(publicationSql(publication, true))
    if ((await session.query(`SELECT FROM pg_publication WHERE pubname = 'dure_messages'`)).rowCount === 0)
      await session.query(publicationSql('dure_messages', false))
  } finally {
    await session.end()
  }
  return { ...access.config, user, password }
}

/** What a relay's role needs beside REPLICATION, in the schema of the outbox. UPDATE is for locking rows; none is changed. */
export function grants(role: string): string {
  return (
    `GRANT SELECT, UPDATE, DELETE ON dure_outbox TO ${role}; GRANT SELECT, UPDATE ON dure_outbox_lanes TO ${role}; ` +
    `GRANT SELECT, INSERT, UPDATE, DELETE ON dure_outbox_relays TO ${role}`
  )
}
