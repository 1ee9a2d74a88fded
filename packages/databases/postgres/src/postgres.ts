import { checkNumbers, COUNT, WAIT, type Ranges } from 'dure/runtime/internal'
import { Client, escapeIdentifier, type ClientConfig } from 'pg'
import { CallError } from 'dure/contract'
import type { DatabaseAdapter, DatabaseWorld, OutboxOptions, SqlStore } from 'dure/data'
import { type Access, accessOf, addressOf, explain, type Isolation, openStore, sqlState, type Tenancy } from './store/store.ts'
import { uniqueName } from './names.ts'
import { checkMode, fitForWal, openOutbox, outboxMigrations, type OutboxMode, type StoreOutbox } from './outbox/outbox.ts'

export { transactionOn, type QueryClient } from './inbox.ts'
export { joinedTransaction } from './joined.ts'

export type PostgresOptions = {
  /**
   * `postgres://user:password@host:port/database`. A text leads to the server as somebody who may create roles: each
   * service gets a role of its own there, which reaches its own tables only. A function gives each service the way in
   * that you have made for it; its tables come to be in the first schema of its search path.
   */
  readonly url: string | ((service: string) => string)
  /** With `url` as a text: a schema for each service in that database (default), or a database for each, `<database>_<service>`. */
  readonly tenancy?: Tenancy
  /** With `url` as a text: what the passwords of the services' roles are drawn from. Default the password in it. */
  readonly secret?: string
  /** TLS as of `node:tls`; `true` for the system's authorities. Default what the connection string says. */
  readonly tls?: ClientConfig['ssl']
  /**
   * How far transactions that run at once are kept apart. Default `serializable`: as if they ran one after another, so
   * what is right on the embedded database is right here. See the guide before choosing less.
   */
  readonly isolation?: Isolation
  /**
   * How committed messages come to the broker: by looking into the table ('polling', default), or by the database's own
   * log ('wal', or with options), which needs `wal_level = logical`. See the guide to log tailing before choosing it.
   */
  readonly outbox?: OutboxMode
  /** Connections for transactions, a service. Default 8. */
  readonly writers?: number
  /** Connections for reading, a service. Default 4. */
  readonly readers?: number
  /** Transactions, and reads, that may wait for a connection; more are refused with RESOURCE_EXHAUSTED. Default 10,000. */
  readonly waiting?: number
  /** Milliseconds a transaction may take when it does not say. Default 5,000. */
  readonly timeout?: number
  /** Milliseconds that a statement outside a transaction may take. Default 30,000. */
  readonly readTimeout?: number
  /** Milliseconds to find out how a transaction ended whose connection was lost at its commit. Default 10,000. */
  readonly outcomeTimeout?: number
  /** Milliseconds that connecting may take. Default 5,000. */
  readonly connectTimeout?: number
}

const NUMBERS: Ranges<PostgresOptions> = {
  writers: COUNT,
  readers: COUNT,
  waiting: COUNT,
  timeout: { ...WAIT, endless: true },
  readTimeout: WAIT,
  outcomeTimeout: WAIT,
  connectTimeout: WAIT,
}

/**
 * PostgreSQL (15 or newer): each service with its own role and its own schema or database, open in any number of processes. Nothing is connected to before a
 * service opens its store; opening rejects with {CallError} UNAVAILABLE, UNAUTHENTICATED or FAILED_PRECONDITION, with what to do.
 * @throws {CallError} INVALID_ARGUMENT for an option that cannot be
 *
 * @example
 * ```ts
 * import { postgres } from '@dure/postgres'
 *
 * const store = postgres({ url: 'postgres://admin:secret@db.internal/shop', writers: 4 }) // `store` of a service or a system
 * console.log(typeof store) // → function
 * ```
 */
