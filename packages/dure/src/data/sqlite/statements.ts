import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { CallError } from '../../contract/contract.ts'
import type { SqlRow, SqlValue } from '../database.ts'
import { unholdable } from '../errors.ts'

/** One connection's prepared statements, the least recently used ones given up beyond `capacity`. */
export type Statements = {
  /** Runs a statement that may answer with rows. */
  readonly all: (sql: string, parameters: readonly unknown[]) => SqlRow[]
  /** Runs a statement for what it changes. */
  readonly run: (sql: string, parameters: readonly unknown[]) => Changes
  /** Whether the statement answers with rows. */
  readonly answers: (sql: string) => boolean
  /** Rows one by one, from a statement of its own, so that the same SQL may run meanwhile. */
  readonly iterate: (sql: string, parameters: readonly unknown[]) => IterableIterator<SqlRow>
}

export type Changes = { readonly changes: number | bigint; readonly lastInsertRowid: number | bigint }

/** Shared by a store's connections: changes when tables do, so that no connection trusts stale column names. */
export type SchemaVersion = { value: number }

type Prepared = {
  readonly statement: StatementSync
  readonly answers: boolean
  /** Known after the first run: until then the connection may not have noticed that a table changed. */
  columns: readonly string[] | undefined
}

/** Transactions belong to the writer and connections to the store: SQL that would take them over is refused. */
const OWN =
  /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*(begin|commit|end|rollback|savepoint|release|attach|detach|vacuum|pragma)\b/i
const SCHEMA = /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*(create|alter|drop|reindex)\b/i

export function createStatements(options: { db: DatabaseSync; schema: SchemaVersion; capacity?: number }): Statements {
  const { db, schema, capacity = 256 } = options
  const cache = new Map<string, Prepared>()
  let seen = schema.value

  const prepare = (sql: string): Prepared => {
    const own = OWN.exec(sql)
    if (own !== null) throw refusal(own[1]!)
    // Rows as arrays: objects are made here, with the usual prototype, in half the time.
    const statement = db.prepare(sql, { returnArrays: true })
    return { statement, answers: statement.columns().length > 0, columns: undefined }
  }

  const get = (sql: string): Prepared => {
    if (seen !== schema.value) {
      cache.clear()
      seen = schema.value
    }
    let prepared = cache.get(sql)
    if (prepared === undefined) {
      prepared = prepare(sql)
      if (SCHEMA.test(sql)) {
        schema.value++
        return prepared
      }
      if (cache.size >= capacity) cache.delete(cache.keys().next().value!)
    } else if (cache.size > capacity / 2) {
      // Only a cache that may soon be full needs to know who was used last.
      cache.delete(sql)
    } else return prepared
    cache.set(sql, prepared)
    return prepared
  }

  return {
    answers: (sql) => get(sql).answers,
    run: (sql, parameters) => get(sql).statement.run(...bindable(parameters)),
    all: (sql, parameters) => {
      const prepared = get(sql)
      const rows = prepared.statement.all(...bindable(parameters)) as unknown as SqlValue[][]
      if (rows.length === 0) return []
      const columns = (prepared.columns ??= namesOf(prepared.statement))
      return rows.map((values) => rowOf(columns, values))
    },
    *iterate(sql, parameters) {
      const { statement } = prepare(sql)
      let columns: readonly string[] | undefined
      for (const values of statement.iterate(...bindable(parameters))) {
        columns ??= namesOf(statement)
        yield rowOf(columns, values as unknown as SqlValue[])
      }
    },
  }
}

function namesOf(statement: StatementSync): readonly string[] {
  return statement.columns().map((column) => column.name)
}

function rowOf(columns: readonly string[], values: readonly SqlValue[]): SqlRow {
  const row: Record<string, SqlValue> = {}
  for (let i = 0; i < columns.length; i++) row[columns[i]!] = values[i]!
  return row
}

/** SQLite has no booleans: true and false are stored as 1 and 0. Anything else it does not know is refused by name. */
function bindable(parameters: readonly unknown[]): SqlValue[] {
  let copy: unknown[] | undefined
  for (let i = 0; i < parameters.length; i++) {
    const value = parameters[i]
    switch (typeof value) {
      case 'string':
      case 'number':
      case 'bigint':
        continue
      case 'boolean':
        copy ??= [...parameters]
        copy[i] = value ? 1 : 0
        continue
      default:
        if (value === null || value instanceof Uint8Array) continue
        throw unholdable(i, value)
    }
  }
  return (copy ?? parameters) as SqlValue[]
}

function refusal(word: string): CallError {
  const what = word.toUpperCase()
  const advice: Readonly<Record<string, string>> = {
    ATTACH: 'a service has its own database only; call the other service, or subscribe to its events',
    DETACH: 'a service has its own database only',
    PRAGMA: "the store sets its own pragmas; read with table-valued functions such as pragma_table_info('orders')",
    VACUUM: 'run it with the sqlite3 program while the service is stopped',
  }
  return new CallError(
    'FAILED_PRECONDITION',
    `Running "${what}" failed: ${advice[what] ?? 'transactions are begun and ended by `database.transaction` alone; throw inside it to roll back'}`,
  )
}
