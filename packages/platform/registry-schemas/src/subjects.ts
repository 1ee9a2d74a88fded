/** Subjects, their versions and the ids of schemas, in a store that speaks SQL. An id is never given twice. */
import { createHash } from 'node:crypto'
import type { Migrations, SqlRow, SqlStore, SqlTransaction, SqlValue } from 'dure/data'
import { faults } from './fault.ts'
import { identityOf, incompatibilities, levelOf, type Level, type SchemaText } from './levels.ts'

export const MIGRATIONS: Migrations = {
  '001-schemas': `
    CREATE TABLE schemas (id INTEGER PRIMARY KEY, type TEXT NOT NULL, identity TEXT NOT NULL UNIQUE, text TEXT NOT NULL);
    CREATE TABLE versions (
      subject TEXT NOT NULL, version INTEGER NOT NULL, id INTEGER NOT NULL, deleted INTEGER NOT NULL, PRIMARY KEY (subject, version)
    );
    CREATE INDEX versions_of_schemas ON versions (id);
    CREATE TABLE levels (subject TEXT PRIMARY KEY, level TEXT NOT NULL);
    CREATE TABLE last_id (id INTEGER NOT NULL);
    INSERT INTO last_id VALUES (0);`,
}

export type Version = SchemaText & {
  readonly subject: string
  readonly version: number
  readonly id: number
  readonly deleted: boolean
}

/** The global level, where a subject has none of its own. */
const GLOBAL = ''
const DEFAULT: Level = 'BACKWARD'

const VERSIONS =
  'SELECT v.subject, v.version, v.id, v.deleted, s.type, s.text, s.identity FROM versions v JOIN schemas s ON s.id = v.id'

type Row = Version & { readonly identity: string }
const versionOf = (row: SqlRow): Row => ({
  subject: String(row['subject']),
  version: Number(row['version']),
  id: Number(row['id']),
  deleted: Number(row['deleted']) === 1,
  type: String(row['type']) as Version['type'],
  text: String(row['text']),
  identity: String(row['identity']),
})

/** Schemas are long: they are told apart by a digest of what they say. */
const digest = (schema: SchemaText): string =>
  createHash('sha256')
    .update(`${schema.type}\n${identityOf(schema)}`)
    .digest('hex')

/** What reads, inside a transaction or beside any. */
type Select = (sql: string, parameters?: readonly SqlValue[]) => Promise<readonly SqlRow[]>

async function versionsOf(select: Select, subject: string): Promise<readonly Row[]> {
  return (await select(`${VERSIONS} WHERE v.subject = ? ORDER BY v.version`, [subject])).map(versionOf)
}

async function levelAt(select: Select, subject: string): Promise<Level | undefined> {
  const [row] = await select('SELECT level FROM levels WHERE subject = ?', [subject])
  return row === undefined ? undefined : levelOf(row['level'])
}

const alive = (versions: readonly Row[], deleted: boolean = false): readonly Row[] =>
  deleted ? versions : versions.filter((each) => !each.deleted)

