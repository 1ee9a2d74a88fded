import { CallError } from 'dure/contract'
import type { ClientBase } from 'pg'
import { sqlState } from '../store/store.ts'
import type { Branch, Outcome } from './log.ts'
import type { Database } from './sessions.ts'

/** A session inside the transaction, as `pg` has it. It ends when the work does; BEGIN, COMMIT and ROLLBACK are not the work's. */
export type BranchSession = Pick<ClientBase, 'query'>

type Numbered = { readonly rows: readonly { readonly xid: string }[] }
const XID = 'SELECT pg_current_xact_id()::text AS xid'

/** One database's part while it is under way. */
export type OpenBranch = {
  readonly name: string
  readonly session: BranchSession
  /** From here on it survives its session and the server, with its locks, until it is told how it ends. */
  readonly prepare: (gid: string) => Promise<Branch>
  /** Of what is prepared, by the same session: others may all be waiting for what this one holds. */
  readonly finish: (gid: string, outcome: Outcome) => Promise<'done' | 'gone'>
  /** Of what is not prepared; ends the session when even that fails. */
  readonly rollback: () => Promise<void>
  readonly release: () => void
}

/** @throws {CallError} FAILED_PRECONDITION for a server that prepares no transactions */
export async function checkParticipant({ name, query }: Database): Promise<void> {
  const { rows } = await query('SHOW max_prepared_transactions')
  if (Number(rows[0]?.['max_prepared_transactions']) > 0) return
  throw new CallError(
    'FAILED_PRECONDITION',
    `Opening database "${name}" for two-phase commit failed: its server has max_prepared_transactions = 0, so that nothing can be prepared. ` +
      'To do: ALTER SYSTEM SET max_prepared_transactions = 64 (at least as many as may be under way at once), and restart the server; a reload does not do it',
    { inside: true },
  )
}

/** @param lockTimeout milliseconds: no server sees a deadlock that goes through two of them */
export async function openBranch(
  { name, identity, borrow, explained }: Database,
  options: { readonly lockTimeout: number; readonly timeout: number },
): Promise<OpenBranch> {
  const { lockTimeout, timeout } = options
  const client = await borrow().catch((error: unknown) => {
    throw explained(error)
  })
  let state: 'open' | 'over' | 'lost' = 'open'
  const say = (text: string) => client.query({ text, query_timeout: timeout } as { text: string })
  const release = (): void => client.release(state !== 'over')
  let began: string
  try {
    const answers = (await say(`BEGIN; SET LOCAL lock_timeout = ${lockTimeout}; ${XID}`)) as unknown as readonly Numbered[]
    began = answers[2]!.rows[0]!.xid
  } catch (error) {
    release()
    throw explained(error)
  }
  const query = ((...args: Parameters<ClientBase['query']>) => {
    if (state === 'open') return client.query(...args)
    throw new Error(`Asking database "${name}" failed: its transaction is over. To do: await every query inside the work`)
  }) as ClientBase['query']
  return {
    name,
    session: { query },
    prepare: async (gid) => {
      state = 'lost'
      // Several statements have several answers. Who has ended the transaction himself has no error, but another one.
      const [{ rows }] = (await say(`${XID}; PREPARE TRANSACTION '${gid}'`)) as unknown as readonly [Numbered]
      state = 'over'
      const [{ xid = '' } = {}] = rows
      if (xid !== began) throw new Error('the work has ended the transaction itself, with COMMIT or ROLLBACK')
      return { gid, database: identity, name, xid }
    },
    finish: async (gid, outcome) => {
      state = 'lost'
      const done = await finish({ query: say }, gid, outcome)
      state = 'over'
      return done
    },
    rollback: async () => {
      state = 'lost'
      await say('ROLLBACK').then(
        () => (state = 'over'),
        () => {},
      )
    },
    release,
  }
}

/** Names of what is prepared in this database and begins so. */
export async function preparedIn({ query }: Database, prefix: string): Promise<readonly string[]> {
  const { rows } = await query('SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND starts_with(gid, $1)', [
    prefix,
  ])
  return rows.map(({ gid }) => String(gid))
}

/** Ends what is prepared. 'gone' when there is no such thing. Once it is done it is on the server's disk. */
export async function finish(
  { query }: { readonly query: (text: string) => Promise<unknown> },
  gid: string,
  outcome: Outcome,
): Promise<'done' | 'gone'> {
  try {
    await query(`${outcome} PREPARED '${gid.replaceAll("'", "''")}'`)
    return 'done'
  } catch (error) {
    if (sqlState(error) === '42704') return 'gone'
    throw error
  }
}

/** Whether what is not prepared any more was committed; false also when the server no longer knows. */
export async function wasCommitted({ query }: Database, xid: string): Promise<boolean> {
  const { rows } = await query(
    'SELECT CASE WHEN $1::xid8 < pg_snapshot_xmax(pg_current_snapshot()) THEN pg_xact_status($1::xid8) END AS status',
    [xid],
  )
  return rows[0]?.['status'] === 'committed'
}
