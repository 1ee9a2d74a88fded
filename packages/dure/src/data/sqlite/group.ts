import type { DatabaseSync } from 'node:sqlite'
import type { SqlTransaction } from '../database.ts'
import { ended } from '../errors.ts'
import type { Execution, Job as JobOf, Outcome as OutcomeOf } from '../execution.ts'
import { createMember } from '../member.ts'
import { explain, patiently, type Patience } from '../sqlite-file/sqlite-file.ts'
import { kyselyConnection, sqliteKysely } from './kysely.ts'
import { createStatements, type SchemaVersion } from './statements.ts'

export type Job = JobOf<SqlTransaction>
export type Outcome = OutcomeOf<SqlTransaction>

/** One BEGIN and one COMMIT around several transactions, each inside a savepoint: one that fails is rolled back alone. */
export type Group = {
  /** Rejects, in words, when it cannot be begun. */
  readonly begin: () => Promise<void>
  /** Ends one in which nothing was run. */
  readonly abandon: () => void
  /** @param others whether some were run in it before */
  readonly run: (job: Job, others: boolean) => Promise<Outcome>
  /** The engine gave up the whole group, as it does when the disk is full. */
  readonly lost: () => boolean
  /** Why nothing of it is kept; undefined when it is committed. */
  readonly commit: () => { readonly error: unknown } | undefined
}

export function createGroup(options: {
  readonly db: DatabaseSync
  readonly schema: SchemaVersion
  readonly service: string
  readonly file: string
  readonly execution: Execution<SqlTransaction>
  readonly locked: () => Patience
}): Group {
  const { db, schema, service, file, execution, locked } = options
  const statements = createStatements({ db, schema })
  const control = {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    mark: db.prepare('SAVEPOINT dure_member'),
    keep: db.prepare('RELEASE dure_member'),
    undo: db.prepare('ROLLBACK TO dure_member'),
  }
  const explained = (error: unknown, action: string): unknown =>
    explain(error, `The transaction of service "${service}": ${action}`, file)
  let lost: { readonly error: unknown } | undefined

  const explainStatement = (error: unknown): unknown => {
    const failure = explained(error, 'writing')
    if (!db.isTransaction && lost === undefined) lost = { error: failure }
    return failure
  }

  const attempt = <T>(run: () => T): T => {
    try {
      return run()
    } catch (error) {
      throw explainStatement(error)
    }
  }

  const memberParts: Parameters<typeof createMember>[0] = {
    all: async (sql, parameters) => attempt(() => statements.all(sql, parameters)),
    run: async (sql, parameters) => attempt(() => Number(statements.run(sql, parameters).changes)),
    kysely: (guard, counts) =>
      sqliteKysely.transaction(kyselyConnection({ statements, guard, counts, explain: explainStatement, whole: true })),
  }

  const finish = (ok: boolean, others: boolean): void => {
    // The first needs no savepoint to be undone: it is all there is.
    if (!others && !ok) {
      control.rollback.run()
      control.begin.run()
    }
    if (!others) return
    if (!ok) control.undo.run()
    control.keep.run()
  }

  return {
    begin: async () => {
      lost = undefined
      try {
        await patiently(locked, () => control.begin.run())
      } catch (error) {
        throw explained(error, 'beginning')
      }
    },
    abandon: () => void control.rollback.run(),
    run: async (job, others) => {
      const member = createMember(memberParts)
      if (others) control.mark.run()
      const outcome = await execution.run(job, member)
      const { ok, value } = outcome
      member.end(ok ? 'its work has returned' : 'its work has failed')
      if (lost === undefined && !db.isTransaction) lost = { error: ok ? ended(service) : value }
      if (lost !== undefined) return outcome
      try {
        finish(ok, others)
      } catch (error) {
        lost = { error: explained(error, 'finishing') }
      }
      return outcome
    },
    lost: () => lost !== undefined,
    commit: () => {
      try {
        if (lost === undefined) control.commit.run()
      } catch (error) {
        lost = { error: explained(error, 'committing') }
      }
      if (lost !== undefined && db.isTransaction) control.rollback.run()
      return lost
    },
  }
}
