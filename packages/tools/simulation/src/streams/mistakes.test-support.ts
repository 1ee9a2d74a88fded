/** Mistakes in how a stream commits, each between the service that runs it and its store. */
import type { SqlTransaction, SqlValue, Store } from 'dure/data'
import type { Simulation } from '../simulation.ts'
import { selling } from './sales.test-support.ts'

type Statement = { readonly sql: string; readonly values: readonly SqlValue[] }
type Between = NonNullable<Simulation['store']>

const MOVE = 'UPDATE dure_stream_positions SET position'

/** Whoever has had a partition goes on with it. */
const withoutFence: Between = (store) => ({
  ...store,
  transaction: (work, options) =>
    store.transaction((tx) => {
      rewrite(tx as SqlTransaction, ({ sql, values }) => {
        if (!sql.startsWith('UPDATE dure_stream_positions')) return { sql, values }
        if (!sql.startsWith(MOVE)) return undefined
        return { sql: sql.replace(' AND broker = ? AND epoch = ?', ''), values: values.slice(0, -2) }
      })
      return work(tx)
    }, options),
})

/** Has a transaction run other statements; undefined: none, and it is told that one row was changed. It stays the same one: its outbox knows it by that. */
function rewrite(tx: SqlTransaction, change: (statement: Statement) => Statement | undefined): void {
  const { run } = tx
  Object.assign(tx, {
    run: async (sql: string, values: Statement['values'] = []) => {
      const statement = change({ sql, values })
      return statement === undefined ? 1 : run.call(tx, statement.sql, statement.values)
    },
  })
}

/** Ends what has told what it would write. */
class Known extends Error {}

/** The position goes in a transaction of its own: before what was made of the events, or behind it. `with`: in the same one, as it should. */
function apart(order: 'before' | 'behind' | 'with'): Between {
  return (store) => {
    const transaction = store.transaction as (
      work: (tx: SqlTransaction) => Promise<unknown>,
      options?: object,
    ) => Promise<unknown>
    const positionOf = async (work: (tx: SqlTransaction) => Promise<unknown>): Promise<Statement | undefined> => {
      let move: Statement | undefined
      const run = (sql: string, values: Statement['values']): never => {
        if (sql.startsWith(MOVE)) move = { sql, values }
        throw new Known()
      }
      // Only what is a stream's commit begins with this: others are not asked what they would do.
      await work(new Proxy({} as SqlTransaction, { get: () => run })).catch(() => {})
      return move
    }
    return {
      ...store,
      transaction: async (work: (tx: SqlTransaction) => Promise<unknown>, options?: { readonly timeout?: number }) => {
        const move = options?.timeout === COMMIT ? await positionOf(work) : undefined
        if (move === undefined) return transaction(work, options)
        if (order === 'with')
          return transaction((tx) => {
            rewrite(tx, (statement) => statement)
            return work(tx)
          }, options)
        const position = (): Promise<unknown> => transaction((tx) => tx.run(move.sql, move.values), { isolated: false })
        if (order === 'before') await position()
        const answer = await transaction(async (tx) => {
          rewrite(tx, withoutMove)
          const made = await work(tx)
          // What was seen is of the position: whoever forgets the one forgets the other.
          if (order === 'behind') await tx.run("DELETE FROM dure_stream_state WHERE part = '/seen'")
          return made
        }, options)
        if (order === 'behind') await position()
        return answer
      },
    } as Store
  }
}

/** The timeout of a stream's commit. */
const COMMIT = 60_000

const withoutMove = (statement: Statement): Statement | undefined => (statement.sql.startsWith(MOVE) ? undefined : statement)

/** What stands between, without the mistake: it is to hold. */
export const sound = (): Simulation => selling({ store: apart('with') })

export const mistakes = {
  'position before state': () => selling({ store: apart('before') }),
  'state before position': () => selling({ store: apart('behind') }),
  'no fence': () => selling({ store: withoutFence }),
  'no idleness': () => selling({ slip: 'no idleness' }),
  'closed early': () => selling({ slip: 'closed early' }),
} as const satisfies Readonly<Record<string, () => Simulation>>

export type StreamMistake = keyof typeof mistakes
