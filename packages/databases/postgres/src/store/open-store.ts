import { CallError } from 'dure/contract'
import type { DatabaseDefinition, DatabaseWorld, Migrations, SqlStore } from 'dure/data'
import { closed, createBinding, crowded, full, readClosed, sqlRecords } from 'dure/data/internal'
import { foldRepeats } from 'dure/telemetry'
import { connect, type Connection } from './connection.ts'
import { explain, pooled, type StoreAddress } from './errors.ts'
import { takeStoreLock } from './store-lock.ts'
import type { StoreLimits } from './limits.ts'
import { inTransaction, migrateOn } from './migrations.ts'
import { createPool } from './pool.ts'
import { uniqueName } from '../names.ts'
import { addressOf, type Access } from './provision.ts'
import { createReaders } from './readers.ts'
import { storeMetrics } from './metrics.ts'
import type { Settings } from './session-settings.ts'
import { createNames } from './statements.ts'
import { ownMigrations } from './own-tables.ts'
import { createTransactions, GRACE, type Isolation } from './transactions.ts'
import { TABLES, tablesOf } from './values.ts'

/** The oldest version of the server that is supported. */
const OLDEST = 15

/** A server finds out within half a minute that a process with a hold is gone without a word. */
const KEPT_ALIVE: Settings = { tcp_keepalives_idle: 10, tcp_keepalives_interval: 5, tcp_keepalives_count: 3 }

/** Opens one service's store: the hold on it, migrations, writers, readers, in this order. */
export async function openStore(options: {
  readonly service: string
  readonly access: Access
  readonly definition: DatabaseDefinition<unknown>
  readonly world: DatabaseWorld
  readonly isolation: Isolation
  readonly limits: StoreLimits
  /** Tables of the outbox, and what delivers from them. */
  readonly outbox: { readonly migrations: Migrations; readonly open: NonNullable<SqlStore['outbox']> }
}): Promise<SqlStore> {
  const { service, access, definition, world, isolation, limits } = options
  const { runtime } = world
  const tables = { ...ownMigrations, ...options.outbox.migrations }
  const log = foldRepeats(world.log, runtime)
  const address = addressOf(access.config)
  const names = createNames()
  const binding = createBinding()
  const session = (what: string, settings: Settings = {}, named = false): Promise<Connection> =>
    connect({
      config: {
        ...access.config,
        application_name: applicationName(service, what),
        connectionTimeoutMillis: limits.connectTimeout,
      },
      names: named ? names : undefined,
      binding: named ? binding : undefined,
      settings,
    })

  const undo: (() => unknown)[] = []
  try {
    let destroyWriters: (reason: unknown) => void = () => {}
    const storeLock = await takeStoreLock({
      service,
      connect: async () => {
        const keeping = await session('lock', KEPT_ALIVE)
        try {
          // Each time: the address may lead to another server by now.
          await keeping.heard(limits.connectTimeout, () => checkServer(keeping, service, address))
          return keeping
        } catch (error) {
          keeping.destroy(error)
          throw error
        }
      },
      writers: applicationName(service, 'writer'),
      patience: limits.connectTimeout,
      runtime,
      log,
      lost: (reason) => destroyWriters(reason),
    })
    undo.unshift(storeLock.stop)

    const migrating = await session('migrations')
    undo.unshift(migrating.end)
    if (migrating.pid === storeLock.held()?.session.pid) {
      // That session goes on to others, who must not find what this one has set.
      await migrating.command('SELECT pg_advisory_unlock_all(); RESET ALL')
      throw pooled(service)
    }
    const now = runtime.clock.now
    const applied: string[] = []
    if (await isNew(migrating)) {
      const begin = async (): Promise<readonly string[]> => {
        await checkOwner(migrating, service, address)
        return migrateOn(migrating, { service, migrations: tables, now, inside: true })
      }
      applied.push(...(await inTransaction(migrating, begin)))
    } else await checkOwner(migrating, service, address)
    applied.push(...(await migrateOn(migrating, { service, migrations: { ...tables, ...definition.migrations }, now })))
    if (applied.length > 0) log.info('Migrated a store', { service, migrations: applied })
    binding.learn(tablesOf((await migrating.query(TABLES)).rows))
    undo.shift()
    await migrating.end()

    const patience = limits.timeout + GRACE
    const writers = createPool({
      connect: async () => {
        // Outside a transaction, which says that it writes, nothing is written.
        const writer = await session('writer', reading(patience), true)
        try {
          await storeLock.admit(writer)
        } catch (error) {
          writer.destroy(error)
          throw error
        }
        return writer
      },
      size: limits.writers,
      waiting: limits.waiting,
      runtime,
      full: () => full(service, limits.waiting),
      closed: () => closed(service),
    })
    destroyWriters = writers.destroyAll
    const transactions = createTransactions({
      service,
      address,
      pool: writers,
      storeLock,
      names,
      isolation,
      runtime,
      log,
      limits,
    })
    const pool = createPool({
      connect: () => session('reader', reading(limits.readTimeout), true),
      size: limits.readers,
      waiting: limits.waiting,
      runtime,
      full: () => crowded(service, limits.waiting),
      closed: () => readClosed(service),
    })
    const readers = createReaders({ service, address, pool, names, timers: runtime.timers, patience: limits.readTimeout + GRACE })
    let stopping: Promise<void> | undefined
    const cutAllOff = (): void => {
      transactions.cutOff()
      pool.cutOff()
    }
    const stop = async (timeout: number | undefined): Promise<void> => {
      const late = timeout === undefined ? undefined : runtime.timers.after(timeout, cutAllOff, 'waited')
      await transactions.stop()
      await pool.stop()
      late?.cancel()
      await storeLock.stop()
    }
    return {
      service,
      engine: 'postgresql',
      sharing: 'shared',
      records: sqlRecords(readers),
      read: readers.kysely,
      transaction: transactions.transaction,
      snapshot: readers.snapshot,
      select: readers.select,
      ping: async () => void (await readers.select('SELECT 1 AS one')),
      readings: () => storeMetrics({ writers, readers: pool }, transactions.counts()),
      outbox: options.outbox.open,
      stop: ({ timeout } = {}) => (stopping ??= stop(timeout)),
    }
  } catch (error) {
    for (const step of undo) await step()
    throw explain(error, `Opening the store of service "${service}"`, address)
  }
}

/** A session that writes only where it says so, and what the server itself does when this process has lost sight of it. */
function reading(ms: number): Settings {
  return { default_transaction_read_only: 'on', statement_timeout: ms, idle_in_transaction_session_timeout: ms }
}

/** As the server shows it in pg_stat_activity. */
function applicationName(service: string, what: string): string {
  return uniqueName('application', 'dure', what, service)
}

async function checkServer(connection: Connection, service: string, address: StoreAddress): Promise<void> {
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

/** Dure's own tables are made all at once, or not at all. */
async function isNew(connection: Connection): Promise<boolean> {
  const found = "SELECT FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'dure_meta'"
  return (await connection.query(found)).rows.length === 0
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
