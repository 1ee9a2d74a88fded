import {
  type CompiledQuery,
  DefaultQueryExecutor,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  Transaction,
  type ConnectionProvider,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely'
import { CallError } from '../../contract/contract.ts'
import type { Statements } from './statements.ts'

/** How Kysely reaches one connection; `guard` is asked before every use and throws when it is not allowed any more. */
export type KyselyConnection = DatabaseConnection & { readonly statements: Statements }

export function kyselyConnection(options: {
  readonly statements: Statements
  readonly guard: () => void
  /** Every error passes through it. */
  readonly explain: (error: unknown) => unknown
  /** Streams read all rows first: a cursor left open in a transaction would outlive it, and see what the loop writes. */
  readonly whole?: boolean
  /** Waited for before rows are handed over, when there is something to wait for. */
  readonly durable?: () => Promise<void> | undefined
}): KyselyConnection {
  const { statements, guard, explain, whole = false, durable } = options
  return {
    statements,
    executeQuery: async <R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => {
      guard()
      try {
        if (statements.answers(sql)) {
          const rows = statements.all(sql, parameters) as unknown as R[]
          const wait = durable?.()
          if (wait !== undefined) await wait
          return { rows }
        }
        const { changes, lastInsertRowid } = statements.run(sql, parameters)
        return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
      } catch (error) {
        throw explain(error)
      }
    },
    async *streamQuery<R>({ sql, parameters }: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
      guard()
      try {
        if (whole) return yield { rows: statements.all(sql, parameters) as unknown as R[] }
        for (const row of statements.iterate(sql, parameters)) {
          yield { rows: [row as unknown as R] }
          guard()
        }
      } catch (error) {
        throw explain(error)
      }
    },
  }
}

/** Kysely on one connection, inside a transaction that somebody else begins and ends. */
// oxlint-disable-next-line typescript/no-explicit-any
export function kyselyTransaction(connection: DatabaseConnection): Kysely<any> {
  return new Transaction({ ...PARTS, executor: new DirectExecutor(connection, { provideConnection: (use) => use(connection) }) })
}

/** Kysely whose single statements run on `connection`, and whose streams and read transactions borrow one from `provider`. */
// oxlint-disable-next-line typescript/no-explicit-any
export function kyselyReader(connection: DatabaseConnection, provider: ConnectionProvider, driver: Driver): Kysely<any> {
  return new Kysely({ ...PARTS, driver, executor: new DirectExecutor(connection, provider) })
}

const compiler = new SqliteQueryCompiler()
const adapter = new SqliteAdapter()

/**
 * Kysely's own path to a connection costs four promises a query; a connection that is there already needs none
 * of them. Plugins and abort signals still take the long way.
 */
class DirectExecutor extends DefaultQueryExecutor {
  readonly #connection: DatabaseConnection

  constructor(connection: DatabaseConnection, provider: ConnectionProvider) {
    super(compiler, adapter, provider)
    this.#connection = connection
  }

  override executeQuery<R>(
    query: CompiledQuery,
    options?: Parameters<DefaultQueryExecutor['executeQuery']>[1],
  ): Promise<QueryResult<R>> {
    if (options?.signal !== undefined) return super.executeQuery(query, options)
    return this.#connection.executeQuery<R>(query)
  }
}

const refuse = async (): Promise<never> => {
  throw new CallError(
    'FAILED_PRECONDITION',
    'Using the connection failed: it belongs to the store; use `database.transaction` or `database.snapshot`',
  )
}

/** A driver that hands nothing out: connections come from executors. */
export const noDriver: Driver = {
  init: async () => {},
  acquireConnection: refuse,
  releaseConnection: async () => {},
  beginTransaction: refuse,
  commitTransaction: refuse,
  rollbackTransaction: refuse,
  destroy: refuse,
}

const dialect: Dialect = {
  createDriver: () => noDriver,
  createQueryCompiler: () => compiler,
  createAdapter: () => adapter,
  createIntrospector: (db) => new SqliteIntrospector(db),
}

const PARTS = { config: { dialect }, driver: noDriver, dialect }
