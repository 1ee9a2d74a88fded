/** Two-phase commit over databases of PostgreSQL: one transaction in several of them. Beside it stands the saga, which locks nothing. */
import { CallError } from 'dure/contract'
import { realRuntime, type Runtime } from 'dure/runtime'
import { silentLogger, type Logger } from 'dure/telemetry'
import { createCoordinator } from './coordinator.ts'
import { openLog } from './log.ts'
import { checkParticipant, type BranchSession } from './participant.ts'
import { createRecovery, repeat, type Recovered } from './recovery.ts'
import { openDatabase, type Database, type DatabaseConfig } from './sessions.ts'

export { listInDoubt, resolveInDoubt, type InDoubt, type Resolved } from './in-doubt.ts'
export type { BranchSession } from './participant.ts'
export type { Recovered } from './recovery.ts'
export type { DatabaseConfig } from './sessions.ts'

export type TwoPhaseOptions<D extends readonly DatabaseConfig[]> = {
  /** The coordinator's name, a-z, 0-9 and -; one process each: who opens it anew takes over from the one before. */
  readonly name: string
  /** At least two; all as the roles that do the work. */
  readonly databases: D
  /** Where decisions are written; default the first database. Without it nothing is begun and nothing in doubt is ended. */
  readonly log?: DatabaseConfig
  /** Milliseconds that a branch waits for a lock: no server sees a deadlock that goes through two. Default 5,000. */
  readonly lockTimeout?: number
  /** Milliseconds after which a server that does not answer is held for gone. Default 10,000. */
  readonly timeout?: number
  /** Milliseconds between two looks at what is in doubt. Default 2,000. */
  readonly recoverEvery?: number
  readonly logger?: Logger
  readonly runtime?: Runtime
}

export type TwoPhase<D extends readonly DatabaseConfig[]> = {
  /**
   * Runs the work with a session for each database and commits in all of them or in none. Resolves when it is decided: a
   * database that went away since follows as soon as it is back.
   * @throws {CallError} ABORTED when nothing is kept; UNKNOWN when the log went away while it was written, until it is back
   * @throws what the work throws; then nothing is kept
   */
  readonly transaction: <T>(work: (sessions: { readonly [K in keyof D]: BranchSession }) => Promise<T>) => Promise<T>
  /** Ends what is in doubt of this coordinator and of those before it, as the log says; it also does so by itself. */
  readonly recover: () => Promise<Recovered>
  /** Waits for the transactions that are under way. */
  readonly stop: () => Promise<void>
}

/**
 * A coordinator. It ends what the one before left in doubt, and goes on.
 * @throws {CallError} FAILED_PRECONDITION for servers with `max_prepared_transactions` 0; as opening a store does for others
 *
 * @example
 * ```ts
 * import { startServer } from '@dure/postgres/server'
 * import { twoPhase } from '@dure/postgres/two-phase'
 *
 * const [bank, shop] = await Promise.all([1, 2].map(() => startServer({ settings: { max_prepared_transactions: 8 } })))
 * const transfers = await twoPhase({ name: 'transfers', databases: [bank!.url(), shop!.url()] })
 * const paid = await transfers.transaction(async ([inBank, inShop]) => {
 *   await inBank.query('CREATE TABLE payments (id INT)')
 *   await inShop.query('CREATE TABLE orders (id INT)')
 *   return 'in both, or in neither'
 * })
 * console.log(paid) // → in both, or in neither
 * await transfers.stop()
 * await Promise.all([bank!.close(), shop!.close()])
 * ```
 */
export async function twoPhase<const D extends readonly DatabaseConfig[]>(options: TwoPhaseOptions<D>): Promise<TwoPhase<D>> {
  const { name, databases, timeout = 10_000, lockTimeout = 5_000, recoverEvery = 2_000 } = options
  const { logger = silentLogger(), runtime = realRuntime() } = options
  refuseMisuse(options)
  const opened: Database[] = []
  const open = async (config: DatabaseConfig, max?: number): Promise<Database> => {
    const made = await openDatabase(config, timeout, max)
    opened.push(made)
    return made
  }
  const end = (): Promise<unknown> => Promise.all(opened.map((one) => one.end()))
  try {
    const participants: Database[] = []
    for (const config of databases) participants.push(await open(config))
    for (const one of participants) await checkParticipant(one)
    refuseTwice(participants)
    const log = await openLog(await open(options.log ?? databases[0]!), name)
    /** What is under way here and now is nobody else's to end. */
    const live = new Set<string>()
    const recovery = createRecovery({ participants, log, live, logger })
    const coordinator = createCoordinator({ participants, log, live, lockTimeout, timeout, runtime })
    await recovery()
    const repeated = repeat(recovery, recoverEvery, runtime, logger)
    let stopping: Promise<void> | undefined
    const stop = async (): Promise<void> => {
      await coordinator.stop()
      await repeated.stop()
      await end()
    }
    return {
      transaction: coordinator.transaction as TwoPhase<D>['transaction'],
      recover: repeated.now,
      stop: () => (stopping ??= stop()),
    }
  } catch (error) {
    await end()
    throw error
  }
}

function refuseMisuse({ name, databases }: TwoPhaseOptions<readonly DatabaseConfig[]>): void {
  const wrong = !/^[a-z0-9-]{1,40}$/.test(name)
    ? `its name is "${name}". To do: give one of 1 to 40 of a-z, 0-9 and -`
    : databases.length < 2
      ? `it has ${databases.length} database. To do: give at least two; in one, a transaction of its own does it`
      : undefined
  if (wrong !== undefined) throw new CallError('INVALID_ARGUMENT', `Opening a two-phase coordinator failed: ${wrong}`)
}

function refuseTwice(participants: readonly Database[]): void {
  const twice = participants.find(({ identity }, index) => participants.findIndex((one) => one.identity === identity) < index)
  if (twice === undefined) return
  throw new CallError(
    'INVALID_ARGUMENT',
    `Opening a two-phase coordinator failed: database "${twice.name}" is given twice. To do: give it once; both parts are one transaction there`,
  )
}
