import { AsyncLocalStorage } from 'node:async_hooks'
import type { Runtime } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { Store, StoreTransaction } from './database.ts'
import { closed, full, nested, readClosed, unusableTimeout } from './errors.ts'
import { createExecution, type Job } from './execution.ts'
import { createMemberOf } from './member.ts'

/** A transaction with a store's own client in it. */
export type ClientTransaction<Client> = StoreTransaction & { readonly client: Client }

export type SerialTransactions<Client> = {
  readonly transaction: Store<ClientTransaction<Client>>['transaction']
  /** Throws once the store is closed: for those who read. */
  readonly guard: () => void
  /** Takes nothing new and ends those that were begun; after `timeout` milliseconds it rolls them back. */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

/** Milliseconds that a transaction may take when it does not say, and how many may wait. */
const [TIMEOUT, WAITING] = [5_000, 10_000]

/**
 * The transactions of an exclusive store of another kind, one after another in the order they were begun: their time, their
 * listeners and their refusals are as those of every store, and the adapter only begins, commits and rolls back.
 *
 * @param options.begin begins one; `guard` throws when its client is used after its end. Rejected, or thrown, the
 * transaction has failed
 *
 * @example
 * ```ts
 * import { serialTransactions } from 'dure/data/adapter'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 *
 * let committed: readonly string[] = []
 * const { transaction } = serialTransactions({
 *   ...{ service: 'letters', runtime: realRuntime(), log: silentLogger() },
 *   begin: (guard) => {
 *     const own = [...committed]
 *     const client = { push: (text: string) => (guard(), own.push(text)) }
 *     return { client, commit: () => void (committed = own), rollback: () => {} }
 *   },
 * })
 * await transaction(async ({ client }) => client.push('Dear reader'))
 * console.log(committed) // → [ 'Dear reader' ]
 * ```
 */
export function serialTransactions<Client>(options: {
  readonly service: string
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  readonly log: Logger
  readonly begin: (guard: () => void) => {
    readonly client: Client
    readonly commit: () => void | Promise<void>
    readonly rollback: () => void | Promise<void>
  }
}): SerialTransactions<Client> {
  type Tx = ClientTransaction<Client>
  const { service, runtime, log, begin } = options
  const waiting: Job<Tx>[] = []
  let running: Promise<void> | undefined
  let arrivals = 0
  let state: 'open' | 'stopping' | 'closed' = 'open'
  const execution = createExecution<Tx>({ service, runtime, arrivals: () => arrivals })

  const run = async (job: Job<Tx>): Promise<void> => {
    let begun: ReturnType<typeof begin> | undefined
    const member = createMemberOf<Tx>((guard) => {
      begun = begin(guard)
      return { client: begun.client } as Omit<Tx, 'beforeCommit' | 'onCommit'>
    })
    const { ok, value } = await execution.run(job, member)
    member.end(ok ? 'its work has returned' : 'its work has failed')
    await (ok ? begun!.commit() : begun!.rollback())
    if (!ok) throw value
    for (const listener of member.onCommit) notify(listener)
    job.resolve(value)
  }

  const runAll = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) await run(job).catch(job.reject)
    execution.rest()
    running = undefined
  }

  const notify = (listener: () => void): void => {
    try {
      listener()
    } catch (error) {
      log.error('A listener to a commit failed', { service, error })
    }
  }

  const cutAllOff = (): void => {
    for (const { reject } of waiting.splice(0)) reject(closed(service))
    execution.cutOff()
  }

  return {
    transaction: <T>(work: (tx: Tx) => Promise<T>, { timeout = TIMEOUT }: { readonly timeout?: number } = {}): Promise<T> => {
      const unusable = unusableTimeout(service, timeout)
      if (unusable !== undefined) return Promise.reject(unusable)
      if (state !== 'open') return Promise.reject(closed(service))
      if (execution.inside()) return Promise.reject(nested(service))
      if (waiting.length >= WAITING) return Promise.reject(full(service, WAITING))
      arrivals++
      return new Promise<T>((resolve, reject) => {
        const context = AsyncLocalStorage.snapshot()
        waiting.push({ context, work, timeout, resolve: resolve as Job<Tx>['resolve'], reject })
        running ??= Promise.resolve().then(runAll)
      })
    },
    guard: () => {
      if (state === 'closed') throw readClosed(service)
    },
    stop: async ({ timeout } = {}) => {
      if (state === 'open') state = 'stopping'
      const late = timeout === undefined ? undefined : runtime.timers.after(timeout, cutAllOff, 'waited')
      await running
      late?.cancel()
      state = 'closed'
    },
  }
}