export function postgres(
  options: PostgresOptions,
): ((world: DatabaseWorld) => DatabaseAdapter<SqlStore>) & { readonly sharing: 'shared' } {
  checkNumbers('open PostgreSQL stores', options, NUMBERS)
  checkMode('Opening PostgreSQL stores', options.outbox ?? 'polling')
  const { url, tenancy = 'schema', secret, isolation = 'serializable', outbox = 'polling' } = options
  const { writers = 8, readers = 4, waiting = 10_000, timeout = 5_000, readTimeout = 30_000 } = options
  const { outcomeTimeout = 10_000, connectTimeout = 5_000 } = options
  const limits = { writers, readers, waiting, timeout, readTimeout, outcomeTimeout, connectTimeout }
  const adapter = (world: DatabaseWorld): DatabaseAdapter<SqlStore> => ({
    name: 'postgres',
    open: async (service, definition) => {
      const own = (access: Access): StoreOutbox => {
        const admin = typeof url === 'function' ? undefined : configOf(url, options.tls)
        return { mode: outbox, admin, configOf: (from: string): ClientConfig => configOf(from, options.tls), access }
      }
      const open = (access: Access) => {
        // How much is kept in memory is the other outbox's to know.
        const outbox = ({ limits: { memory: _, memorySize: __, ...most } = {}, ...rest }: OutboxOptions<SqlStore>) =>
          openOutbox(own(access), { ...rest, limits: most })
        const parts = { migrations: outboxMigrations, open: outbox }
        return openStore({ service, access, definition, world, isolation, limits, outbox: parts })
      }
      if (typeof url === 'function') {
        const config = configOf(url(service), options.tls)
        const [owner = '', part] = service.split('--')
        const given = { config: part === undefined || url(owner) !== url(service) ? config : await besideOwner(config, service) }
        await fitForWal(own(given), service)
        return open(given)
      }
      const { access, make } = accessOf({ service, admin: configOf(url, options.tls), tenancy, secret })
      await fitForWal(own(access), service)
      try {
        return await open(access)
      } catch (error) {
        if (!missing(error)) throw error
        const takeAway = await make({ refused: shutOut(error) })
        return open(access).catch(async (again: unknown) => {
          await takeAway()
          throw shutOut(again) ? lockedOut(service, access, again) : again
        })
      }
    },
  })
  return Object.assign(adapter, { sharing: 'shared' as const })
}

/** What a service keeps beside its own store, such as a read model, is not in the schema of that: it has one of its own. */
async function besideOwner(config: ClientConfig, store: string): Promise<Access['config']> {
  const schema = escapeIdentifier(uniqueName('role', store))
  const client = new Client(config)
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ there: boolean }>('SELECT to_regnamespace($1) IS NOT NULL AS there', [schema])
    // Somebody else may make it at the same moment.
    if (!rows[0]!.there) await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`).catch(unlessThere)
    return { ...config, searchPath: schema }
  } catch (error) {
    throw explain(error, `Opening the store "${store}"`, addressOf(config))
  } finally {
    await client.end().catch(() => {})
  }
}

function unlessThere(error: unknown): void {
  if (sqlState(error) !== '23505' && sqlState(error) !== '42P06') throw error
}

/** There is no such role, or it has another password, no database, or no schema yet. */
function missing(error: unknown): boolean {
  if (!(error instanceof CallError)) return false
  const code = sqlState(error.cause)
  return code === '28P01' || code === '28000' || code === '3D000' || code === '42501' || /has no schema/.test(error.message)
}

function shutOut(error: unknown): boolean {
  return error instanceof CallError && (sqlState(error.cause) ?? '').startsWith('28')
}

/** The password is the one that the role was just given. */
function lockedOut(service: string, { config: { user = '', database } }: Access, error: unknown): CallError {
  const { message, cause } = error as CallError
  const role = escapeIdentifier(user)
  return new CallError(
    'UNAUTHENTICATED',
    `${message.split('. To do: ')[0]}, although the role has the password that service "${service}" came with. ` +
      `To do: ALTER ROLE ${role} LOGIN VALID UNTIL 'infinity' where it is locked or has expired; let "${user}" into "${database}" in pg_hba.conf; behind a pooler, let it ask the server for passwords (auth_query)`,
    { cause },
  )
}

/** @throws {CallError} INVALID_ARGUMENT when it is not a connection string; what it holds is not repeated */
function configOf(url: string, tls: ClientConfig['ssl']): ClientConfig {
  const malformed = (what: string): CallError =>
    new CallError(
      'INVALID_ARGUMENT',
      `Reading the connection string failed: ${what}. To do: write it as postgres://user:password@host:port/database`,
    )
  if (!/^postgres(ql)?:\/\//.test(url)) throw malformed('it does not begin with postgres://')
  let parsed: Client
  try {
    // The client knows every form of it; it connects to nothing by being made.
    parsed = new Client({ connectionString: url })
  } catch {
    throw malformed('it is malformed')
  }
  const { host, port, user, password, database, ssl } = parsed
  const { options } = (parsed as unknown as { readonly connectionParameters: { readonly options?: string } }).connectionParameters
  return { host, port, user, password: password ?? undefined, database, options, ssl: tls ?? ssl }
}
