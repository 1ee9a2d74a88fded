import { CallError } from 'dure/contract'
import type { Runtime } from 'dure/runtime'
import type { Branch, Log, Outcome } from './log.ts'
import { openBranch, type BranchSession, type OpenBranch } from './participant.ts'
import { aborted, unanswered, type Database } from './sessions.ts'

export type Coordinator = {
  readonly transaction: <T>(work: (sessions: readonly BranchSession[]) => Promise<T>) => Promise<T>
  readonly stop: () => Promise<void>
}

/** Runs work in all databases, has them prepare it, writes the decision, and tells it to them. */
export function createCoordinator(parts: {
  readonly participants: readonly Database[]
  readonly log: Log
  readonly live: Set<string>
  readonly lockTimeout: number
  readonly timeout: number
  readonly runtime: Runtime
}): Coordinator {
  const { participants, log, live, runtime, ...limits } = parts
  const running = new Set<Promise<unknown>>()
  let stopped = false

  const run = async <T>(work: (sessions: readonly BranchSession[]) => Promise<T>): Promise<T> => {
    const id = runtime.ids.next()
    const branches: OpenBranch[] = []
    live.add(id)
    try {
      await log.check()
      // One after another and always in this order: two that wait for sessions never wait for each other.
      for (const one of participants) branches.push(await openBranch(one, limits))
      const result = await work(branches.map(({ session }) => session)).catch(async (error: unknown) => {
        await Promise.all(branches.map((branch) => branch.rollback()))
        throw error
      })
      await commit(id, branches)
      return result
    } finally {
      live.delete(id)
      for (const branch of branches) branch.release()
    }
  }

  const commit = async (id: string, branches: readonly OpenBranch[]): Promise<void> => {
    const gidOf = (index: number): string => `${log.prefix}${log.epoch}/${id}/${participants[index]!.identity}`
    const prepared = await Promise.allSettled(branches.map((branch, index) => branch.prepare(gidOf(index))))
    const refused = prepared.findIndex(({ status }) => status === 'rejected')
    if (refused >= 0) {
      const { reason } = prepared[refused] as PromiseRejectedResult
      await Promise.all(branches.map((branch, index) => (prepared[index]!.status === 'rejected' ? branch.rollback() : undefined)))
      await undo(branches, gidOf)
      throw aborted(
        `database "${branches[refused]!.name}" refused to prepare it: ${(reason as Error).message}`,
        'mend what it says, or try again where it is passing (a serialization failure, max_prepared_transactions too low)',
        reason,
      )
    }
    const ready = prepared.map((one) => (one as PromiseFulfilledResult<Branch>).value)
    const outcome = await log.decide(id, ready).catch((error: unknown) => decideAnew(id, error, () => undo(branches, gidOf)))
    if (outcome === 'rollback') {
      await undo(branches, gidOf)
      await log.check()
      throw aborted('somebody had it rolled back while it was being committed', 'see dure_2pc_audit, and do it again')
    }
    const done = await Promise.allSettled(ready.map(({ gid }, index) => branches[index]!.finish(gid, 'commit')))
    // What a database does not hear now it hears by the recovery, and so does the log that nothing is left to be done.
    if (done.every((one) => one.status === 'fulfilled' && one.value === 'done')) await log.forget(id).catch(() => {})
  }

  /** The log did not take it, or did not say. In the second case it is asked once, in such a way that it says no from then on. */
  const decideAnew = async (id: string, error: unknown, undoAll: () => Promise<unknown>): Promise<Outcome> => {
    if (unanswered(error)) {
      const said = await log.outcomeOf(id, log.epoch).catch(() => undefined)
      if (said !== undefined) return said
      throw new CallError(
        'UNKNOWN',
        `Committing two-phase transaction "${id}" has an unknown outcome: the coordinator's log went away while the decision was written. ` +
          'Its databases keep it prepared, with its locks. To do: bring the log back; then it ends by itself. See: dure 2pc list',
        { cause: error, details: { transaction: id }, inside: true },
      )
    }
    await undoAll()
    throw aborted(`the coordinator's log did not take it: ${(error as Error).message}`, 'mend the log', error)
  }

  /** Where that fails, the recovery does it. */
  const undo = (branches: readonly OpenBranch[], gidOf: (index: number) => string): Promise<unknown> =>
    Promise.allSettled(branches.map((branch, index) => branch.finish(gidOf(index), 'rollback')))

  return {
    transaction: async <T>(work: (sessions: readonly BranchSession[]) => Promise<T>): Promise<T> => {
      if (stopped) throw new CallError('UNAVAILABLE', 'A two-phase transaction failed: its coordinator has been stopped')
      const one = run(work)
      running.add(one)
      try {
        return await one
      } finally {
        running.delete(one)
      }
    },
    stop: async (): Promise<void> => {
      stopped = true
      await Promise.allSettled(running)
    },
  }
}
