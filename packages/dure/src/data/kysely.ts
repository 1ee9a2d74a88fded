import {
  DefaultQueryExecutor,
  Kysely,
  Transaction,
  type CompiledQuery,
  type ConnectionProvider,
  type DatabaseConnection,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type QueryCompiler,
  type QueryResult,
} from 'kysely'
import { CallError } from '../contract/contract.ts'
import { throwInside } from '../contract/internal.ts'

/** Kysely over connections that an adapter owns. */
export type DirectKysely = {
  /** On one connection, inside a transaction that somebody else begins and ends. */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly transaction: (connection: DatabaseConnection) => Kysely<any>
  /** Single statements run on `connection`; streams and read transactions borrow one from `provider`. */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly reader: (connection: DatabaseConnection, provider: ConnectionProvider, driver: Driver) => Kysely<any>
}

/** @param engine what Kysely knows of the engine's SQL */
export function directKysely(engine: {
  readonly compiler: QueryCompiler
  readonly adapter: DialectAdapter
  readonly createIntrospector: Dialect['createIntrospector']
}): DirectKysely {
  const { compiler, adapter, createIntrospector } = engine
  const dialect: Dialect = {
    createDriver: () => noDriver,
    createQueryCompiler: () => compiler,
    createAdapter: () => adapter,
    createIntrospector,
  }
  const parts = { config: { dialect }, driver: noDriver, dialect }
  const executor = (connection: DatabaseConnection, provider: ConnectionProvider): DirectExecutor =>
    new DirectExecutor(connection, compiler, adapter, provider)
  return {
    transaction: (connection) =>
      new Transaction({ ...parts, executor: executor(connection, { provideConnection: (use) => use(connection) }) }),
    reader: (connection, provider, driver) => new Kysely({ ...parts, driver, executor: executor(connection, provider) }),
  }
}

/**
 * Kysely's own path to a connection costs four promises a query; a connection that is there already needs none
 * of them. Plugins and abort signals still take the long way.
 */
class DirectExecutor extends DefaultQueryExecutor {
  readonly #connection: DatabaseConnection

  constructor(connection: DatabaseConnection, compiler: QueryCompiler, adapter: DialectAdapter, provider: ConnectionProvider) {
    super(compiler, adapter, provider)
    this.#connection = connection
  }

  override executeQuery<R>(
    query: CompiledQuery,
    options?: Parameters<DefaultQueryExecutor['executeQuery']>[1],
  ): Promise<QueryResult<R>> {
    if (options?.signal !== undefined) return super.executeQuery(query, options)
    return this.#connection.executeQuery<R>(query).catch(throwInside)
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
