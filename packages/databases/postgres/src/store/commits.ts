import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { ABORTED } from './batch.ts'
import { commitOutcome, type Outcome } from './commit-outcome.ts'
import type { Connection } from './connection.ts'
import { crossed, endsSession, rolledBack, sqlState, unknownOutcome, type StoreAddress } from './errors.ts'
import type { Attempt } from './transaction-attempt.ts'
import type { Present, Witness } from './witness.ts'

/** COMMIT, and what becomes of one whose answer is lost. */
export type Commits = {
  /**
   * Resolved means durable. Listeners are called in the order in which the COMMITs were sent: of two transactions of which one
   * saw the other's rows, the other one's first.
   * @param present the witness when the transaction began
   * @throws {Crossed} when the server finds only now that it crossed another transaction
   */
  readonly commit: (connection: Connection, attempt: Attempt, present: Present | undefined) => Promise<void>
  readonly notify: (listeners: readonly (() => void)[]) => void
  /** Commits whose connection was lost, by what was found out about them. */
  readonly lost: Readonly<Record<Outcome, number>>
}

/** Milliseconds that the answer to COMMIT may take, before the connection is given up for lost. */
export const COMMITTING = 10_000

/** The server found at the commit that it crossed another transaction. */
export class Crossed extends Error {
  constructor(cause: unknown) {
    super('Crossed', { cause })
  }
}

export function createCommits(options: {
  readonly service: string
  readonly address: StoreAddress
  readonly witness: Witness
  /** The application name of writing sessions. */
  readonly writers: string
  readonly runtime: Runtime
  readonly log: Logger
  readonly outcomeTimeout: number
  readonly explain: (error: unknown) => unknown
}): Commits {
  const { service, address, witness, writers, runtime, log, outcomeTimeout, explain } = options
  const lost = { committed: 0, rolledBack: 0, unknown: 0 }
  /** The end of the last COMMIT that somebody listens to. */
  let told: Promise<void> = Promise.resolve()

  const send = async (connection: Connection, attempt: Attempt): Promise<void> => {
    const silent = (): void => connection.destroy(new Error('Connection terminated: COMMIT was not answered'))
    const watch = runtime.timers.after(COMMITTING, silent)
    try {
      const answer = await connection.command('COMMIT').catch((error: unknown) => {
        if (sqlState(error) === ABORTED) return 'ROLLBACK'
        throw error
      })
      // Nothing was begun, so there was nothing to commit.
      if (attempt.refused() !== undefined) throw attempt.refused()
      // Nothing is committed where a statement failed that nobody waited for.
      if (answer !== 'COMMIT') throw attempt.again()?.error ?? attempt.fatal() ?? new Error(`COMMIT was answered with ${answer}`)
    } finally {
      watch.cancel()
    }
  }

  const findOut = async (
    xid: ReturnType<Attempt['xid']>,
    present: Present | undefined,
    pid: number,
    error: unknown,
  ): Promise<void> => {
    const writer = { name: writers, pid }
    const outcome = await commitOutcome({ xid, present, witness, writer, runtime, timeout: outcomeTimeout })
    lost[outcome]++
    log.warn('The connection was lost during a commit', { service, outcome, error })
    if (outcome === 'unknown') throw unknownOutcome(service, address, error)
    if (outcome === 'rolledBack') throw rolledBack(service, address, error)
  }

  const notify: Commits['notify'] = (listeners) => {
    for (const listener of listeners) {
      try {
        listener()
      } catch (error) {
        log.error('A listener to a commit failed', { service, error })
      }
    }
  }

  const commit: Commits['commit'] = async (connection, attempt, present) => {
    const listeners = attempt.member.onCommit
    // Refused before it was sent: the server knows nothing of it and would commit the rest.
    const fatal = attempt.refused() ?? attempt.fatal()
    if (fatal !== undefined) throw explain(fatal)
    // It was never sent.
    if (connection.broken() !== undefined) throw rolledBack(service, address, connection.broken())
    const before = told
    const settled = Promise.withResolvers<void>()
    if (listeners.length > 0) told = settled.promise
    try {
      // It is to be known before the answer to COMMIT, which may be lost.
      if (attempt.identify()) connection.part()
      await send(connection, attempt).catch(async (error: unknown) => {
        if (attempt.refused() !== undefined) throw explain(attempt.refused())
        if (crossed(error)) throw new Crossed(error)
        if (!endsSession(error)) throw explain(error)
        witness.terminate(connection.pid)
        connection.destroy(error)
        await findOut(attempt.xid(), present, connection.pid, error)
      })
      if (listeners.length === 0) return
      await before
      notify(listeners)
    } finally {
      settled.resolve()
    }
  }

  return { commit, notify, lost }
}
