import { CallError, type Message } from '../contract/contract.ts'
import type { SqlRow, Store, StoreTransaction } from '../data/data.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { rowOf } from './parked-rows.ts'

/** One service's dead letters, for people: looked at in groups, retried, discarded, edited. Every change leaves a row of audit. */
export type DeadLetters = {
  /** Dead letters that failed alike: same reaction, same error. Most first. */
  readonly groups: () => Promise<readonly DeadLetterGroup[]>
  /** At most `limit` (default 100) of one reaction and error, or of all; oldest first. */
  readonly list: (filter?: DeadLetterFilter & { readonly limit?: number }) => Promise<readonly DeadLetter[]>
  /** Gives them a fresh set of attempts, in order of their keys; answers how many. */
  readonly retry: (filter?: DeadLetterFilter, by?: string) => Promise<number>
  /** Takes them out for good; what was held behind them goes on. Answers how many. */
  readonly discard: (filter: DeadLetterFilter, reason: string, by?: string) => Promise<number>
  /**
   * Replaces the data (JSON text) of one dead letter; it stays dead until it is retried.
   * @throws {CallError} INVALID_ARGUMENT when that is not JSON, NOT_FOUND when there is no such dead letter
   */
  readonly edit: (
    letter: { readonly consumer: string; readonly messageId: string },
    data: string,
    reason: string,
    by?: string,
  ) => Promise<void>
}

/** What is left out matches all. */
export type DeadLetterFilter = {
  /** `<service>/<reaction>`. */
  readonly consumer?: string
  /** First line of the error. */
  readonly error?: string
  readonly messageIds?: readonly string[]
}

export type DeadLetterGroup = {
  readonly consumer: string
  readonly error: string
  readonly count: number
  /** Milliseconds since the epoch. */
  readonly firstFailure: number
  readonly lastFailure: number
}

export type DeadLetter = {
  readonly consumer: string
  readonly message: Message
  /** First line of the error, by which letters are grouped; and all of it. */
  readonly error: string
  readonly detail: string
  readonly attempts: number
  readonly firstFailure: number
  readonly lastFailure: number
  /** Messages of its key that wait behind it. */
  readonly held: number
}

const LINE = 'CASE WHEN instr(error, char(10)) > 0 THEN substr(error, 1, instr(error, char(10)) - 1) ELSE error END'
const LINE_POSTGRES = 'split_part(error, chr(10), 1)'

/** @param options.changed told after every change, so that a consumer in this process looks at its table again */
export function deadLetters(options: { store: Store; runtime: Runtime; changed?: () => void }): DeadLetters {
  const { store, runtime, changed } = options
  const line = store.dialect === 'sqlite' ? LINE : LINE_POSTGRES

  const where = ({ consumer, error, messageIds }: DeadLetterFilter): { sql: string; parameters: string[] } => {
    const parts = ["state = 'dead'"]
    const parameters: string[] = []
    if (consumer !== undefined) {
      parts.push('consumer = ?')
      parameters.push(consumer)
    }
    if (error !== undefined) {
      parts.push(`${line} = ?`)
      parameters.push(error)
    }
    if (messageIds !== undefined) {
      parts.push(`message_id IN (${messageIds.map(() => '?').join(', ') || 'NULL'})`)
      parameters.push(...messageIds)
    }
    return { sql: parts.join(' AND '), parameters }
  }

  const audit = (tx: StoreTransaction, filter: DeadLetterFilter, action: string, reason: string, by: string): Promise<number> => {
    const { sql, parameters } = where(filter)
    return tx.run(
      `INSERT INTO dure_parked_audit (at, consumer, message_id, action, reason, actor, error, message)
       SELECT ?, consumer, message_id, ?, ?, ?, error, message FROM dure_parked WHERE ${sql}`,
      [runtime.clock.now(), action, reason, by, ...parameters],
    )
  }

  /** Runs a change with its audit in one transaction, and tells the consumer when it is durable. */
  const change = async <T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T> => {
    const result = await store.transaction(work)
    changed?.()
    return result
  }

  return {
    groups: async () => {
      const rows = await store.select(
        `SELECT consumer, ${line} AS error, count(*) AS count, min(first_failure) AS first_failure, max(last_failure) AS last_failure
         FROM dure_parked WHERE state = 'dead' GROUP BY consumer, ${line} ORDER BY count(*) DESC`,
      )
      return rows.map((row) => ({
        consumer: String(row['consumer']),
        error: String(row['error']),
        count: Number(row['count']),
        firstFailure: Number(row['first_failure']),
        lastFailure: Number(row['last_failure']),
      }))
    },
    list: async ({ limit = 100, ...filter } = {}) => {
      const { sql, parameters } = where(filter)
      const rows = await store.select(
        `SELECT dead.*, (SELECT count(*) - 1 FROM dure_parked AS behind WHERE behind.consumer = dead.consumer AND behind.key = dead.key) AS held
         FROM dure_parked AS dead WHERE ${sql} ORDER BY consumer, sequence LIMIT ?`,
        [...parameters, limit],
      )
      return rows.map(letterOf)
    },
    retry: (filter = {}, by = '') =>
      change(async (tx) => {
        const { sql, parameters } = where(filter)
        await audit(tx, filter, 'retry', '', by)
        return tx.run(`UPDATE dure_parked SET state = 'waiting', started = 0, finished = 0, next_at = 0 WHERE ${sql}`, parameters)
      }),
    discard: (filter, reason, by = '') =>
      change(async (tx) => {
        const { sql, parameters } = where(filter)
        await audit(tx, filter, 'discard', reason, by)
        return tx.run(`DELETE FROM dure_parked WHERE ${sql}`, parameters)
      }),
    edit: async ({ consumer, messageId }, data, reason, by = '') => {
      checkJson(messageId, data)
      await change(async (tx) => {
        const filter = { consumer, messageIds: [messageId] }
        const { sql, parameters } = where(filter)
        const [row] = await tx.all(`SELECT message FROM dure_parked WHERE ${sql}`, parameters)
        if (!row)
          throw new CallError(
            'NOT_FOUND',
            `Cannot edit dead letter "${messageId}" of "${consumer}": there is no such dead letter`,
          )
        await audit(tx, filter, 'edit', reason, by)
        const message = JSON.stringify({ ...(JSON.parse(String(row['message'])) as Message), data })
        await tx.run(`UPDATE dure_parked SET message = ? WHERE ${sql}`, [message, ...parameters])
      })
    },
  }
}

function letterOf(row: SqlRow): DeadLetter {
  const { consumer, message, error, finished, firstFailure = 0, lastFailure = 0 } = rowOf(row)
  return {
    consumer,
    message,
    error: error.split('\n', 1)[0]!,
    detail: error,
    attempts: finished,
    firstFailure,
    lastFailure,
    held: Number(row['held']),
  }
}

function checkJson(messageId: string, data: string): void {
  try {
    JSON.parse(data)
  } catch (error) {
    throw new CallError(
      'INVALID_ARGUMENT',
      `Cannot edit dead letter "${messageId}": the new data are not JSON (${(error as Error).message})`,
    )
  }
}
