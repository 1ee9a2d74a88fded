import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { CallError } from '../../contract/contract.ts'
import { cautiousTime, createFlush, nodeSqlite, steadyTime } from '../../runtime/internal.ts'
import { foldRepeats } from '../../telemetry/telemetry.ts'
import type { DatabaseDefinition, DatabaseWorld, SqlStore, SqlTransaction } from '../database.ts'
import { FAMILIES } from '../../telemetry/telemetry.ts'
import { migrate } from '../migrations.ts'
import { ownMigrations } from '../own-tables.ts'
import { sqlRecords } from '../sql/sql.ts'
import { openFile, type Durability } from './file.ts'
import { createPatience, LOCK_TIMEOUT, patiently, takeLock } from '../sqlite-file/sqlite-file.ts'
import { createReaders } from './readers.ts'
import { createWriter, type WriterLimits } from './writer.ts'

/** Opens one service's store: lock, file, writer, migrations, readers, in this order. */
export async function openStore(options: {
  readonly file: string
  readonly service: string
  readonly definition: DatabaseDefinition<unknown>
  readonly world: DatabaseWorld
  readonly durability: Durability
  readonly readers: number
  readonly readTimeout: number
  readonly limits: WriterLimits
}): Promise<SqlStore> {
  const { file, service, definition, world, durability, limits } = options
  const lock = takeLock(`${file.replace(/\.db$/, '')}.lock`, service)
  world.opened?.({ close: lock.release })
  const undo: (() => void)[] = [lock.release]
  try {
    const locked = createPatience(world.runtime, limits.lockTimeout ?? LOCK_TIMEOUT)
    const db = await patiently(locked, () => openFile({ file, service }))
    world.opened?.({ close: () => db.close() })
    const flush = durability === 'power' ? createFlush(`${file}-wal`) : undefined
    undo.unshift(() => db.close())
    const schema = { value: 0 }
    const log = foldRepeats(world.log, world.runtime)
    const writer = createWriter({ db, schema, service, file, runtime: world.runtime, log, limits, flush })

    const script = async (sql: string): Promise<void> => {
      runScript(db, sql)
      schema.value++
    }
    // Rebuilding a table drops it for a moment, which foreign keys would forbid: they are checked at the end instead.
    db.exec('PRAGMA foreign_keys = OFF')
    const applied = await migrate({
      service,
      migrations: { ...ownMigrations, ...definition.migrations },
      store: { transaction: writer.transaction, script, verify },
      now: world.runtime.clock.now,
    })
    db.exec('PRAGMA foreign_keys = ON')
    if (applied.length > 0) log.info('Migrated a store', { service, migrations: applied })

    // A constraint that is checked as late as the commit would fail a whole group for one member's fault.
    const deferred = await patiently(locked, () =>
      db.prepare("SELECT 1 FROM sqlite_schema WHERE sql LIKE '%INITIALLY DEFERRED%'").get(),
    )
    if (deferred !== undefined) writer.commitEachAlone()

    const { opened } = world
    const readers = createReaders({
      file,
      service,
      schema,
      size: options.readers,
      timeout: options.readTimeout,
      timers: world.runtime.timers,
      log: world.log,
      opened,
      locked,
      durable: () => flush?.pending(),
    })
    let stopping: Promise<void> | undefined
    const stop = async (timeout: number | undefined): Promise<void> => {
      await writer.stop(readers.stop, timeout)
      lock.release()
    }
    const { select } = readers
    const time = steadyTime(world.runtime.clock)
    return {
      service,
      engine: 'sqlite',
      sharing: 'exclusive',
      member: world.runtime.ids.next(),
      // A clock that is set forward makes nothing old, and no clock that is set makes anything wait longer.
      records: sqlRecords({ select }, cautiousTime(world.runtime.clock), time),
      time,
      read: readers.kysely,
      transaction: writer.transaction,
      snapshot: readers.snapshot,
      select,
      ping: async () => void (await select('SELECT 1 AS one')),
      readings: () => [{ family: FAMILIES.walSize, attributes: {}, value: sizeOf(`${file}-wal`) }],
      stop: ({ timeout } = {}) => (stopping ??= stop(timeout)),
    }
  } catch (error) {
    for (const step of undo) step()
    throw error
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

/** Runs a migration's text; the statements that would end the transaction it runs in are refused. */
function runScript(db: DatabaseSync, sql: string): void {
  let refused = false
  const { constants } = nodeSqlite()
  const transactions: readonly number[] = [constants.SQLITE_TRANSACTION, constants.SQLITE_SAVEPOINT, constants.SQLITE_ATTACH]
  db.setAuthorizer((action) => {
    if (!transactions.includes(action)) return constants.SQLITE_OK
    refused = true
    return constants.SQLITE_DENY
  })
  try {
    db.exec(sql)
  } catch (error) {
    if (!refused) throw error
    throw new CallError(
      'FAILED_PRECONDITION',
      'it ends the transaction it runs in. To do: take BEGIN, COMMIT and the like out of it',
    )
  } finally {
    db.setAuthorizer(null)
  }
}

async function verify(tx: SqlTransaction): Promise<void> {
  const [row] = await tx.all('SELECT "table", "parent" FROM pragma_foreign_key_check LIMIT 1')
  if (row !== undefined) {
    throw new CallError(
      'FAILED_PRECONDITION',
      `rows of "${String(row['table'])}" point to rows of "${String(row['parent'])}" that are not there`,
    )
  }
}
