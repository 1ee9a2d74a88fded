import { createHash } from 'node:crypto'
import { CallError } from '../contract/contract.ts'
import { describeThrown } from '../contract/internal.ts'
import type { Migration, Migrations, MigrationStep, SqlTransaction } from './database.ts'
import { definedNames } from './names.ts'

/** Brings the tables of a store that speaks SQL up to date: `applyMigrations`, recorded in `dure_migrations`. */
export async function migrate(options: {
  readonly service: string
  readonly migrations: Migrations
  readonly store: {
    readonly transaction: <T>(work: (tx: SqlTransaction) => Promise<T>, options: { readonly timeout: number }) => Promise<T>
    /** Called in the first transaction, before Dure's own tables are made in it. */
    readonly first?: () => Promise<void>
    /** Runs several statements at once, which define those names, inside the open transaction. */
    readonly script: (sql: string, defined: ReadonlySet<string>) => Promise<void>
    /** Called before a migration's transaction ends; throws when the migration left rows that point nowhere. */
    readonly verify: (tx: SqlTransaction) => Promise<void>
    /** As of `applyMigrations`. */
    readonly alone?: (contracting: readonly string[]) => Promise<void>
  }
  readonly now: () => number
}): Promise<readonly string[]> {
  const { transaction, first, script, verify, alone } = options.store
  return applyMigrations<SqlTransaction>({
    ...options,
    store: {
      ...{ transaction, alone },
      applied: async (tx) => {
        await first?.()
        await tx.run(
          'CREATE TABLE IF NOT EXISTS dure_migrations (name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL, contracts INTEGER)',
        )
        const rows = await tx.all('SELECT * FROM dure_migrations ORDER BY name')
        // Stores of earlier versions.
        if (rows.length > 0 && !('contracts' in rows[0]!))
          await tx.run('ALTER TABLE dure_migrations ADD COLUMN contracts INTEGER')
        return rows.map(appliedMigration)
      },
      record: (tx, { name, checksum, contracts, at }) =>
        tx.run('INSERT INTO dure_migrations (name, checksum, applied_at, contracts) VALUES (?, ?, ?, ?)', [
          ...[name, checksum, at, contracts ? 1 : 0],
        ]),
      apply: async (tx, step) => {
        if (typeof step === 'string') await script(step, definedNames(step))
        else await step(tx.kysely)
        await verify(tx)
      },
    },
  })
}

/** From a row of `dure_migrations`. */
export function appliedMigration(row: Readonly<Record<string, unknown>>): AppliedMigration {
  return { name: String(row['name']), checksum: String(row['checksum']), contracts: row['contracts'] !== 0 }
}

/** A migration that a store has; one of which it is not known whether it contracts is held to. */
export type AppliedMigration = { readonly name: string; readonly checksum: string; readonly contracts: boolean }

/**
 * Brings a store of any kind up to date: each migration once, in order of name, in a transaction of its own (Dure's
 * own in one), and recorded. What was applied must still be there unchanged; so a history has one meaning everywhere.
 * Answers with the names of those that were applied now.
 *
 * @throws {CallError} FAILED_PRECONDITION when an applied migration was changed, when one that contracts was removed or is newer
 * than this program, when a new one sorts before an applied one, or when names sort otherwise than they read
 *
 * @example
 * ```ts
 * import { applyMigrations } from 'dure/data/adapter'
 *
 * const done: { name: string; checksum: string; contracts: boolean }[] = []
 * const applied = await applyMigrations<Map<string, number>>({
 *   service: 'orders',
 *   migrations: { '001': async () => {} },
 *   store: {
 *     transaction: (work) => work(new Map()), // yours
 *     applied: async () => done,
 *     record: async (_, migration) => done.push(migration),
 *     apply: async (client, step) => typeof step !== 'string' && step(client as never),
 *   },
 *   now: Date.now,
 * })
 * console.log(applied) // → [ '001' ]
 * ```
 */
export async function applyMigrations<Tx>(options: {
  readonly service: string
  readonly migrations: Migrations
  readonly store: {
    readonly transaction: <T>(work: (tx: Tx) => Promise<T>, options: { readonly timeout: number }) => Promise<T>
    /** What it has; makes the place for that. */
    readonly applied: (tx: Tx) => Promise<readonly AppliedMigration[]>
    readonly record: (tx: Tx, applied: AppliedMigration & { readonly at: number }) => Promise<unknown>
    readonly apply: (tx: Tx, step: MigrationStep) => Promise<unknown>
    /** Called, before anything is applied, with those that contract: resolves when no program runs that does not have them. */
    readonly alone?: ((contracting: readonly string[]) => Promise<void>) | undefined
  }
  readonly now: () => number
}): Promise<readonly string[]> {
  const { service, store, now } = options
  const transaction = <T>(work: (tx: Tx) => Promise<T>): Promise<T> =>
    store.transaction(work, { timeout: Number.POSITIVE_INFINITY })
  const apply = async (tx: Tx, [name, migration]: Named): Promise<void> => {
    try {
      await store.apply(tx, stepOf(migration))
    } catch (error) {
      throw new CallError(
        'FAILED_PRECONDITION',
        `Migrating the store of service "${service}" failed in "${name}": ${describeThrown(error).message}. ` +
          'It was rolled back; the migrations before it are kept',
        { cause: error },
      )
    }
    await store.record(tx, { name, checksum: checksum(migration), contracts: contracts(migration), at: now() })
  }
  // Dure's own are few and small: they share a commit, with the table that all are recorded in.
  const pending = await transaction(async (tx) => {
    const applied = await store.applied(tx)
    const planned = plan(service, options.migrations, applied)
    const contracting = planned.filter(([, migration]) => contracts(migration)).map(([name]) => name)
    if (applied.length > 0 && contracting.length > 0) await store.alone?.(contracting)
    for (const each of planned) if (each[0].startsWith(OWN)) await apply(tx, each)
    return planned
  })
  for (const each of pending) if (!each[0].startsWith(OWN)) await transaction((tx) => apply(tx, each))
  return pending.map(([name]) => name)
}

