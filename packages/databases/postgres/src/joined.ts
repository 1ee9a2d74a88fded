import { CallError } from 'dure/contract'
import type { SqlTransaction } from 'dure/data'
import type { Host } from 'dure/host'
import type { Pool, PoolClient } from 'pg'
import { transactionOn } from './inbox.ts'

/**
 * A transaction of the application's own on its own `pg` pool, with what a host of extensions joins to one: what `tx` begins,
 * appends or publishes commits with what `client` wrote, or not at all. The pool must lead to the host's database and schema.
 * @throws what `work` throws, and `pg`'s errors; it is then rolled back
 *
 * @example
 * ```ts
 * import { joinedTransaction, postgres } from '@dure/postgres'
 * import { startServer } from '@dure/postgres/server'
 * import { hostOf } from 'dure/host'
 * import { saga } from 'dure/saga'
 * import { Pool } from 'pg'
 * import { z } from 'zod'
 *
 * const server = await startServer() // yours
 * const pool = new Pool({ connectionString: server.url() })
 * const billing = saga('billing', { input: z.string(), run: (s, order) => s.step('bill', { do: () => order }) })
 * const host = await hostOf({ name: 'shop', store: postgres({ url: () => server.url() }), extensions: [billing], directory: '.dure/shop' })
 * await pool.query('CREATE TABLE orders (id TEXT)')
 * const begins = await joinedTransaction(pool, host, async (client, tx) => {
 *   await client.query('INSERT INTO orders VALUES ($1)', ['o-1'])
 *   return tx.begin(billing, 'o-1', { id: 'o-1' })
 * })
 * console.log(begins) // → true
 * await host.stop()
 * await pool.end()
 * await server.close()
 * ```
 */
export async function joinedTransaction<T, Joined>(
  pool: Pick<Pool, 'connect'>,
  host: Pick<Host<unknown, Joined>, 'bind'>,
  work: (client: PoolClient, tx: ReturnType<Host<unknown, Joined>['bind']>) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  let lost = false
  try {
    await client.query('BEGIN')
    const before = new Set<() => Promise<void>>()
    const after: (() => void)[] = []
    const tx = {
      ...transactionOn(client),
      beforeCommit: (task: () => Promise<void>) => void before.add(task),
      onCommit: (task: () => void) => void after.push(task),
    }
    const value = await work(client, host.bind(tx as unknown as SqlTransaction))
    for (const task of before) await task()
    // A transaction in which a statement has failed is rolled back by it, and that is no error to the server.
    const { command } = await client.query('COMMIT')
    if (command !== 'COMMIT') throw rolledBack()
    for (const task of after) task()
    return value
  } catch (error) {
    await client.query('ROLLBACK').catch(() => (lost = true))
    throw error
  } finally {
    client.release(lost)
  }
}

function rolledBack(): CallError {
  return new CallError(
    'ABORTED',
    'Committing a transaction of a pool failed: a statement in it had failed before, so the server has rolled all of it back. To do: let the error of that statement out of `work`',
  )
}
