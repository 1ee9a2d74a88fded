import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { CallError } from '../../contract/contract.ts'
import { shownOf, type Tables } from '../columns.ts'
import type { SqlRow, SqlValue } from '../database.ts'
import { createBinding, type Bind } from '../parameters.ts'

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
  readonly bind: Bind
  /** Whole numbers are read as bigint: some are beyond what a number holds exactly, or may be. */
  wide: boolean
  /** Known after the first run: until then the connection may not have noticed that a table changed. */
  columns: Columns | undefined
}

/** What rows are made of: names, and for columns whose values are shown otherwise than they are kept, how. */
type Columns = { readonly names: readonly string[]; readonly shown: readonly ReturnType<typeof shownOf>[] | undefined }

/** Transactions belong to the writer and connections to the store: SQL that would take them over is refused. */
const OWN =
  /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*(begin|commit|end|rollback|savepoint|release|attach|detach|vacuum|pragma)\b/i
const SCHEMA = /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*(create|alter|drop|reindex)\b/i

export function createStatements(options: { db: DatabaseSync; schema: SchemaVersion; capacity?: number }): Statements {
  const { db, schema, capacity = 256 } = options
  const cache = new Map<string, Prepared>()
  let seen: number | undefined
  const binding = createBinding({ loose: asInteger, names: 'any case' })

  const prepare = (sql: string): Prepared => {
    const own = OWN.exec(sql)
    if (own !== null) throw refusal(own[1]!)
    // Rows as arrays: objects are made here, with the usual prototype, in half the time.
    const statement = db.prepare(sql)
    statement.setReturnArrays(true)
    const answers = statement.columns().length > 0
    // What has changed rows cannot be asked again when a whole number turns out to be too large.
    const wide = answers && WRITES.test(sql)
    statement.setReadBigInts(wide)
    return { statement, answers, bind: binding.of(sql).bind, wide, columns: undefined }
  }

  const refresh = (): void => {
    if (seen === schema.value) return
    cache.clear()
    binding.learn(tablesOf(db))
    seen = schema.value
  }

  const get = (sql: string): Prepared => {
    refresh()
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
    run: (sql, parameters) => {
      const { statement, bind } = get(sql)
      return statement.run(...bind(parameters))
    },
    all: (sql, parameters) => {
      const prepared = get(sql)
      const rows = allOf(prepared, prepared.bind(parameters))
      if (rows.length === 0) return []
      const columns = (prepared.columns ??= columnsOf(prepared.statement))
      return rows.map((values) => rowOf(columns, values))
    },
    *iterate(sql, parameters) {
      refresh()
      const { statement, bind } = prepare(sql)
      statement.setReadBigInts(true)
      let columns: Columns | undefined
      for (const values of statement.iterate(...bind(parameters))) {
        columns ??= columnsOf(statement)
        yield rowOf(columns, narrowed(values as unknown as SqlValue[]))
      }
    },
  }
}

const WRITES = /\breturning\b/i

/** One value that a number cannot hold makes the engine's driver refuse all rows, so they are read once more, as bigint. */
function allOf(prepared: Prepared, parameters: readonly SqlValue[]): SqlValue[][] {
  const { statement } = prepared
  try {
    const rows = statement.all(...parameters) as unknown as SqlValue[][]
    return prepared.wide ? rows.map(narrowed) : rows
  } catch (error) {
    if (prepared.wide || (error as { code?: unknown }).code !== 'ERR_OUT_OF_RANGE') throw error
    prepared.wide = true
    statement.setReadBigInts(true)
    return allOf(prepared, parameters)
  }
}

function narrowed(values: readonly SqlValue[]): SqlValue[] {
  return values.map((value) => (typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value))
}

/** A whole number goes as one: the engine takes a JavaScript number for a fraction, and `5 / ?` would be one too. */
function asInteger(value: SqlValue): SqlValue {
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value
}

function tablesOf(db: DatabaseSync): Tables {
  const tables = new Map<string, Map<string, string>>()
  const rows = db.prepare(TABLES).all() as { table: string; column: string; type: string }[]
  for (const { table, column, type } of rows) {
    if (!tables.has(table)) tables.set(table, new Map())
    tables.get(table)!.set(column, type)
  }
  return tables
}

const TABLES = `SELECT one.name AS "table", of.name AS "column", of.type FROM sqlite_schema AS one, pragma_table_info(one.name) AS of
  WHERE one.type = 'table' AND one.name NOT LIKE 'dure\\_%' ESCAPE '\\'`

function columnsOf(statement: StatementSync): Columns {
  const columns = statement.columns()
  const shown = columns.map(({ type }) => shownOf(type))
  return { names: columns.map(({ name }) => name), shown: shown.some((each) => each !== undefined) ? shown : undefined }
}

function rowOf({ names, shown }: Columns, values: readonly SqlValue[]): SqlRow {
  const row: Record<string, SqlValue> = {}
  for (let i = 0; i < names.length; i++) row[names[i]!] = values[i]!
  if (shown !== undefined) for (const [i, show] of shown.entries()) if (show !== undefined) row[names[i]!] = show(values[i]!)
  return row
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
    { inside: true },
  )
}
