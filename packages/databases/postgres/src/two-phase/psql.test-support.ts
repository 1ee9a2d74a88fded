/** What PostgreSQL's own `psql` reads of a transaction whose coordinator was killed; run by `npm run peers -- 2pc`. */
import { spawnSync } from 'node:child_process'
import { createDatabase } from '../adapter.test-support.ts'
import { startServer } from '../server/server.ts'
import { DECIDE, killedBefore } from './two-phase.test-support.ts'
import { twoPhase } from './two-phase.ts'

const server = await startServer({ settings: { max_prepared_transactions: 8, fsync: 'off' } })
const psql = (url: string, sql: string): string => {
  const { stdout, stderr, error } = spawnSync('psql', ['-XAtc', sql, url], { encoding: 'utf8' })
  if (error !== undefined) throw new Error(`Cannot run psql: ${error.message}. To do: install postgresql-client`)
  return stderr === '' ? stdout.trim() : `ERROR ${stderr.trim()}`
}
const say = (what: string, well: boolean, read: string): void => {
  console.log(`${well ? '✔' : '✖'} ${what}: ${read.replaceAll('\n', '; ')}`)
  if (!well) process.exitCode = 1
}
try {
  for (const name of ['here', 'there']) {
    await createDatabase(server.url(), name)
    psql(server.url(name), 'CREATE TABLE accounts (id INT PRIMARY KEY, amount INT); INSERT INTO accounts VALUES (1, 100)')
  }
  const urls = [server.url('here'), server.url('there')] as const
  const [here] = urls
  await killedBefore({ name: 'banks', urls, log: here }, DECIDE)

  const prepared = psql(here, 'SELECT database, gid FROM pg_prepared_xacts ORDER BY database')
  say('pg_prepared_xacts after kill -9', /^here\|dure\/banks~\S+\nthere\|dure\/banks~\S+$/.test(prepared), prepared)
  const locks = psql(here, `SELECT mode, granted FROM pg_locks WHERE pid IS NULL AND relation = 'accounts'::regclass`)
  say('pg_locks that no process holds', locks.includes('RowExclusiveLock|t'), locks)
  const blocked = psql(here, `SET lock_timeout = '200ms'; UPDATE accounts SET amount = 0`)
  say('another session', blocked.includes('lock timeout'), blocked)
  const next = await twoPhase({ name: 'banks', databases: urls })
  await next.transaction(async (sessions) => {
    for (const session of sessions) await session.query('UPDATE accounts SET amount = amount + 1')
  })
  await next.stop()
  const amounts = urls.map((url) => psql(url, 'SELECT amount FROM accounts')).join(' ')
  say(
    'after the next coordinator',
    amounts === '101 101' && psql(here, 'SELECT count(*) FROM pg_prepared_xacts') === '0',
    amounts,
  )
} finally {
  await server.close()
}
