import { CallError } from 'dure/contract'
import { createMember, numbered, type Member } from 'dure/data/internal'
import { ABORTED } from './batch.ts'
import type { Answer, Connection } from './connection.ts'
import { crossed, endsSession, sqlState } from './errors.ts'
import { kyselyConnection, postgresKysely } from './kysely.ts'
import { checkOwn, planChanged, type StatementNames } from './statements.ts'

/**
 * One attempt at a transaction, on one connection. Its first statement takes BEGIN along; after work that ran no
 * statement there is nothing to commit.
 *
 * In PostgreSQL a statement that fails takes its transaction with it, in the embedded database it does not, and work that
 * catches the error goes on. So when work goes on after a failure it is begun again, this time with a savepoint before
 * that statement; and as the statement is remembered, the next time it has one from the start. Statements that never fail,
 * or whose failure ends their work, cost nothing more.
 */
export type Attempt = {
  readonly member: Member
  /**
   * Asks for the number by which the server knows it, unless that is known. It is asked for behind the first statement that
   * may write, and comes with its answer: so it is there, mostly, when the commit's is lost. True: the answer is still to come.
   */
  readonly identify: () => boolean
  /** That number; null when it has written nothing; undefined when that is not known. */
  readonly xid: () => string | null | undefined
  readonly begun: () => boolean
  /** Why it must be begun again; undefined when it need not. */
  readonly again: () => Again | undefined
  /**
   * To be called when the work has returned. A failure that it caught has it begun again; one of a statement that comes
   * now, or is answered only now, is the end of the transaction, whoever catches it.
   */
  readonly close: () => Promise<void>
  /** What failed after the work had returned. */
  readonly fatal: () => unknown
  /** Why BEGIN was refused: then nothing was done, whatever the answers to the rest. */
  readonly refused: () => unknown
}

/** `crossed`: another transaction got in the way. `survived`: a failure was caught. `stale`: the connection was gone before anything was done. */
export type Again = { readonly why: 'crossed' | 'survived' | 'stale' | 'changed'; readonly error: unknown }

