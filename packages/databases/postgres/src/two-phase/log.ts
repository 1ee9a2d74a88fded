import { CallError } from 'dure/contract'
import { sqlState } from '../store/store.ts'
import type { Database } from './sessions.ts'

/** One database's part in a transaction. */
export type Branch = {
  readonly gid: string
  /** The database's identity and its name. */
  readonly database: string
  readonly name: string
  /** Its transaction number there, by which it is known what became of it. */
  readonly xid: string
}

/** A commit that was decided and not yet seen in all its databases. */
export type Decision = { readonly transaction: string; readonly epoch: bigint; readonly branches: readonly Branch[] }

export type Outcome = 'commit' | 'rollback'

/**
 * The coordinator's log. What is not in it is rolled back (presumed abort), so only commits have to be written before they
 * are done. Whoever wants to roll back what he does not know the outcome of writes that first, under the same key: so
 * one of the two comes to be written, and never both.
 */
export type Log = {
  readonly epoch: bigint
  /** How the names of the coordinator's prepared transactions begin. */
  readonly prefix: string
  /** @throws {CallError} FAILED_PRECONDITION when another has taken over under this name */
  readonly check: () => Promise<void>
  /** 'rollback' when somebody has decided otherwise, or has taken over. */
  readonly decide: (transaction: string, branches: readonly Branch[]) => Promise<Outcome>
  /** What was decided; when nothing was, that it is rolled back. */
  readonly outcomeOf: (transaction: string, epoch: bigint) => Promise<Outcome>
  /** Those of coordinators. What a person has decided has no branches, and is never forgotten. */
  readonly decisions: () => Promise<readonly Decision[]>
  readonly forget: (transaction: string) => Promise<void>
}

const SCHEMA = `
  SELECT pg_advisory_xact_lock(1685352037);
  CREATE TABLE IF NOT EXISTS dure_2pc_coordinators (
    name TEXT PRIMARY KEY,
    epoch BIGINT NOT NULL,
    -- Tells coordinators of one name with different logs apart.
    mark TEXT NOT NULL DEFAULT left(gen_random_uuid()::text, 8)
  );
  CREATE TABLE IF NOT EXISTS dure_2pc_decisions (
    transaction TEXT PRIMARY KEY,
    coordinator TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    branches JSONB NOT NULL DEFAULT '[]',
    decided TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
  )`

/** Takes over under this name: who had it before decides nothing from now on. */
export async function openLog({ query, explained, name: database }: Database, name: string): Promise<Log> {
  await query(SCHEMA).catch((error: unknown) => {
    if (sqlState(error) !== '42501') throw explained(error)
    const why = `its role may make no tables in database "${database}" (${(error as Error).message})`
    const advice = 'GRANT CREATE ON SCHEMA public to it, or give another database as `log`'
    throw new CallError('PERMISSION_DENIED', `Opening the log of coordinator "${name}" failed: ${why}. To do: ${advice}`, {
      cause: error,
      inside: true,
    })
  })
  const { rows } = await query(
    `INSERT INTO dure_2pc_coordinators AS c (name, epoch) VALUES ($1, 1)
     ON CONFLICT (name) DO UPDATE SET epoch = c.epoch + 1 RETURNING epoch, mark`,
    [name],
  )
  const epoch = BigInt(String(rows[0]!['epoch']))
  const own = [name, epoch]
  // Of those epochs nobody can decide a commit any more, so that nothing needs to stand in its way.
  await query(`DELETE FROM dure_2pc_decisions WHERE coordinator = $1 AND outcome = 'rollback' AND epoch < $2`, own)
  return {
    epoch,
    prefix: `dure/${name}~${String(rows[0]!['mark'])}/`,
    check: async () => {
      const asked = query('SELECT FROM dure_2pc_coordinators WHERE name = $1 AND epoch = $2', own)
      const { rowCount } = await asked.catch((error: unknown) => {
        throw explained(error)
      })
      if (rowCount === 0) throw fenced(name)
    },
    decide: async (transaction, branches) => {
      // The lock on the row keeps the next coordinator waiting until this is written.
      const { rowCount } = await query(
        `INSERT INTO dure_2pc_decisions (transaction, coordinator, epoch, outcome, branches)
         SELECT $3, name, epoch, 'commit', $4::jsonb FROM dure_2pc_coordinators WHERE name = $1 AND epoch = $2 FOR SHARE
         ON CONFLICT DO NOTHING`,
        [...own, transaction, JSON.stringify(branches)],
      )
      return rowCount === 1 ? 'commit' : 'rollback'
    },
    outcomeOf: (transaction, of) => outcomeOf({ query }, { transaction, coordinator: name, epoch: of, otherwise: 'rollback' }),
    decisions: async () => {
      const { rows: found } = await query(
        `SELECT transaction, epoch, branches FROM dure_2pc_decisions WHERE coordinator = $1 AND epoch <= $2 AND outcome = 'commit'
           AND branches <> '[]'`,
        own,
      )
      return found.map((row) => ({
        transaction: String(row['transaction']),
        epoch: BigInt(String(row['epoch'])),
        branches: row['branches'] as readonly Branch[],
      }))
    },
    forget: async (transaction) => {
      await query(`DELETE FROM dure_2pc_decisions WHERE transaction = $1 AND outcome = 'commit'`, [transaction])
    },
  }
}

/** What the log says; what it says from now on where it said nothing. Waits for whoever is about to write. */
export async function outcomeOf(
  { query }: Pick<Database, 'query'>,
  of: { readonly transaction: string; readonly coordinator: string; readonly epoch: bigint; readonly otherwise: Outcome },
): Promise<Outcome> {
  const { rows } = await query(
    `INSERT INTO dure_2pc_decisions AS d (transaction, coordinator, epoch, outcome) VALUES ($1, $2, $3, $4)
     ON CONFLICT (transaction) DO UPDATE SET outcome = d.outcome RETURNING outcome`,
    [of.transaction, of.coordinator, of.epoch, of.otherwise],
  )
  return rows[0]!['outcome'] as Outcome
}

function fenced(name: string): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `A two-phase transaction of coordinator "${name}" failed: another process has taken over under this name. ` +
      'To do: stop this one, or give each process a `name` of its own',
    { inside: true },
  )
}
