import type { DatabaseDefinition, DatabaseWorld, Migrations, SqlStore } from 'dure/data'
import { closed, createBinding, crowded, full, readClosed, sqlRecords } from 'dure/data/internal'
import { foldRepeats } from 'dure/telemetry'
import { connect, type Connection } from './connection.ts'
import { explain, pooled } from './errors.ts'
import { createGone } from './gone.ts'
import type { StoreLimits } from './limits.ts'
import { createMembers } from './members.ts'
import { migrateStore } from './migrations.ts'
import { createPool } from './pool.ts'
import { beginningOf, uniqueName } from '../names.ts'
import { addressOf, type Access } from './provision.ts'
import { createReaders } from './readers.ts'
import { storeMetrics } from './metrics.ts'
import type { Settings } from './session-settings.ts'
import { checkServer } from './server-check.ts'
import { createNames } from './statements.ts'
import { ownMigrations, SERVER_TIME } from './own-tables.ts'
import { createTransactions, GRACE, type Isolation } from './transactions.ts'
import { TABLES, tablesOf } from './values.ts'
import { createWaitOut } from './wait-out.ts'
import { openWitness, type Witness } from './witness.ts'

/** A server finds out within half a minute that a process is gone without a word. */
const KEEP_ALIVE: Settings = { tcp_keepalives_idle: 10, tcp_keepalives_interval: 5, tcp_keepalives_count: 3 }

/** Opens one service's store: a witness, migrations, writers, readers, in this order. Any number of processes may. */
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
  const member = runtime.ids.next()
  // Of each process its own, by which its sessions are told from those of others.
  const writersOf = (of: string): string => applicationName(service, 'writer', of)
  const [witnessName, writersName] = [applicationName(service, 'witness', member), writersOf(member)]
  const session = (name: string, settings: Settings = {}, often = false): Promise<Connection> =>
    connect({
      config: {
        ...access.config,
        application_name: name,
        connectionTimeoutMillis: limits.connectTimeout,
      },
      settings,
      // Whose statements come again and again, with values of others.
      ...(often ? { names, binding } : {}),
    })

  let destroyWriters: (reason: unknown) => void = () => {}
  const migrations = { ...ownMigrations, ...outbox.migrations, ...definition.migrations }
  const members = createMembers({ service, member, witness: witnessName, migrations, runtime, log })
  let registered = false
  let opened: Witness | undefined
  try {
    const witness = (opened = await openWitness({
      ...{ service, runtime, log },
      // Each time: the address may lead to another server by now.
      connect: () =>
        checked(session(witnessName, KEEP_ALIVE), (begun) =>
          begun.heard(limits.connectTimeout, async () => {
            await checkServer(begun, service, address)
            // Whoever migrated meanwhile may have held it for gone.
            if (registered) await members.register(begun)
          }),
        ),
      writers: writersName,
      silence: limits.connectTimeout,
      silent: (reason) => destroyWriters(reason),
    }))
    const own = async (other: Connection): Promise<void> => {
      if (other.pid === witness.present()?.session.pid) throw pooled(service)
    }

    const migrating = await session(applicationName(service, 'migrations'))
    binding.learn(await migrateOn(migrating, { service, address, migrations, members, runtime, log, own }))
    registered = true

    const writers = createPool({
      // Outside a transaction, which says that it writes, nothing is written.
      connect: () => checked(session(writersName, reading(limits.timeout + GRACE), true), own),
      ...{ size: limits.writers, waiting, runtime },
      full: () => full(service, waiting),
      closed: () => closed(service),
    })
    destroyWriters = writers.destroyAll
    const transactions = createTransactions({
      ...{ service, address, pool: writers, witness, writers: writersName, names, isolation, runtime, log, limits },
    })
    const pool = createPool({
      connect: () => session(applicationName(service, 'reader'), reading(limits.readTimeout), true),
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
      const last = witness.present()?.session
      await last?.heard(GRACE, () => members.leave(last)).catch(() => {})
      await witness.stop()
    }
    return {
      service,
      engine: 'postgresql',
      sharing: 'shared',
      member,
      records: sqlRecords(readers, SERVER_TIME),
      time: SERVER_TIME,
      read: readers.kysely,
      transaction: transactions.transaction,
      snapshot: readers.snapshot,
      select: readers.select,
      waitOut: createWaitOut({
        ...{ service, address, writersOf, witness, runtime, silence: limits.connectTimeout },
        prefix: beginningOf('application', 'dure', 'writer', service),
      }),
      gone: createGone({
        select: readers.select,
        sessionsOf: (of) => [applicationName(service, 'witness', of), writersOf(of)],
        timers: runtime.timers,
      }),
      ping: async () => void (await readers.select('SELECT 1 AS one')),
      readings: () => storeMetrics({ writers, readers: pool }, transactions.counts()),
      outbox: outbox.open,
      stop: ({ timeout } = {}) => (stopping ??= stop(timeout)),
    }
  } catch (error) {
    await opened?.stop()
    throw explain(error, `Opening the store of service "${service}"`, address)
  }
}

/** Brings the tables up to date on a session, which ends with that; answers with what they are then. */
async function migrateOn(
  session: Connection,
  { own, ...options }: Parameters<typeof migrateStore>[1] & { readonly own: (session: Connection) => Promise<void> },
): Promise<ReturnType<typeof tablesOf>> {
  const { service, log } = options
  try {
    // A pooler's session goes on to others, who must not find what this one has set.
    await own(session).catch(async (error: unknown) => {
      await session.command('RESET ALL')
      throw error
    })
    const applied = await migrateStore(session, options)
    if (applied.length > 0) log.info('Migrated a store', { service, migrations: applied })
    return tablesOf((await session.query(TABLES)).rows)
  } finally {
    await session.end().catch(() => {})
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
function applicationName(service: string, what: string, ...member: readonly string[]): string {
  return uniqueName('application', 'dure', what, service, ...member)
}
