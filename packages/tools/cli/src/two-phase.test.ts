import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '@dure/postgres/server'
import { twoPhase } from '@dure/postgres/two-phase'
import { dure, temporary } from './shell.test-support.ts'

test('dure 2pc: what is in doubt is listed with its locks, and ended as the log says', async (t) => {
  const servers = await Promise.all([1, 2].map(() => startServer({ settings: { max_prepared_transactions: 4, fsync: 'off' } })))
  t.after(() => Promise.all(servers.map((one) => one.close())))
  const [here, there] = servers.map((one) => one.url()) as [string, string]
  const databases = [here, there] as const
  assert.equal((await dure(['2pc', 'list', ...databases])).out, 'Nothing is in doubt\n')

  const coordinator = await twoPhase({ name: 'banks', databases, recoverEvery: 600_000 })
  t.after(() => coordinator.stop())
  await coordinator.transaction(async ([one]) => void (await one.query('CREATE TABLE accounts (id INT)')))
  // What a coordinator leaves that dies before its decision.
  const [mark, second] = await coordinator.transaction(async ([one]) => {
    const { rows } = await one.query<{ mark: string; second: string }>(
      `SELECT c.mark, system_identifier || '-' || oid AS second FROM dure_2pc_coordinators c, pg_control_system(), pg_database
       WHERE datname = current_database()`,
    )
    return [rows[0]!.mark, rows[0]!.second] as const
  })
  const left = coordinator.transaction(async ([one]) => {
    await one.query('INSERT INTO accounts VALUES (1)')
    await one.query(`PREPARE TRANSACTION 'dure/banks~${mark}/1/lost/${second}'`)
  })
  await assert.rejects(left, { code: 'ABORTED' })

  const listed = await dure(['2pc', 'list', ...databases])
  assert.match(listed.out, /^lost of "banks" in postgres: prepared \d+ s ago; nothing decided: its coordinator rolls it back/)
  assert.match(
    listed.out,
    /\n {2}locks transactionid \(ExclusiveLock\); accounts \(RowExclusiveLock\)\n {2}vacuum waits, \d+ transactions? back/,
  )
  const [{ state }] = JSON.parse((await dure(['2pc', 'list', ...databases, '--json'])).out) as [{ state: string }]
  assert.equal(state, 'prepared')

  assert.match((await dure(['2pc', 'resolve', 'lost', ...databases])).err, /Cannot go on without --reason/)
  assert.match(
    (await dure(['2pc', 'resolve', 'lost', '--force', 'maybe', '--reason', 'x', here])).err,
    /"maybe" to be one of \(commit\|rollback\|forget\)/,
  )
  const ended = await dure(['2pc', 'resolve', 'lost', '--reason', 'its process is gone', '--by', 'me', ...databases])
  assert.equal(ended.out, 'postgres: rolled back\n')
  assert.match(
    (await dure(['2pc', 'resolve', 'lost', '--reason', 'x', ...databases])).err,
    /none of these databases has it prepared/,
  )
  assert.match((await dure(['2pc', 'list', here], { cwd: temporary() })).err, /"@dure\/postgres" is not installed here/)
})
