import { join } from 'node:path'
import { CallError } from '../../contract/contract.ts'
import { makeFolder } from '../../runtime/runtime.ts'
import { checkNumbers, COUNT, WAIT, type Ranges } from '../../runtime/internal.ts'
import type { DatabaseAdapter, DatabaseWorld, SqlStore } from '../database.ts'
import type { Durability } from './file.ts'
import { LOCK_TIMEOUT } from '../sqlite-file/sqlite-file.ts'
import { openStore } from './store.ts'

export { kyselyConnection as sqliteConnection, sqliteKysely, type KyselyConnection } from './kysely.ts'
export { sqliteHistory } from './history.ts'
export { createStatements as sqliteStatements, type Statements } from './statements.ts'

export type SqliteOptions = {
  /**
   * What a committed transaction survives: `power` (default) the loss of power, at one flush of the disk a commit;
   * `process` the death of the process only, at none.
   */
  readonly durability?: Durability
  /** Snapshots and streams that may read at once. Default 4. */
  readonly readers?: number
  /**
   * Milliseconds that a snapshot or a stream may last: what it sees must be kept until it ends. Default 30,000.
   */
  readonly readTimeout?: number
  /** Milliseconds that another process's lock on the file is waited for. Default 5,000. */
  readonly lockTimeout?: number
  /** Transactions that may wait for their turn; more are refused with RESOURCE_EXHAUSTED. Default 10,000. */
  readonly waiting?: number
  /** Milliseconds a transaction may take when it does not say. Default 5,000. */
  readonly timeout?: number
  /** Transactions that may share a commit. Default 128. */
  readonly group?: number
}

const NUMBERS: Ranges<SqliteOptions> = {
  readers: COUNT,
  readTimeout: { ...WAIT, endless: true },
  lockTimeout: WAIT,
  waiting: COUNT,
  timeout: { ...WAIT, endless: true },
  group: COUNT,
}

/**
 * The embedded database: one SQLite file per service, `<directory>/<service>.db`.
 *
 * @example
 * ```ts
 * import { sqlite } from 'dure/data'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const adapter = sqlite()({ directory: 'data', runtime: realRuntime(), log: silentLogger() })
 * const store = await adapter.open('letters', { migrations: { '001': 'CREATE TABLE letters (id TEXT)' } })
 * await store.transaction((tx) => tx.run('INSERT INTO letters VALUES (?)', ['a']))
 * console.log(await store.select('SELECT id FROM letters')) // → [ { id: 'a' } ]
 * await store.stop()
 * ```
 */
export function sqlite(options: SqliteOptions = {}): (world: DatabaseWorld) => DatabaseAdapter<SqlStore> {
  const {
    durability = 'power',
    readers = 4,
    readTimeout = 30_000,
    lockTimeout = LOCK_TIMEOUT,
    waiting = 10_000,
    timeout = 5_000,
    group = 128,
  } = checkNumbers('open SQLite stores', options, NUMBERS)
  return (world) => ({
    name: 'sqlite',
    open: async (service, definition) => {
      if (!/^[a-z0-9][a-z0-9._-]*$/i.test(service)) {
        throw new CallError(
          'INVALID_ARGUMENT',
          `Opening a store failed: "${service}" cannot name a file. To do: use letters, digits, dots, dashes and underscores`,
        )
      }
      makeDirectory(world.directory)
      return openStore({
        file: join(world.directory, `${service}.db`),
        service,
        definition,
        world,
        durability,
        readers,
        readTimeout,
        limits: { group, groupTime: 4, waiting, timeout, lockTimeout },
      })
    },
  })
}

function makeDirectory(directory: string): void {
  try {
    makeFolder(directory)
  } catch (error) {
    throw new CallError(
      'PERMISSION_DENIED',
      `Making the data directory failed: ${(error as Error).message}. To do: choose a directory that the process may write (now "${directory}")`,
      { cause: error },
    )
  }
}
