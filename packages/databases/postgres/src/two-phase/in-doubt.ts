import { CallError } from 'dure/contract'
import { outcomeOf, type Branch, type Outcome } from './log.ts'
import { finish, wasCommitted } from './participant.ts'
import { openDatabase, type Database, type DatabaseConfig } from './sessions.ts'

/** A transaction that a database keeps prepared, or lacks though it was decided. */
export type InDoubt = {
  readonly transaction: string
  readonly coordinator: string
  readonly database: string
  /** `missing`: decided to be committed, and the database has nothing of it. */
  readonly state: 'prepared' | 'missing'
  /** What the log says: `none` is rolled back by the coordinator when it comes back. `unknown`: no log was given, or it is not its. */
  readonly decision: Outcome | 'none' | 'unknown'
  /** Seconds since it was prepared. */
  readonly seconds: number
  /** Transactions begun since: as far back vacuum removes nothing, in any table of the database. */
  readonly horizon: number
  readonly locks: readonly { readonly what: string; readonly mode: string }[]
  readonly waiting: readonly { readonly pid: number; readonly name: string; readonly seconds: number; readonly query: string }[]
}

export type Resolved = { readonly database: string; readonly outcome: Outcome | 'forget'; readonly done: boolean }

type Place = { readonly databases: readonly DatabaseConfig[]; readonly log?: DatabaseConfig | undefined }

const TIMEOUT = 10_000
const GID = /^dure\/([a-z0-9-]+)~([0-9a-f]+)\/(\d+)\/([^/]+)\//

/**
 * What is in doubt in these databases, with its locks and who waits for them. Other roles' sessions are told with their
 * process alone, unless the role is a member of `pg_read_all_stats`.
 *
 * @example
 * ```ts
 * import { startServer } from '@dure/postgres/server'
 * import { listInDoubt } from '@dure/postgres/two-phase'
 *
 * const server = await startServer({ settings: { max_prepared_transactions: 8 } })
 * console.log(await listInDoubt({ databases: [server.url()] })) // → []
 * await server.close()
 * ```
 */
export async function listInDoubt(place: Place): Promise<readonly InDoubt[]> {
  return within(place, async ({ databases, log }) => {
    const decided = log === undefined ? undefined : await decisionsOf(log)
    const found: InDoubt[] = []
    for (const one of databases) {
      const prepared = (await one.query(PREPARED)).rows.flatMap((row) => {
        const [, coordinator = '', mark = '', , transaction = ''] = GID.exec(String(row['gid'])) ?? []
        if (transaction === '') return []
        const said = decided?.marks.has(mark) === true ? (decided.all.get(transaction)?.outcome ?? 'none') : 'unknown'
        const { seconds, horizon, locks, waiting } = row as Pick<InDoubt, 'seconds' | 'horizon' | 'locks' | 'waiting'>
        const known = { transaction, coordinator, database: one.name, decision: said } as const
        return [{ ...known, state: 'prepared' as const, seconds, horizon, locks, waiting }]
      })
      found.push(...prepared)
      for (const [transaction, { coordinator, branches, seconds }] of decided?.all ?? []) {
        const branch = branches.find(({ database }) => database === one.identity)
        if (branch === undefined || prepared.some((each) => each.transaction === transaction)) continue
        if (await wasCommitted(one, branch.xid)) continue
        const nothing = { seconds, horizon: 0, locks: [], waiting: [] }
        found.push({ transaction, coordinator, database: one.name, state: 'missing', decision: 'commit', ...nothing })
      }
    }
    return found
  })
}

