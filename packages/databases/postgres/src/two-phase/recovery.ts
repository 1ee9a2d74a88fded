import { isInstance } from 'dure/contract/internal'
import { CallError } from 'dure/contract'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { Log } from './log.ts'
import { finish, preparedIn, wasCommitted } from './participant.ts'
import type { Database } from './sessions.ts'

export type Recovered = {
  readonly committed: number
  readonly rolledBack: number
  /** Databases that could not be asked. */
  readonly unreachable: readonly string[]
  /**
   * Decided to be committed, and a database has nothing of it: somebody ended it by hand there, or restored a backup. It has
   * to be mended by people, who then say so with `dure 2pc resolve … --force forget`.
   */
  readonly damaged: readonly { readonly transaction: string; readonly database: string }[]
}

/** Ends what is in doubt: commits what the log has decided, and rolls back what it has not. */
export function createRecovery(parts: {
  readonly participants: readonly Database[]
  readonly log: Log
  readonly live: ReadonlySet<string>
  readonly logger: Logger
}): () => Promise<Recovered> {
  const { participants, log, live, logger } = parts
  const told = new Set<string>()
  return async () => {
    await log.check()
    const before = new Set(live)
    /** What is read below may have been under way before, or since. */
    const ours = (transaction: string, epoch: bigint): boolean =>
      epoch < log.epoch || (epoch === log.epoch && !before.has(transaction) && !live.has(transaction))
    const counts = { commit: 0, rollback: 0 }
    const unreachable = new Set<string>()
    const damaged: { transaction: string; database: string }[] = []
    const failed = (one: Database, error: unknown): void => {
      unreachable.add(one.name)
      logger.warn('A database cannot end a two-phase transaction; it is tried again', { database: one.name, error })
    }

    for (const { transaction, epoch, branches } of await log.decisions()) {
      if (!ours(transaction, epoch)) continue
      let left = branches.length
      for (const { database, name, gid, xid } of branches) {
        const one = participants.find(({ identity }) => identity === database)
        try {
          if (one === undefined) unreachable.add(name)
          else if ((await finish(one, gid, 'commit')) === 'done') [left, counts.commit] = [left - 1, counts.commit + 1]
          else if (await wasCommitted(one, xid)) left--
          else damaged.push({ transaction, database: name })
        } catch (error) {
          failed(one!, error)
        }
      }
      if (left === 0) await log.forget(transaction)
    }
    for (const one of participants) {
      try {
        for (const gid of await preparedIn(one, log.prefix)) {
          const [epoch = '', transaction = ''] = gid.slice(log.prefix.length).split('/')
          if (!ours(transaction, BigInt(epoch))) continue
          const outcome = await log.outcomeOf(transaction, BigInt(epoch))
          if ((await finish(one, gid, outcome)) === 'done') counts[outcome]++
        }
      } catch (error) {
        failed(one, error)
      }
    }
    for (const { transaction, database } of damaged) {
      if (told.has(transaction)) continue
      told.add(transaction)
      logger.error(
        `Two-phase transaction "${transaction}" was decided to be committed, and database "${database}" has nothing of it: ` +
          'somebody ended it there by hand, or restored a backup. To do: mend the data, then: dure 2pc resolve --force forget',
        { transaction, database },
      )
    }
    return { committed: counts.commit, rolledBack: counts.rollback, unreachable: [...unreachable], damaged }
  }
}

/** One at a time, and again after a while. */
export function repeat(
  recover: () => Promise<Recovered>,
  every: number,
  { timers }: Runtime,
  logger: Logger,
): { readonly now: () => Promise<Recovered>; readonly stop: () => Promise<void> } {
  let stopped = false
  let last: Promise<unknown> = Promise.resolve()
  const now = (): Promise<Recovered> => {
    const next = last.then(recover)
    last = next.catch(() => {})
    return next
  }
  const again = () =>
    timers.after(every, () => {
      void now()
        .catch((error: unknown) => {
          // Who took over ends what is left.
          stopped ||= isInstance(error, CallError) && error.code === 'FAILED_PRECONDITION'
          logger.warn(stopped ? String(error) : 'The log of two-phase commit cannot be asked; it is tried again', { error })
        })
        .finally(() => {
          if (!stopped) timer = again()
        })
    })
  let timer = again()
  return {
    now,
    stop: async (): Promise<void> => {
      stopped = true
      timer.cancel()
      await last
    },
  }
}