type Named = readonly [name: string, migration: Migration]

/** Dure's own migrations (own-tables.ts) live beside the service's, under names that start so, and come first. */
const OWN = 'dure/'

/**
 * What is to be applied to a store that has those.
 * @throws {CallError} FAILED_PRECONDITION as `applyMigrations`
 */
export function plan(service: string, migrations: Migrations, applied: readonly AppliedMigration[]): readonly Named[] {
  const trouble = (name: string, what: string, advice: string): CallError =>
    new CallError(
      'FAILED_PRECONDITION',
      `Migrating the store of service "${service}" failed: migration "${name}" ${what}. To do: ${advice}`,
      {
        details: { service, migration: name },
      },
    )
  const names = Object.keys(migrations).sort(byName)
  const known = new Set<string>()
  for (const { name: recorded, checksum: sum, contracts: held } of applied) {
    const name = migrations[recorded] === undefined ? names.find((each) => reading.compare(each, recorded) === 0) : recorded
    if (name === undefined) {
      // A newer program has only added to it.
      if (!held) continue
      throw trouble(
        recorded,
        'was applied to it and takes away what others use, and this program does not have it',
        'run the version of the service that does (this one is older), or put the migration back',
      )
    }
    if (checksum(migrations[name]!) !== sum) {
      throw trouble(name, 'was changed after it was applied', 'put the old text back, and write the change as a new migration')
    }
    known.add(name)
  }
  const pending = names.filter((name) => !known.has(name))
  // What is applied stays as it is; whoever adds to it brings the names in order first.
  if (pending.length > 0) {
    const [name, what] = misread(names) ?? []
    if (name !== undefined) {
      throw trouble(
        name,
        what!,
        'name migrations in one way, each number as wide as the others ("001", "002", "010"), in lower case; one that was applied may get leading zeros and lower case later',
      )
    }
  }
  const last = names.findLast((name) => known.has(name))
  const late = last === undefined ? undefined : pending.find((name) => !name.startsWith(OWN) && byName(name, last) < 0)
  if (late !== undefined) {
    throw trouble(late, `is new but comes before "${last}", which was applied already`, 'give it a name that sorts last')
  }
  return pending.map((name) => [name, migrations[name]!] as const)
}

/** As people read: numbers by their value, letters without regard to case and accents. */
const reading = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

/**
 * The first name that does not stand where a reader expects it, and why. Names are sorted by their characters' codes, the
 * same everywhere and for ever; a reader takes `2` to come before `10`, and `b` before `C`.
 * @param names in order
 */
function misread(names: readonly string[]): readonly [name: string, what: string] | undefined {
  for (const [i, name] of names.entries()) {
    const before = names[i - 1]
    if (!/^\P{C}+$/u.test(name) || name.trim() !== name) return [name, 'has a name that cannot be read as it is written']
    if (YEAR_LAST.test(name)) return [name, 'has a name that starts with a date whose year does not come first']
    if (before === undefined || before.startsWith(OWN)) continue
    const order = reading.compare(before, name)
    if (order > 0) return [name, `reads as coming before "${before}", but its name is sorted after it`]
    if (order === 0) return [name, `reads like "${before}", so nobody can tell which comes first`]
  }
  return undefined
}

const YEAR_LAST = /^\D*\d{1,2}([-._/ ])\d{1,2}\1\d{4}(?!\d)/

function byName(a: string, b: string): number {
  const ownFirst = Number(b.startsWith(OWN)) - Number(a.startsWith(OWN))
  return ownFirst !== 0 ? ownFirst : a < b ? -1 : a > b ? 1 : 0
}

/** A migration, as plain JSON. */
export type MigrationDescription = {
  /** SQL; `function` for one, of which only the name counts. */
  readonly step: string
  /** Programs that do not have it cannot go on beside it. */
  readonly contracts: boolean
}

export function describeMigration(migration: Migration): MigrationDescription {
  const step = stepOf(migration)
  return { step: typeof step === 'string' ? textOf(step) : 'function', contracts: contracts(migration) }
}

const textOf = (sql: string): string => sql.replaceAll('\r\n', '\n').trim()

/** A function has no text worth comparing: it is recorded as one, and only its name counts. */
function checksum(migration: Migration): string {
  const step = stepOf(migration)
  if (typeof step !== 'string') return 'function'
  return createHash('sha256').update(textOf(step)).digest('hex')
}

function stepOf(migration: Migration): MigrationStep {
  return typeof migration === 'object' ? migration.run : migration
}

/** Whether programs that do not have it could not go on beside it. */
function contracts(migration: Migration): boolean {
  if (typeof migration !== 'string') return typeof migration === 'object' && migration.contracts
  const sql = migration.replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'/g, ' ')
  return (
    CONTRACTS.test(sql) ||
    (sql.match(/\badd\s[^,;]+/gi) ?? []).some((added) => /\bnot\s+null\b/i.test(added) && !/\bdefault\b/i.test(added))
  )
}

/** What is dropped that others may use, renamed, of another type, or held to another condition. */
const CONTRACTS =
  /\bdrop\s+(?!(?:not|default|index|constraint|identity|expression|trigger)\b)|\brename\b|\bset\s+not\s+null\b|\balter\s+(?:column\s+)?\S+\s+(?:set\s+data\s+)?type\b|\badd\s+(?:constraint|check|unique|foreign|primary|exclude)\b/i
