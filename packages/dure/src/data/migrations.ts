import { createHash } from 'node:crypto'
import { CallError } from '../contract/contract.ts'
import type { Migration, Migrations, StoreTransaction } from './database.ts'

/**
 * Brings a store's tables up to date: each migration once, in order of name, in a transaction of its own, and
 * recorded. What was applied must still be there unchanged; so a history has one meaning everywhere.
 *
 * @throws {CallError} FAILED_PRECONDITION when an applied migration was changed, removed, or is newer than this
 * program, or when a new one sorts before an applied one
 */
export async function migrate(options: {
  readonly service: string
  readonly migrations: Migrations
  readonly store: {
    readonly transaction: <T>(work: (tx: StoreTransaction) => Promise<T>, options: { readonly timeout: number }) => Promise<T>
    /** Runs several statements at once, inside the open transaction. */
    readonly script: (sql: string) => Promise<void>
    /** Called before a migration's transaction ends; throws when the migration left rows that point nowhere. */
    readonly verify: (tx: StoreTransaction) => Promise<void>
  }
  readonly now: () => number
}): Promise<readonly string[]> {
  const { service, store, now } = options
  const transaction = <T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T> =>
    store.transaction(work, { timeout: Number.POSITIVE_INFINITY })
  const applied = await transaction(async (tx) => {
    await tx.run(
      'CREATE TABLE IF NOT EXISTS dure_migrations (name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)',
    )
    const rows = await tx.all('SELECT name, checksum FROM dure_migrations ORDER BY name')
    return rows.map((row) => ({ name: String(row['name']), checksum: String(row['checksum']) }))
  })
  const pending = plan(service, options.migrations, applied)
  for (const [name, migration] of pending) {
    await transaction(async (tx) => {
      try {
        if (typeof migration === 'string') await store.script(migration)
        else await migration(tx.kysely)
        await store.verify(tx)
      } catch (error) {
        throw new CallError(
          'FAILED_PRECONDITION',
          `Migrating the store of service "${service}" failed in "${name}": ${error instanceof Error ? error.message : String(error)}. ` +
            'It was rolled back; the migrations before it are kept',
          { cause: error },
        )
      }
      await tx.run('INSERT INTO dure_migrations (name, checksum, applied_at) VALUES (?, ?, ?)', [
        name,
        checksum(migration),
        now(),
      ])
    })
  }
  return pending.map(([name]) => name)
}

type Applied = { readonly name: string; readonly checksum: string }

/** Dure's own migrations live beside the service's, under names that start with `dure/`, and come first. */
const OWN = 'dure/'

function plan(service: string, migrations: Migrations, applied: readonly Applied[]): readonly (readonly [string, Migration])[] {
  const trouble = (name: string, what: string, advice: string): CallError =>
    new CallError(
      'FAILED_PRECONDITION',
      `Migrating the store of service "${service}" failed: migration "${name}" ${what}. To do: ${advice}`,
      {
        details: { service, migration: name },
      },
    )
  const names = Object.keys(migrations).sort(byName)
  for (const { name, checksum: recorded } of applied) {
    const migration = migrations[name]
    if (migration === undefined) {
      throw trouble(
        name,
        'was applied to it, but this program does not have it',
        'run the version of the service that does (this one is older), or put the migration back',
      )
    }
    if (checksum(migration) !== recorded) {
      throw trouble(name, 'was changed after it was applied', 'put the old text back, and write the change as a new migration')
    }
  }
  const known = new Set(applied.map(({ name }) => name))
  const pending = names.filter((name) => !known.has(name))
  const last = applied
    .map(({ name }) => name)
    .sort(byName)
    .at(-1)
  const late = last === undefined ? undefined : pending.find((name) => !name.startsWith(OWN) && byName(name, last) < 0)
  if (late !== undefined) {
    throw trouble(late, `is new but comes before "${last}", which was applied already`, 'give it a name that sorts last')
  }
  return pending.map((name) => [name, migrations[name]!] as const)
}

function byName(a: string, b: string): number {
  const ownFirst = Number(b.startsWith(OWN)) - Number(a.startsWith(OWN))
  return ownFirst !== 0 ? ownFirst : a < b ? -1 : a > b ? 1 : 0
}

/** A function has no text worth comparing: it is recorded as one, and only its name counts. */
function checksum(migration: Migration): string {
  if (typeof migration !== 'string') return 'function'
  return createHash('sha256').update(migration.replaceAll('\r\n', '\n').trim()).digest('hex')
}
