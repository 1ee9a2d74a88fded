import { CallError } from 'dure/contract'

/** Transactions belong to the store and sessions to the pool: SQL that would take them over is refused. */
const OWN =
  /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*(begin|start|commit|end|rollback|abort|savepoint|release|prepare|deallocate|set|reset|discard|listen|unlisten|vacuum|copy)\b/i

export function checkOwn(sql: string): void {
  const word = OWN.exec(sql)?.[1]?.toUpperCase()
  if (word === undefined) return
  throw new CallError(
    'FAILED_PRECONDITION',
    `Running "${word}" failed: ${ADVICE[word] ?? 'transactions are begun and ended by `database.transaction` alone; throw inside it to roll back'}`,
    { inside: true },
  )
}

const SESSION = 'connections belong to the store and go from one transaction to the next'
const ADVICE: Readonly<Record<string, string>> = {
  SET: `${SESSION}; give the service's role the setting (ALTER ROLE … SET …), or use set_config(…, …, true)`,
  RESET: SESSION,
  DISCARD: SESSION,
  PREPARE: SESSION,
  DEALLOCATE: SESSION,
  LISTEN: `${SESSION}; subscribe to events instead`,
  UNLISTEN: SESSION,
  VACUUM: 'it cannot run in a transaction; leave it to autovacuum, or run it with psql',
  COPY: 'the connection is not made for it; use INSERT, or psql',
}

/**
 * Names for prepared statements, the same on every connection. A text gets one when it is seen the second time, so that
 * what is run once is not kept for ever, and the first so many do.
 */
export type StatementNames = {
  readonly of: (sql: string) => string | undefined
  /** After a table has changed under a prepared statement, it needs another name. */
  readonly forget: (sql: string) => void
}

export function createNames(capacity = 512): StatementNames {
  const names = new Map<string, string>()
  let once = new Set<string>()
  let count = 0
  return {
    of: (sql) => {
      const name = names.get(sql)
      if (name !== undefined || names.size >= capacity) return name
      if (!once.has(sql)) {
        if (once.size >= capacity) once = new Set()
        once.add(sql)
        return undefined
      }
      once.delete(sql)
      const given = `dure_${++count}`
      names.set(sql, given)
      return given
    },
    forget: (sql) => void names.delete(sql),
  }
}

/** A table has changed under a statement that was prepared: its rows would look otherwise now. */
export function planChanged(error: unknown): boolean {
  // By where the server says it: the words may be of another language.
  return error instanceof Error && (error as { routine?: unknown }).routine === 'RevalidateCachedQuery'
}
