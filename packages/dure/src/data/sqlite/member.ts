import type { Kysely } from 'kysely'
import { CallError } from '../../contract/contract.ts'
import type { StoreTransaction } from '../database.ts'
import { kyselyConnection, kyselyTransaction } from './kysely.ts'
import type { Statements } from './statements.ts'

/** One transaction among those that share a commit: what its work is given, and what it leaves behind. */
export type Member = {
  readonly tx: StoreTransaction
  readonly beforeCommit: (() => Promise<void>)[]
  readonly onCommit: (() => void)[]
  /** Makes every later use of the transaction an error that gives the reason. */
  readonly end: (reason: string) => void
}

export function createMember(options: {
  readonly statements: Statements
  /** Every error of a statement passes through it. */
  readonly explain: (error: unknown) => unknown
}): Member {
  const { statements, explain } = options
  const beforeCommit: (() => Promise<void>)[] = []
  const onCommit: (() => void)[] = []
  let over: string | undefined
  // oxlint-disable-next-line typescript/no-explicit-any
  let kysely: Kysely<any> | undefined

  const guard = (): void => {
    if (over === undefined) return
    throw new CallError(
      'FAILED_PRECONDITION',
      `Using a transaction failed: the transaction is over (${over}). To do: await everything that uses it inside its work`,
    )
  }

  const tx: StoreTransaction = {
    get kysely() {
      kysely ??= kyselyTransaction(kyselyConnection({ statements, guard, explain, whole: true }))
      return kysely
    },
    all: async (sql, parameters = []) => {
      guard()
      try {
        return statements.all(sql, parameters)
      } catch (error) {
        throw explain(error)
      }
    },
    run: async (sql, parameters = []) => {
      guard()
      try {
        return Number(statements.run(sql, parameters).changes)
      } catch (error) {
        throw explain(error)
      }
    },
    beforeCommit: (task) => {
      guard()
      beforeCommit.push(task)
    },
    onCommit: (listener) => {
      guard()
      onCommit.push(listener)
    },
  }
  return { tx, beforeCommit, onCommit, end: (reason) => void (over ??= reason) }
}
