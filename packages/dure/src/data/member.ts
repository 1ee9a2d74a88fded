import type { Kysely } from 'kysely'
import { CallError } from '../contract/contract.ts'
import type { SqlRow, SqlValue, SqlTransaction } from './database.ts'

/** One transaction: what its work is given, and what it leaves behind. */
export type Member = {
  readonly tx: SqlTransaction
  readonly beforeCommit: (() => Promise<void>)[]
  readonly onCommit: (() => void)[]
  /** Makes every later use of the transaction an error that gives the reason. */
  readonly end: (reason: string) => void
}

export function createMember(options: {
  readonly all: (sql: string, parameters: readonly SqlValue[]) => Promise<readonly SqlRow[]>
  readonly run: (sql: string, parameters: readonly SqlValue[]) => Promise<number>
  /** Makes the transaction's Kysely, when it is first asked for. `guard` throws once the transaction is over. */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly kysely: (guard: () => void) => Kysely<any>
}): Member {
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
      { inside: true },
    )
  }

  const tx: SqlTransaction = {
    get kysely() {
      return (kysely ??= options.kysely(guard))
    },
    all: async (sql, parameters = []) => {
      guard()
      return options.all(sql, parameters)
    },
    run: async (sql, parameters = []) => {
      guard()
      return options.run(sql, parameters)
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