export type Subjects = {
  /** What is compared for a subject: its own level, else the global one. */
  readonly level: (subject: string) => Promise<Level>
  /** Undefined where the subject, or without one the whole, has none of its own. */
  readonly ownLevel: (subject?: string) => Promise<Level | undefined>
  readonly setLevel: (next: Level, subject?: string) => Promise<unknown>
  /** Answers with the one that it had. @throws {SchemaFault} 40408 */
  readonly dropLevel: (subject?: string) => Promise<Level>
  readonly subjects: (options?: { readonly deleted?: boolean; readonly prefix?: string }) => Promise<readonly string[]>
  readonly versions: (subject: string, deleted?: boolean) => Promise<readonly number[]>
  readonly version: (subject: string, wanted: number | 'latest', deleted?: boolean) => Promise<Version>
  /** @throws {SchemaFault} 40403 */
  readonly byId: (id: number) => Promise<SchemaText>
  readonly usesOf: (id: number, deleted?: boolean) => Promise<readonly Version[]>
  /** Why it may not come after a version, or after those that its level names; empty: it may. */
  readonly check: (subject: string, schema: SchemaText, wanted: number | 'latest' | 'all') => Promise<readonly string[]>
  /** @throws {SchemaFault} 40401, 40403 */
  readonly find: (subject: string, schema: SchemaText, deleted?: boolean) => Promise<Version>
  /** The same schema twice is one version, and under each subject of one id. @throws {SchemaFault} 409, 42201 */
  readonly register: (subject: string, schema: SchemaText) => Promise<Version>
  /** @throws {SchemaFault} 40401, 40404, 40405 */
  readonly deleteSubject: (subject: string, permanent: boolean) => Promise<readonly number[]>
  /** @throws {SchemaFault} 40401, 40402, 40406, 40407 */
  readonly deleteVersion: (subject: string, wanted: number | 'latest', permanent: boolean) => Promise<number>
}

