import type { Cancellation } from '../call/internal.ts'
import { invalidOutput } from '../call/internal.ts'
import { CallError, DeclaredError, type AnyOperation } from '../contract/contract.ts'
import { parserOf, throwInside } from '../contract/internal.ts'
import type { CommandKey, CommandRun, Store, StoreTransaction } from '../data/data.ts'
import { bodyOf, type Body } from './answers.ts'

/** What the transactions of a handler have to do with the key of its call. */
export type KeyedTransactions = {
  /**
   * Writes the mark; called inside every transaction of a handler whose call carries a key.
   * @throws {CallError} ABORTED when another run of the key has committed
   */
  readonly mark: (tx: StoreTransaction, call: MarkedCall) => Promise<void>
  /** The handler says its answer in a transaction. @throws {CallError} when it does not match the contract, or there is one */
  readonly answer: (tx: StoreTransaction, call: MarkedCall, value: unknown) => Promise<void>
  /** The handler has begun a transaction, … */
  readonly began: <T>(call: MarkedCall, transaction: Promise<T>) => Promise<T>
  /** … whose work has come to this. */
  readonly cameTo: (tx: StoreTransaction, call: MarkedCall, value: unknown) => Promise<void>
}

/** A call whose transactions carry the mark of its key. */
export type MarkedCall = { readonly operation: string; readonly key: string; readonly own: Cancellation | undefined }

/** One handler at work on a key. */
export type Run = {
  /** Kept in the mark until there is an answer: who wrote it. */
  readonly id: string
  readonly fingerprint: string
  readonly definition: AnyOperation
  readonly held: number
  /** Resolves when nobody has to wait for it any more: with an answer for all, or with none. */
  readonly outcome: Promise<Answer | undefined>
  /** It has committed something. */
  committed: boolean
  /** What it was told when another run had committed. */
  conflict: CallError | undefined
  /** The transactions that its handler has begun, and what it has returned so far: a promise as a rule. */
  readonly transactions: Promise<unknown>[]
  returned: unknown
  /** What has been committed as its answer, and made from which value. */
  answered: (Body & { readonly value: unknown }) | undefined
}

export type Answer = { readonly value: unknown } | { readonly refusal: DeclaredError }

/** @param runs all that may still write */
export function keyedTransactions(options: {
  readonly store: Store
  readonly service: string
  readonly runs: { readonly get: (own: Cancellation) => Run | undefined }
}): KeyedTransactions {
  const { store, service, runs } = options
  const records = store.records.idempotency

  /** Keeps an answer with its effect; false when there is one. */
  const keep = async (tx: StoreTransaction, call: MarkedCall, mine: Run, value: unknown, body: Body): Promise<boolean> => {
    const written = await records.answer(tx, { ...runOf(store, call, mine), ...body }).catch(throwInside)
    if (written) tx.onCommit(() => (mine.answered = { ...body, value }))
    return written
  }

  return {
    mark: async (tx, { operation, key, own }) => {
      const mine = own && runs.get(own)
      if (mine === undefined) return
      if (mine.answered !== undefined) throw answeredBefore(`${service}.${operation}`)
      // A handler may have several transactions: the mark of its first is its own.
      const committed = await records.commit(tx, runOf(store, { operation, key }, mine)).catch(throwInside)
      tx.onCommit(() => (mine.committed = true))
      if (!committed) throw (mine.conflict = overtaken(`${service}.${operation}`, key))
    },
    answer: async (tx, call, value) => {
      const mine = call.own && runs.get(call.own)
      if (mine === undefined) return
      const place = `${service}.${call.operation}`
      const parsed = value instanceof DeclaredError ? undefined : await parserOf(mine.definition.output, 'output')(value)
      if (parsed?.ok === false) throw invalidOutput(place, parsed.issues)
      if (!(await keep(tx, call, mine, value, bodyOf(mine.definition, value)))) throw answeredBefore(place)
    },
    began: ({ own }, transaction) => {
      if (own !== undefined) runs.get(own)?.transactions.push(transaction)
      return transaction
    },
    cameTo: async (tx, call, value) => {
      const mine = call.own && runs.get(call.own)
      if (mine?.transactions.length !== 1 || mine.transactions[0] !== mine.returned) return
      let body: Body
      try {
        body = bodyOf(mine.definition, value)
      } catch {
        // It is no answer, as its caller will hear.
        return
      }
      await keep(tx, call, mine, value, body)
    },
  }
}

export function runOf(store: Store, { operation, key }: CommandKey, mine: Run): CommandRun {
  const { id, fingerprint, held } = mine
  return { operation, key, fingerprint, run: id, owner: store.member, held }
}

function overtaken(place: string, key: string): CallError {
  return new CallError(
    'ABORTED',
    `Call to ${place} was ended: another call with idempotency key "${ownWords(key)}" was carried out meanwhile; repeat it to hear what that one was answered`,
  )
}

function answeredBefore(place: string): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `A transaction of ${place} was refused: the answer of its call has been committed. To do: answer once, in the last transaction of the handler`,
    { inside: true },
  )
}

/** The caller's own words of it. */
export function ownWords(remembered: string): string {
  return remembered.startsWith('[') ? String((JSON.parse(remembered) as unknown[]).at(-1)) : remembered
}
