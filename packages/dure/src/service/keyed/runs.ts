import type { CallContext } from '../../call/call.ts'
import type { CancelListener, ServedInput } from '../../call/internal.ts'
import { CallError } from '../../contract/contract.ts'
import type { SqlTransaction, StoreTransaction } from '../../data/data.ts'
import type { Turn } from './key-queue.ts'
import type { HeldShare } from './held-shares.ts'
import type { Shares } from './shares.ts'
import type { AnyKeyedState } from './definition.ts'
import type { WarmStates } from './warm-states.ts'

/**
 * A handler at work on a key. It has its turn until it has ended; where its call has ended before it (its deadline, its caller), until its
 * transactions have, and it may begin no other: a handler that never ends does not hold up its key for ever.
 */
export type Run = {
  readonly key: string
  readonly place: string
  readonly held: HeldShare
  /** It may begin no transaction any more. */
  over: boolean
  /** Its transactions that have not ended. */
  open: number
  /** It has failed, or it is not known what a transaction of it has come to. */
  failed: boolean
  readonly states: Map<AnyKeyedState, Promise<unknown>>
}

/** What a call of a key comes to: its handler's own end, or that it has not begun here. */
export type Came = { readonly result: unknown } | 'moved' | 'full'

export type Runs = {
  /** Has it run when its turn comes. Resolves as its handler does; never where the call has been ended before its turn. */
  readonly take: (run: Run, call: Pick<ServedInput, 'call' | 'own'>, work: () => unknown) => Promise<Came>
  readonly of: (call: CallContext | undefined) => Run | undefined
  /** What stands around the transactions of a run. */
  readonly around: (run: Run) => AroundTransactions
  /** The state of its key, once this transaction commits. */
  readonly stage: (tx: StoreTransaction, state: AnyKeyedState, value: unknown) => void
}

/** What a call has around its transactions, and does first in each of them. */
export type AroundTransactions = {
  readonly first: (tx: StoreTransaction) => void
  readonly transaction: <T>(begin: () => Promise<T>) => Promise<T>
}

export function createRuns(shares: Shares, warm: ReadonlyMap<AnyKeyedState, WarmStates>): Runs {
  const runs = new WeakMap<CallContext, Run>()
  const staged = new WeakMap<StoreTransaction, { readonly run: Run; readonly values: Map<AnyKeyedState, unknown> }>()
  const ended = new WeakMap<Run, () => void>()

  const endIfDone = (run: Run): void => {
    if (run.over && run.open === 0) ended.get(run)?.()
  }

  const take: Runs['take'] = (run, { call, own }, work) =>
    new Promise((resolve, reject) => {
      const { key, held } = run
      const listener: CancelListener = {
        onCancel: () => {
          run.over = true
          run.failed = true
          endIfDone(run)
        },
      }
      const end = (): void => {
        if (!ended.delete(run)) return
        own.remove(listener)
        if (run.failed) for (const states of warm.values()) states.drop(key)
        held.queue.end(key, turn)
      }
      const settle = (failed: boolean): void => {
        run.over = true
        run.failed ||= failed
        endIfDone(run)
      }
      const begin = async (): Promise<void> => {
        try {
          const result = await work()
          settle(false)
          resolve({ result })
        } catch (error) {
          settle(true)
          reject(error as Error)
        }
      }
      const turn: Turn = {
        begin: () => {
          if (shares.holds(held)) {
            runs.set(call, run)
            void begin()
            return
          }
          resolve('moved')
          // Not from inside of the queue, which may have many of them.
          queueMicrotask(end)
        },
        moved: () => {
          end()
          resolve('moved')
        },
      }
      ended.set(run, end)
      if (!held.queue.enter(key, turn)) {
        ended.delete(run)
        resolve(held.state === 'over' ? 'moved' : 'full')
      } else own.add(listener)
    })

  const around = (run: Run): AroundTransactions => ({
    first: (tx) => {
      const { held } = run
      const values = new Map<AnyKeyedState, unknown>()
      staged.set(tx, { run, values })
      if (shares.records !== undefined) tx.alongside(checkEpoch(shares.records, tx as SqlTransaction, run))
      // What is in memory is what was committed, or nothing: a transaction that does not say it has it loaded anew.
      tx.onCommit(() => {
        for (const [state, states] of warm) {
          if (!values.has(state)) {
            run.states.delete(state)
            states.drop(run.key)
            continue
          }
          run.states.set(state, Promise.resolve(values.get(state)))
          states.put(run.key, held, values.get(state))
        }
      })
    },
    transaction: async (begin) => {
      if (run.over) throw runOver(run)
      run.open++
      try {
        return await begin()
      } catch (error) {
        run.failed = true
        throw error
      } finally {
        run.open--
        endIfDone(run)
      }
    },
  })

  return {
    take,
    of: (call) => call && runs.get(call),
    around,
    stage: (tx, state, value) => {
      const found = staged.get(tx)
      if (found === undefined) throw noRun()
      found.values.set(state, value)
    },
  }
}

/** @throws {CallError} ABORTED when the share is another copy's by now: nothing of the transaction is done then */
async function checkEpoch(records: NonNullable<Shares['records']>, tx: SqlTransaction, { held, place }: Run): Promise<void> {
  if (await records.holds(tx, held)) return
  throw new CallError(
    'ABORTED',
    `A transaction of ${place} was refused: another copy has its key by now, and nothing was written here. To do: repeat the call`,
  )
}

function runOver({ place }: Run): CallError {
  return new CallError(
    'CANCELLED',
    `A transaction of ${place} was refused: its call has ended, and the next one of its key may have begun. To do: nothing`,
    { inside: true },
  )
}

function noRun(): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    'Keeping the state of a key was refused: the transaction is none of a call that has a key. To do: give the `tx` of the database in the context of a keyed operation',
    { inside: true },
  )
}