export function subjectsIn(store: SqlStore): Subjects {
  const select: Select = (sql, parameters) => store.select(sql, parameters)
  /** One change after another, whoever else writes into the store. */
  const change = <T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> =>
    store.transaction(async (tx) => {
      await tx.run('UPDATE last_id SET id = id')
      return work(tx)
    })

  const level = async (subject: string, on: Select = select): Promise<Level> =>
    (await levelAt(on, subject)) ?? (await levelAt(on, GLOBAL)) ?? DEFAULT

  /** All there are, or the fault that says there is none. */
  const known = async (subject: string, deleted: boolean): Promise<readonly Row[]> => {
    const versions = alive(await versionsOf(select, subject), deleted)
    if (versions.length === 0) throw faults.noSubject(subject)
    return versions
  }

  const version = async (subject: string, wanted: number | 'latest', deleted: boolean = false): Promise<Version> => {
    const versions = await known(subject, deleted)
    const found = wanted === 'latest' ? alive(versions).at(-1) : versions.find((each) => each.version === wanted)
    if (found === undefined) throw faults.noVersion(wanted)
    return found
  }

  return {
    level,
    ownLevel: (subject: string = GLOBAL) => levelAt(select, subject),
    setLevel: (next: Level, subject: string = GLOBAL) =>
      change((tx) =>
        tx.run('INSERT INTO levels (subject, level) VALUES (?, ?) ON CONFLICT (subject) DO UPDATE SET level = excluded.level', [
          subject,
          next,
        ]),
      ),
    dropLevel: (subject: string = GLOBAL) =>
      change(async (tx) => {
        const had = await levelAt(tx.all, subject)
        if (had === undefined && subject !== GLOBAL) throw faults.noLevel(subject)
        await tx.run('DELETE FROM levels WHERE subject = ?', [subject])
        return had ?? DEFAULT
      }),

    subjects: async ({ deleted = false, prefix = '' } = {}): Promise<readonly string[]> => {
      const rows = await select(`SELECT DISTINCT subject FROM versions ${deleted ? '' : 'WHERE deleted = 0'} ORDER BY subject`)
      return rows.map((row) => String(row['subject'])).filter((each) => each.startsWith(prefix))
    },
    versions: async (subject: string, deleted: boolean = false) => (await known(subject, deleted)).map((each) => each.version),
    version,
    byId: async (id: number): Promise<SchemaText> => {
      const [row] = await select('SELECT type, text FROM schemas WHERE id = ?', [id])
      if (row === undefined) throw faults.noSchema(id)
      return { type: String(row['type']) as SchemaText['type'], text: String(row['text']) }
    },
    usesOf: async (id: number, deleted: boolean = false): Promise<readonly Version[]> => {
      const rows = await select(`${VERSIONS} WHERE v.id = ? ORDER BY v.subject, v.version`, [id])
      if (rows.length === 0) throw faults.noSchema(id)
      return alive(rows.map(versionOf), deleted)
    },

    check: async (subject: string, schema: SchemaText, wanted: number | 'latest' | 'all'): Promise<readonly string[]> => {
      identityOf(schema)
      const levelNow = await level(subject)
      if (wanted === 'all') return incompatibilities(levelNow, schema, alive(await versionsOf(select, subject)))
      return incompatibilities(levelNow, schema, [await version(subject, wanted)])
    },
    find: async (subject: string, schema: SchemaText, deleted: boolean = false): Promise<Version> => {
      const identity = digest(schema)
      const found = (await known(subject, deleted)).findLast((each) => each.identity === identity)
      if (found === undefined) throw faults.noSchema()
      return found
    },
    register: (subject: string, schema: SchemaText): Promise<Version> => {
      const identity = digest(schema)
      return change(async (tx) => {
        const versions = await versionsOf(tx.all, subject)
        const there = alive(versions).findLast((each) => each.identity === identity)
        if (there !== undefined) return there
        const reasons = incompatibilities(await level(subject, tx.all), schema, alive(versions))
        if (reasons.length > 0) throw faults.incompatible(reasons)
        const [same] = await tx.all('SELECT id, text FROM schemas WHERE identity = ?', [identity])
        const id = same === undefined ? await addSchema(tx, schema, identity) : Number(same['id'])
        const next = (versions.at(-1)?.version ?? 0) + 1
        await tx.run('INSERT INTO versions (subject, version, id, deleted) VALUES (?, ?, ?, 0)', [subject, next, id])
        return {
          subject,
          version: next,
          id,
          deleted: false,
          type: schema.type,
          text: same === undefined ? schema.text : String(same['text']),
        }
      })
    },

    deleteSubject: (subject: string, permanent: boolean): Promise<readonly number[]> =>
      change(async (tx) => {
        const versions = await versionsOf(tx.all, subject)
        if (versions.length === 0) throw faults.noSubject(subject)
        const left = alive(versions)
        if (!permanent && left.length === 0) throw faults.subjectDeleted(subject)
        if (permanent && left.length > 0) throw faults.subjectNotDeleted(subject)
        const gone = permanent ? versions : left
        for (const each of gone) await remove(tx, each, permanent)
        if (permanent) await tx.run('DELETE FROM levels WHERE subject = ?', [subject])
        return gone.map((each) => each.version)
      }),
    deleteVersion: (subject: string, wanted: number | 'latest', permanent: boolean): Promise<number> =>
      change(async (tx) => {
        const versions = await versionsOf(tx.all, subject)
        if (versions.length === 0) throw faults.noSubject(subject)
        const found = wanted === 'latest' ? alive(versions).at(-1) : versions.find((each) => each.version === wanted)
        if (found === undefined) throw faults.noVersion(wanted)
        if (found.deleted && !permanent) throw faults.versionDeleted(subject, found.version)
        if (!found.deleted && permanent) throw faults.versionNotDeleted(subject, found.version)
        await remove(tx, found, permanent)
        return found.version
      }),
  }
}

async function addSchema(tx: SqlTransaction, { type, text }: SchemaText, identity: string): Promise<number> {
  await tx.run('UPDATE last_id SET id = id + 1')
  const [row] = await tx.all('SELECT id FROM last_id')
  const id = Number(row!['id'])
  await tx.run('INSERT INTO schemas (id, type, identity, text) VALUES (?, ?, ?, ?)', [id, type, identity, text])
  return id
}

/** For good, a schema goes with the last version of it. */
async function remove(tx: SqlTransaction, { subject, version, id }: Version, permanent: boolean): Promise<void> {
  const one = 'WHERE subject = ? AND version = ?'
  if (!permanent) return void (await tx.run(`UPDATE versions SET deleted = 1 ${one}`, [subject, version]))
  await tx.run(`DELETE FROM versions ${one}`, [subject, version])
  await tx.run('DELETE FROM schemas WHERE id = ? AND NOT EXISTS (SELECT 1 FROM versions WHERE versions.id = schemas.id)', [id])
}
