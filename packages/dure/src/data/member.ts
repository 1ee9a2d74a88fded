import type { Kysely } from 'kysely'
import type { SqlRow, SqlTransaction, SqlValue, StoreTransaction } from './database.ts'
import type { StatementCounts } from './transaction.ts'
import { transactionOver } from './errors.ts'

/** One transaction: what its work is given, and what it leaves behind. */
export type Member<Tx extends StoreTransaction = SqlTransaction> = {
  readonly tx: Tx
  readonly beforeCommit: (() => Promise<void>)[]
  readonly onCommit: (() => void)[]
  /** Resolves when all is answered that the work did not wait for. @throws what failed of it */
  readonly answered: () => Promise<unknown>
  /** Why the transaction may not commit; undefined as long as nothing of that has failed. */
  readonly spoiled: () => { readonly error: unknown } | undefined
  /** Makes every later use of the transaction an error that gives the reason. */
  readonly end: (reason: string) => void
}

/** @param make what this transaction has of its own; `guard` throws once it is over */
export function createMemberOf<Tx extends StoreTransaction>(
  make: (guard: () => void) => Omit<Tx, keyof StoreTransaction> & Pick<Tx, 'client' | 'counts'>,
): Member<Tx> {
  const beforeCommit: (() => Promise<void>)[] = []
  const onCommit: (() => void)[] = []
  const alongside: Promise<unknown>[] = []
  let spoiled: { readonly error: unknown } | undefined
  let over: string | undefined
  const guard = (): void => {
    if (over !== undefined) throw transactionOver(over)
  }
  const joined: StoreTransaction = {
    beforeCommit: (task) => {
      guard()
      beforeCommit.push(task)
    },
    alongside: (answer) => {
      guard()
      alongside.push(answer)
      answer.catch((error: unknown) => (spoiled ??= { error }))
    },
    onCommit: (listener) => {
      guard()
      onCommit.push(listener)
    },
  }
  return {
    ...{ tx: Object.assign(make(guard), joined) as Tx, beforeCommit, onCommit, spoiled: () => spoiled },
    answered: () => Promise.all(alongside),
    end: (reason) => void (over ??= reason),
  }
}

/** A transaction of a store that speaks SQL. */
export function createMember(options: {
  readonly all: (sql: string, parameters: readonly SqlValue[]) => Promise<readonly SqlRow[]>
  readonly run: (sql: string, parameters: readonly SqlValue[]) => Promise<number>
  /**
   * Makes the transaction's Kysely, when it is first asked for. `guard` throws once the transaction is over; what it runs is
   * to be added to `counts`.
   */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly kysely: (guard: () => void, counts: StatementCounts) => Kysely<any>
}): Member {
  const counts: StatementCounts = { statements: 0, rows: 0 }
  const count = (rows: number): void => {
    counts.statements++
    counts.rows += rows
  }
  // oxlint-disable-next-line typescript/no-explicit-any
  let kysely: Kysely<any> | undefined
  return createMemberOf<SqlTransaction>((guard) => ({
    get kysely() {
      return (kysely ??= options.kysely(guard, counts))
    },
    all: async (sql, parameters = []) => {
      guard()
      const rows = await options.all(sql, parameters)
      count(rows.length)
      return rows
    },
    run: async (sql, parameters = []) => {
      guard()
      const changed = await options.run(sql, parameters)
      count(changed)
      return changed
    },
    counts,
  }))
}