export function createAttempt(options: {
  readonly connection: Connection
  readonly begin: string
  /** Its number is not asked for: a mark tells how it ended. */
  readonly marked: boolean
  readonly names: StatementNames
  /** Statements whose failure was survived before. */
  readonly fragile: Set<string>
  /** The connection has served others before: it may be gone without anybody knowing. */
  readonly used: boolean
  /** Every error of a statement passes through it. */
  readonly explain: (error: unknown) => unknown
}): Attempt {
  const { connection, marked, names, fragile, used, explain } = options
  let begun = false
  let answered = false
  let again: Again | undefined
  let failed: { readonly sql: string; readonly error: unknown } | undefined
  /** The statement behind a savepoint that is under way: nobody may get between it and the savepoint. */
  let barrier: Promise<unknown> | undefined
  let closing = false
  let fatal: unknown
  let refused: unknown
  const number = createNumber(connection, marked)

  const begin = (): void => {
    if (begun) return
    begun = true
    // What is sent right behind it would run by itself, which may read and no more; and nothing else gets that far.
    connection.command(options.begin).catch((error: unknown) => {
      if (endsSession(error)) return
      refused = error
      connection.destroy(error)
    })
  }

  const query = async (sql: string, parameters: readonly unknown[]): Promise<Answer> => {
    checkOwn(sql)
    while (barrier !== undefined) await barrier
    if (failed !== undefined) survived()
    if (again !== undefined) throw doomed(again.error)
    begin()
    if (closing || !fragile.has(sql)) return run(sql, parameters)
    const guarded = behindSavepoint(sql, parameters)
    barrier = guarded.then(noop, noop)
    try {
      return await guarded
    } finally {
      barrier = undefined
    }
  }

  const run = async (sql: string, parameters: readonly unknown[]): Promise<Answer> => {
    try {
      const answering = connection.query(sql, parameters)
      number.sent(sql)
      const answer = await answering
      answered = true
      return answer
    } catch (error) {
      fail(sql, error)
      throw explain(refused ?? error)
    }
  }

  const fail = (sql: string, error: unknown): void => {
    if (refused !== undefined) return
    if (crossed(error)) again ??= { why: 'crossed', error }
    else if (closing) fatal ??= error
    else if (endsSession(error)) {
      // What no answer came back from did nothing that lasts, so on another connection it is done for the first time.
      if (used && !answered && sqlState(error) === undefined) again ??= { why: 'stale', error }
    } else if (planChanged(error)) {
      names.forget(sql)
      again ??= { why: 'changed', error }
    }
    // Refused before it was sent, it did no harm; and what was sent behind a failed one is not what failed.
    else if (!(error instanceof CallError) && sqlState(error) !== ABORTED) failed ??= { sql, error }
  }

  const behindSavepoint = async (sql: string, parameters: readonly unknown[]): Promise<Answer> => {
    connection.command('SAVEPOINT dure_statement').catch(noop)
    try {
      const answer = await connection.query(sql, parameters)
      answered = true
      connection.command('RELEASE dure_statement').catch(noop)
      return answer
    } catch (error) {
      if (crossed(error) || endsSession(error)) fail(sql, error)
      else if (refused === undefined) connection.command('ROLLBACK TO dure_statement; RELEASE dure_statement').catch(noop)
      throw explain(refused ?? error)
    }
  }

  const survived = (): void => {
    if (failed === undefined || again !== undefined) return
    if (fragile.size >= FRAGILE) fragile.clear()
    fragile.add(failed.sql)
    again = { why: 'survived', error: failed.error }
  }

  const member = createMember({
    all: async (sql, parameters) => (await query(numbered(sql), parameters)).rows,
    run: async (sql, parameters) => (await query(numbered(sql), parameters)).changed,
    kysely: (guard, counts) => postgresKysely.transaction(kyselyConnection({ guard, query, counts })),
  })
  return {
    member,
    identify: number.identify,
    xid: number.known,
    begun: () => begun,
    again: () => again,
    close: async () => {
      // A statement behind a savepoint that nobody waits for: nothing may get between the two.
      while (barrier !== undefined) await barrier
      survived()
      closing = true
    },
    fatal: () => fatal,
    refused: () => refused,
  }
}

/** The number by which the server knows a transaction: asked for behind the first statement that may write, and again while there is none. */
function createNumber(connection: Connection, marked: boolean) {
  let known: string | null | undefined
  let asked = marked
  /** The question is not answered yet; … */
  let underWay = false
  /** … and something was sent since. */
  let unsure = false

  const ask = (): void => {
    underWay = asked = true
    unsure = false
    connection.query(XID).then(
      ({ rows }) => {
        known = (rows[0]?.['xid'] ?? null) as string | null
        underWay = false
        // What came before it changed nothing after all.
        asked = known !== null
      },
      () => {},
    )
  }
  return {
    sent: (sql: string): void => {
      if (asked || READS.test(sql)) unsure = true
      else ask()
    },
    identify: (): boolean => {
      if (typeof known === 'string' || marked) return false
      if (!unsure) return underWay
      // That it had written nothing by then says nothing now.
      known = undefined
      ask()
      return true
    },
    known: () => known,
  }
}

/** Statements that are remembered for a failure that was survived. */
const FRAGILE = 256

const XID = 'SELECT pg_current_xact_id_if_assigned()::text AS xid'
/** Begins like a statement that reads; one that writes all the same is asked about at the commit. */
const READS = /^\s*select\b/i

const noop = (): void => {}

function doomed(cause: unknown): CallError {
  return new CallError(
    'ABORTED',
    'Using a transaction failed: it is being begun again, because a statement before this one failed',
    { cause, inside: true },
  )
}