/**
 * Ends a transaction in these databases as the coordinator's log says (what it does not know is rolled back), or as a person
 * says, with or against it. Who did it and why is kept in `dure_2pc_audit` of each database before it is done.
 *
 * @throws {CallError} NOT_FOUND when it is nowhere prepared; FAILED_PRECONDITION when the log is not its coordinator's
 *
 * @example
 * ```ts
 * import { startServer } from '@dure/postgres/server'
 * import { resolveInDoubt } from '@dure/postgres/two-phase'
 *
 * const server = await startServer({ settings: { max_prepared_transactions: 8 } })
 * const asked = { databases: [server.url()], log: server.url(), transaction: 'none', reason: 'tidying', by: 'me' }
 * await resolveInDoubt(asked).catch((error: { code: string }) => console.log(error.code)) // → NOT_FOUND
 * await server.close()
 * ```
 */
export async function resolveInDoubt(
  options: Place & {
    readonly transaction: string
    /** Instead of what the log says; `forget`: a decision whose data people have mended. */
    readonly force?: Outcome | 'forget' | undefined
    readonly reason: string
    readonly by: string
  },
): Promise<readonly Resolved[]> {
  const { transaction, force, reason, by } = options
  return within(options, async ({ databases, log }) => {
    const audit = async ({ query }: Database, gid: string, outcome: string): Promise<unknown> => {
      await query(AUDIT)
      return query('INSERT INTO dure_2pc_audit (gid, outcome, forced, reason, by) VALUES ($1, $2, $3, $4, $5)', [
        ...[gid, outcome, force !== undefined, reason, by],
      ])
    }
    const found: { readonly one: Database; readonly gid: string }[] = []
    for (const one of databases)
      for (const { gid } of (await one.query(`SELECT gid FROM pg_prepared_xacts WHERE database = current_database()`)).rows)
        if (GID.exec(String(gid))?.[4] === transaction) found.push({ one, gid: String(gid) })
    if (force === 'forget') {
      const why = log === undefined ? 'no log is given to forget it in' : await unforgettable(transaction, log, databases, found)
      if (why !== undefined) throw trouble(transaction, why, 'give its log and all its databases, and end it there first')
      await audit(log!, transaction, 'forget')
      await log!.query(`DELETE FROM dure_2pc_decisions WHERE transaction = $1 AND outcome = 'commit'`, [transaction])
      return [{ database: log!.name, outcome: force, done: true }]
    }
    if (found.length === 0)
      throw new CallError(
        'NOT_FOUND',
        `Resolving "${transaction}" failed: none of these databases has it prepared. See: dure 2pc list`,
      )
    const outcome = await said({ log, transaction, force, gid: found[0]!.gid })
    const resolved: Resolved[] = []
    for (const { one, gid } of found) {
      await audit(one, gid, outcome)
      resolved.push({ database: one.name, outcome, done: (await finish(one, gid, outcome)) === 'done' })
    }
    return resolved
  })
}

/** Why it may not be forgotten: what is still prepared would then be rolled back. */
async function unforgettable(
  transaction: string,
  log: Database,
  databases: readonly Database[],
  found: readonly { readonly one: Database }[],
): Promise<string | undefined> {
  if (found.length > 0) return `database "${found[0]!.one.name}" still has it prepared`
  const decision = (await decisionsOf(log)).all.get(transaction)
  if (decision === undefined) return `the log in database "${log.name}" has nothing of it`
  if (decision.branches.length === 0) return 'a person has decided it, which stays in the log for databases that come back'
  const other = decision.branches.find(({ database }) => !databases.some(({ identity }) => identity === database))
  return other && `it has a part in database "${other.name}" as well`
}

async function said(of: {
  readonly log: Database | undefined
  readonly transaction: string
  readonly force: Outcome | undefined
  readonly gid: string
}): Promise<Outcome> {
  const { log, transaction, force, gid } = of
  const [, coordinator = '', mark = '', epoch = ''] = GID.exec(gid)!
  const decided = log === undefined ? undefined : await decisionsOf(log)
  if (log !== undefined && decided?.marks.has(mark) === true) {
    // Also a person's word is written where nothing is: so that all databases, and the coordinator, follow it.
    const written = await outcomeOf(log, { transaction, coordinator, epoch: BigInt(epoch), otherwise: force ?? 'rollback' })
    return force ?? written
  }
  if (force !== undefined) return force
  const state = log === undefined ? 'no log is given' : `database "${log.name}" is not the log of coordinator "${coordinator}"`
  throw trouble(transaction, state, 'give its log, or say how it ends: --force commit or --force rollback')
}

