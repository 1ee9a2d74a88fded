import { CallError } from 'dure/contract'
import type { Migrations, SqlTransaction } from 'dure/data'
import { createMember, migrate, namesOf, numbered, quoted } from 'dure/data/internal'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { Connection } from './connection.ts'
import { crossed, sqlState, type StoreAddress } from './errors.ts'
import { kyselyConnection, postgresKysely } from './kysely.ts'
import type { Members } from './members.ts'
import { TABLES, tablesOf } from './values.ts'

/**
 * Brings the tables up to date on a session of its own, which nothing hurries; of processes that start at once one does, and the
 * others wait. A migration that does not get a lock soon is rolled back and run again, longer each time: whoever wants to read
 * queues behind one that waits.
 * @throws {CallError} FAILED_PRECONDITION when the tables are another service's, or a migration fails
 */
export async function migrateStore(
  connection: Connection,
  options: {
    readonly service: string
    readonly address: StoreAddress
    readonly migrations: Migrations
    readonly members: Members
    readonly runtime: Runtime
    readonly log: Logger
  },
): Promise<readonly string[]> {
  const { service, address, migrations, members, runtime, log } = options
  const { timers, clock } = runtime
  const transaction = async <T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> => {
    const member = createMember({
      all: async (sql, parameters) => (await connection.query(numbered(sql), parameters)).rows,
      run: async (sql, parameters) => (await connection.query(numbered(sql), parameters)).changed,
      kysely: (guard) => postgresKysely.transaction(kyselyConnection({ guard, query: connection.query })),
    })
    try {
      for (let wait = LOCK_WAIT; ; wait = Math.min(2 * wait, LONGEST_LOCK_WAIT)) {
        try {
          return await inTransaction(connection, wait, () => work(member.tx))
        } catch (error) {
          const cause = error instanceof CallError ? error.cause : error
          if (!crossed(cause) && sqlState(cause) !== '55P03') throw error
          log.warn('A migration waits for a lock that a transaction has', { service, error: cause })
          await timers.sleep(wait)
        }
      }
    } finally {
      member.end('its work is over')
    }
  }
  for (let told = false; (await connection.query(TAKE)).rows[0]?.['taken'] !== 1; told = true) {
    if (!told)
      log.info('Another process migrates a store; it is waited for', { service, ...(await connection.query(HOLDER)).rows[0] })
    await timers.sleep(TURN)
  }
  const applied = await migrate({
    ...{ service, migrations, now: clock.now },
    store: {
      first: () => checkOwner(connection, service, address),
      transaction,
      script: (sql, defined) => script(connection, sql, defined),
      verify: async () => {},
      alone: (contracting) => members.alone(connection, contracting),
    },
  })
  // While it is this process's turn: whoever migrates next finds it.
  await members.register(connection)
  return applied
}

/** Milliseconds that a migration waits for a lock, at first and at most; nothing that a service does takes as long as that. */
const [LOCK_WAIT, LONGEST_LOCK_WAIT] = [250, 8_000]
/** Milliseconds between two questions whether it is this process's turn. A statement that waited would keep the server from tidying. */
const TURN = 50

const LOCK = `hashtextextended('dure/migrations/' || current_schema(), 0)`
/** Held until the session ends. */
const TAKE = `SELECT pg_try_advisory_lock(${LOCK}) AS taken`
const HOLDER = `
  SELECT activity.pid, application_name AS application, coalesce(host(client_addr), 'local') AS address
  FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
  WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (held.classid::bigint << 32 | held.objid::bigint) = ${LOCK}`

async function inTransaction<T>(connection: Connection, lockWait: number, work: () => Promise<T>): Promise<T> {
  await connection.command(`BEGIN; SET LOCAL lock_timeout = ${lockWait}`)
  try {
    const value = await work()
    await connection.command('COMMIT')
    return value
  } catch (error) {
    await connection.command('ROLLBACK').catch(() => {})
    throw error
  }
}

/** Statements that would end the transaction that a migration runs in. */
const ENDS =
  /(?:^|;)(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:commit|rollback(?!\s+to\b)|abort|begin(?!\s+atomic\b)|start\s+transaction)\b/i

async function script(connection: Connection, sql: string, defined: ReadonlySet<string>): Promise<void> {
  const ended = new CallError(
    'FAILED_PRECONDITION',
    'it ends the transaction it runs in. To do: take BEGIN, COMMIT and the like out of it',
  )
  // Bodies of functions may begin and end what they like.
  if (ENDS.test(sql.replaceAll(/(\$\w*\$)[\s\S]*?\1|'(?:[^']|'')*'/g, "''"))) throw ended
  await connection.command('SAVEPOINT dure_script')
  const names = namesOf(tablesOf((await connection.query(TABLES)).rows))
  await connection.command(quoted(sql, new Set([...names, ...defined])))
  await connection.command('RELEASE dure_script').catch((error: unknown) => {
    // No such savepoint, or no transaction; whoever lost the session meanwhile has done nothing wrong.
    throw ['3B001', '25P01'].includes(sqlState(error) ?? '') ? ended : error
  })
}

async function checkOwner(connection: Connection, service: string, address: StoreAddress): Promise<void> {
  await connection.command('CREATE TABLE IF NOT EXISTS dure_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)')
  await connection.query("INSERT INTO dure_meta (key, value) VALUES ('service', $1) ON CONFLICT (key) DO NOTHING", [service])
  const [row] = (await connection.query("SELECT value, current_schema() AS schema FROM dure_meta WHERE key = 'service'")).rows
  const owner = row?.['value']
  if (owner === service) return
  throw new CallError(
    'FAILED_PRECONDITION',
    `Opening the store of service "${service}" failed: the schema "${String(row?.['schema'])}" belongs to service "${String(owner)}" (server "${address.server}", database "${address.database}"). ` +
      'To do: give each service a schema or a database of its own',
    { details: { service, owner: owner ?? null } },
  )
}
