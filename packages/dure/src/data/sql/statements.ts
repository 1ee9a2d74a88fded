import type { SqlTransaction } from '../database.ts'

/** What SQL needs of a transaction: statements with `?` for parameters. */
export type SqlStatements = Pick<SqlTransaction, 'all' | 'run'>