function trouble(transaction: string, state: string, advice: string): CallError {
  return new CallError('FAILED_PRECONDITION', `Resolving "${transaction}" failed: ${state}. To do: ${advice}`)
}

async function decisionsOf({ query }: Database) {
  const all = new Map<string, { outcome: Outcome; coordinator: string; branches: readonly Branch[]; seconds: number }>()
  const { rows: there } = await query(`SELECT to_regclass('dure_2pc_coordinators') IS NOT NULL AS known`)
  if (there[0]?.['known'] !== true) return { all, marks: new Set<string>() }
  const { rows } = await query(
    `SELECT transaction, outcome, coordinator, branches, extract(epoch FROM clock_timestamp() - decided)::float8 AS seconds
     FROM dure_2pc_decisions`,
  )
  for (const { transaction, ...row } of rows) all.set(String(transaction), row as never)
  const marks = (await query('SELECT mark FROM dure_2pc_coordinators')).rows
  return { all, marks: new Set(marks.map(({ mark }) => String(mark))) }
}

async function within<T>(
  { databases, log }: Place,
  work: (opened: { readonly databases: readonly Database[]; readonly log: Database | undefined }) => Promise<T>,
): Promise<T> {
  const opened: Database[] = []
  const open = async (config: DatabaseConfig): Promise<Database> => {
    const made = await openDatabase(config, TIMEOUT, 1)
    opened.push(made)
    return made
  }
  try {
    const all: Database[] = []
    for (const config of databases) all.push(await open(config))
    return await work({ databases: all, log: log === undefined ? undefined : await open(log) })
  } finally {
    await Promise.all(opened.map((one) => one.end()))
  }
}

/** Locks of what is prepared have no process, and one is that of its own number; who waits for one waits for process 0. */
const PREPARED = `
  WITH held AS (
    SELECT own.transactionid AS transaction, l.* FROM pg_locks own JOIN pg_locks l USING (virtualtransaction)
    WHERE own.pid IS NULL AND own.granted AND own.locktype = 'transactionid' AND l.pid IS NULL AND l.granted
  )
  SELECT gid, extract(epoch FROM clock_timestamp() - prepared)::float8 AS seconds, age(transaction) AS horizon,
    (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('what', coalesce(relation::regclass::text, locktype), 'mode', mode)), '[]')
      FROM held h WHERE h.transaction = p.transaction) AS locks,
    (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('pid', a.pid, 'name', coalesce(a.application_name, ''),
        'query', left(a.query, 200), 'seconds', extract(epoch FROM clock_timestamp() - w.waitstart)::float8)), '[]')
      FROM pg_locks w JOIN pg_stat_activity a ON a.pid = w.pid JOIN held h
        ON (h.locktype, h.database, h.relation, h.page, h.tuple, h.transactionid, h.classid, h.objid, h.objsubid)
          IS NOT DISTINCT FROM (w.locktype, w.database, w.relation, w.page, w.tuple, w.transactionid, w.classid, w.objid, w.objsubid)
      WHERE h.transaction = p.transaction AND NOT w.granted AND 0 = ANY (pg_blocking_pids(w.pid))) AS waiting
  FROM pg_prepared_xacts p WHERE database = current_database() ORDER BY prepared`

const AUDIT = `
  SELECT pg_advisory_xact_lock(1685352037);
  CREATE TABLE IF NOT EXISTS dure_2pc_audit (
    time TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(), gid TEXT NOT NULL, outcome TEXT NOT NULL,
    forced BOOLEAN NOT NULL, reason TEXT NOT NULL, by TEXT NOT NULL
  )`
