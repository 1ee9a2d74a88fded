/** Settings as rows of a SQLite file, as Spring's JDBC backend has them. */
import { nodeSqlite } from 'dure/runtime/internal'
import type { ConfigValue } from 'dure/config'
import type { OpenRepository, SettingsFile } from './repository.ts'

/** A profile that is empty stands for all. Whoever writes, the revision goes on. */
const TABLES = `
  CREATE TABLE IF NOT EXISTS properties (
    application TEXT NOT NULL, profile TEXT NOT NULL DEFAULT '', label TEXT NOT NULL DEFAULT 'main',
    "key" TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (application, profile, label, "key")
  );
  CREATE TABLE IF NOT EXISTS revision (only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL);
  INSERT OR IGNORE INTO revision (only, number) VALUES (1, 1);
  CREATE TRIGGER IF NOT EXISTS inserted AFTER INSERT ON properties BEGIN UPDATE revision SET number = number + 1; END;
  CREATE TRIGGER IF NOT EXISTS updated AFTER UPDATE ON properties BEGIN UPDATE revision SET number = number + 1; END;
  CREATE TRIGGER IF NOT EXISTS deleted AFTER DELETE ON properties BEGIN UPDATE revision SET number = number + 1; END;`

/** Rows of one answer. */
const MOST_ROWS = 100_000

/**
 * The table `properties` of a SQLite file as the repository of a configuration server: `application`, `profile` (empty: for all), `label`
 * (default `main`), `key`, `value`. It is made where it is missing; whoever writes it in one transaction changes it at once.
 *
 * @example
 * ```ts
 * import { sqliteRepository, startConfigServer } from '@dure/config-server'
 * import { DatabaseSync } from 'node:sqlite'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const repository = sqliteRepository('settings.db')
 * const server = await startConfigServer({ repository, directory: '.config-server', port: 0, log: silentLogger() })
 * const rows = new DatabaseSync('settings.db')
 * rows.exec(`INSERT INTO properties (application, profile, "key", value) VALUES ('orders', 'prod', 'payment.timeout', '500')`)
 * console.log(await (await fetch(`${server.url}/orders-prod.properties`)).text()) // → payment.timeout: 500
 * rows.close()
 * await server.stop()
 * ```
 */
export function sqliteRepository(file: string): OpenRepository {
  return async () => {
    const { DatabaseSync } = nodeSqlite()
    const database = new DatabaseSync(file, { timeout: 5_000 })
    database.exec(`PRAGMA journal_mode = WAL; ${TABLES}`)
    const rows = database.prepare(
      'SELECT "key", value, rowid FROM properties WHERE application = ? AND profile = ? AND label = ? ORDER BY rowid LIMIT ?',
    )
    const number = database.prepare('SELECT number FROM revision')
    const labels = database.prepare('SELECT 1 FROM properties WHERE label = ? LIMIT 1')
    const version = (): string => String(number.get()!['number'])
    return {
      at: async (label = 'main') => {
        if (label !== 'main' && labels.get(label) === undefined) return undefined
        let seen = version()
        return {
          get version() {
            return seen
          },
          folders: [''],
          read: async (candidates) => {
            const found = new Map<string, SettingsFile>()
            // One turn, and one transaction: what others write meanwhile is not seen by halves.
            database.exec('BEGIN')
            try {
              seen = version()
              for (const { path, application, profile } of candidates) {
                if (!path.endsWith('.properties')) continue
                const name = profile === undefined ? application : `${application}-${profile}`
                const values = valuesOf(rows.all(application, profile ?? '', label, MOST_ROWS), name)
                if (values.size === 0) continue
                const parsed = { documents: [{ profiles: undefined, values }], problems: [] }
                found.set(path, { name, parsed: () => parsed })
              }
            } finally {
              database.exec('COMMIT')
            }
            return found
          },
        }
      },
      refresh: async () => {},
      stop: async () => database.close(),
    }
  }
}

function valuesOf(rows: readonly Readonly<Record<string, unknown>>[], from: string): ReadonlyMap<string, ConfigValue> {
  return new Map(rows.map(({ key, value, rowid }) => [String(key), { value: String(value), from, line: Number(rowid) }]))
}
