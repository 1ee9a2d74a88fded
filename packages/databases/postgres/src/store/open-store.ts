import type { DatabaseDefinition, DatabaseWorld, Migrations, SqlStore } from 'dure/data'
import { closed, createBinding, crowded, full, readClosed, sqlRecords } from 'dure/data/internal'
import { foldRepeats } from 'dure/telemetry'
import { connect, type Connection } from './connection.ts'
import { explain, pooled } from './errors.ts'
import { takeStoreLock, type StoreLock } from './store-lock.ts'
import type { StoreLimits } from './limits.ts'
import { migrateStore } from './migrations.ts'
import { createPool } from './pool.ts'
import { uniqueName } from '../names.ts'
import { addressOf, type Access } from './provision.ts'
import { createReaders } from './readers.ts'
import { storeMetrics } from './metrics.ts'
import type { Settings } from './session-settings.ts'
import { checkServer } from './server-check.ts'
import { createNames } from './statements.ts'
import { ownMigrations } from './own-tables.ts'
import { createTransactions, GRACE, type Isolation } from './transactions.ts'
import { TABLES, tablesOf } from './values.ts'

/** A server finds out within half a minute that a process with a hold is gone without a word. */
const KEEP_ALIVE: Settings = { tcp_keepalives_idle: 10, tcp_keepalives_interval: 5, tcp_keepalives_count: 3 }

/** Opens one service's store: the lock on it, migrations, writers, readers, in this order. */
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
  const { service, access, definition, world, isolation, limits, outbox } = options
  const { runtime } = world
  const log = foldRepeats(world.log, runtime)
  const address = addressOf(access.config)
  const names = createNames()
  const binding = createBinding()
  const { waiting } = limits
  const session = (what: string, settings: Settings = {}): Promise<Connection> =>
    connect({
      config: {
        ...access.config,
        application_name: applicationName(service, what),
        connectionTimeoutMillis: limits.connectTimeout,
      },
      settings,
      // Whose statements come again and again, with values of others.
      ...(what === 'writer' || what === 'reader' ? { names, binding } : {}),
    })

  let destroyWriters: (reason: unknown) => void = () => {}
  let storeLock: StoreLock | undefined
  try {
    const lock = (storeLock = await takeStoreLock({
      ...{ service, runtime, log },
      // Each time: the address may lead to another server by now.
      connect: () =>
        checked(session('lock', KEEP_ALIVE), (held) =>
          held.heard(limits.connectTimeout, () => checkServer(held, service, address)),
        ),
      writers: applicationName(service, 'writer'),
      silence: limits.connectTimeout,
      lost: (reason) => destroyWriters(reason),
    }))

    const migrating = await session('migrations')
    try {
      if (migrating.pid === lock.held()?.session.pid) {
        // That session goes on to others, who must not find what this one has set.
        await migrating.command('SELECT pg_advisory_unlock_all(); RESET ALL')
        throw pooled(service)
      }
      const migrations = { ...ownMigrations, ...outbox.migrations, ...definition.migrations }
      const applied = await migrateStore(migrating, { service, address, migrations, now: runtime.clock.now })
      if (applied.length > 0) log.info('Migrated a store', { service, migrations: applied })
      binding.learn(tablesOf((await migrating.query(TABLES)).rows))
    } finally {
      await migrating.end().catch(() => {})
    }

    const writers = createPool({
      // Outside a transaction, which says that it writes, nothing is written.
      connect: () => checked(session('writer', reading(limits.timeout + GRACE)), lock.admit),
      ...{ size: limits.writers, waiting, runtime },
      full: () => full(service, waiting),
      closed: () => closed(service),
    })
    destroyWriters = writers.destroyAll
    const transactions = createTransactions({
      ...{ service, address, pool: writers, storeLock: lock, names, isolation, runtime, log, limits },
    })
    const pool = createPool({
      connect: () => session('reader', reading(limits.readTimeout)),
      ...{ size: limits.readers, waiting, runtime },
      full: () => crowded(service, waiting),
      closed: () => readClosed(service),
    })
    const silence = limits.readTimeout + GRACE
    const readers = createReaders({ service, address, pool, names, timers: runtime.timers, silence })
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
      await lock.stop()
    }
    return {
      service,
      engine: 'postgresql',
      sharing: 'shared',
      member: runtime.ids.next(),
      records: sqlRecords(readers),
      read: readers.kysely,
      transaction: transactions.transaction,
      snapshot: readers.snapshot,
      select: readers.select,
      ping: async () => void (await readers.select('SELECT 1 AS one')),
      readings: () => storeMetrics({ writers, readers: pool }, transactions.counts()),
      outbox: outbox.open,
      stop: ({ timeout } = {}) => (stopping ??= stop(timeout)),
    }
  } catch (error) {
    await storeLock?.stop()
    throw explain(error, `Opening the store of service "${service}"`, address)
  }
}

/** A session that something is asked of first: it is ended when the answer is no. */
async function checked(opening: Promise<Connection>, check: (session: Connection) => Promise<void>): Promise<Connection> {
  const session = await opening
  try {
    await check(session)
    return session
  } catch (error) {
    session.destroy(error)
    throw error
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
