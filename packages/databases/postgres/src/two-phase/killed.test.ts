import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { outboxSchema, pollingRelay } from '../outbox/outbox.ts'
import { until } from '../store.test-support.ts'
import { COMMIT, DECIDE, killedBefore, onBanks } from './two-phase.test-support.ts'
import { listInDoubt, resolveInDoubt } from './two-phase.ts'

const check = await onBanks()

check(
  'killed after prepare: its locks stay, who waits is told, and the horizon is held; the next one rolls back',
  async (banks) => {
    const [here, there] = banks.urls
    await killedBefore(banks, DECIDE)
    const waiting = await banks.client(here)
    await waiting.query(`SET application_name = 'next customer'`)
    const blocked = waiting.query('UPDATE accounts SET amount = amount - 1 WHERE id = 1')
    const list = () => listInDoubt({ databases: banks.urls, log: banks.log })
    await until(async () => (await list()).some((one) => one.waiting.length === 1))

    const found = await list()
    assert.deepEqual(
      found.map(({ coordinator, state, decision }) => [coordinator, state, decision]),
      Array.from({ length: 2 }, () => [banks.name, 'prepared', 'none']),
    )
    const [first] = found
    assert.ok(first!.locks.some(({ what, mode }) => what === 'accounts' && mode === 'RowExclusiveLock'))
    assert.ok(first!.locks.some(({ what, mode }) => what === 'transactionid' && mode === 'ExclusiveLock'))
    assert.deepEqual(
      first!.waiting.map(({ name, query }) => [name, query]),
      [['next customer', 'UPDATE accounts SET amount = amount - 1 WHERE id = 1']],
    )
    assert.ok(first!.seconds > 0 && first!.horizon > 0)
    const psql = (sql: string): string => spawnSync('psql', ['-Atc', sql, here], { encoding: 'utf8' }).stdout
    if (spawnSync('psql', ['--version']).status === 0) {
      assert.match(
        psql('SELECT gid FROM pg_prepared_xacts WHERE database = current_database()'),
        new RegExp(`^dure/${banks.name}~`),
      )
      const held = `SELECT mode FROM pg_locks WHERE pid IS NULL AND relation = 'accounts'::regclass`
      assert.match(psql(held), /^RowExclusiveLock$/m)
    }

    // An outbox in the same database sees who holds the horizon, and delivers all the same.
    await banks.ask(there, outboxSchema)
    const relay = pollingRelay({ connection: there, deliver: async () => {}, limits: { lease: 200, horizon: 0 } })
    await until(() => relay.state().horizon?.holder === 'prepared transaction')
    assert.ok(relay.state().horizon!.name.startsWith(`dure/banks-`))
    await relay.stop()

    const next = await banks.open()
    await blocked
    assert.deepEqual(await banks.balances(), [99, 100])
    assert.deepEqual(await list(), [])
    assert.deepEqual(await next.recover(), { committed: 0, rolledBack: 0, unreachable: [], damaged: [] })
  },
)

check('killed after the decision, and after the first of two commits: the next one commits what is left', async (banks) => {
  await killedBefore(banks, COMMIT)
  assert.deepEqual(await banks.balances(), [100, 100])
  assert.deepEqual(
    (await listInDoubt({ databases: banks.urls, log: banks.log })).map(({ decision }) => decision),
    ['commit', 'commit'],
  )
  await (await banks.open()).stop()
  assert.deepEqual(await banks.balances(), [70, 130])

  await killedBefore(banks, COMMIT, 1)
  await banks.open()
  assert.deepEqual(await banks.balances(), [40, 160])
  assert.deepEqual(await banks.ask(banks.log, 'SELECT outcome FROM dure_2pc_decisions'), [])
})

check('a person ends it as the log says, and the coordinator that comes back finds it done', async (banks) => {
  await killedBefore(banks, COMMIT)
  const place = { databases: banks.urls, log: banks.log }
  const [{ transaction = '' } = {}] = await listInDoubt(place)
  const asked = { ...place, transaction, reason: 'the coordinator is gone', by: 'me' }
  await assert.rejects(resolveInDoubt({ ...asked, log: undefined }), /no log is given\. To do: give its log, or say how it ends/)
  await assert.rejects(resolveInDoubt({ ...asked, log: banks.urls[0] }), /"here_\d+" is not the log of coordinator "banks-\d+"/)
  await assert.rejects(resolveInDoubt({ ...asked, force: 'forget' }), /database "here_\d+" still has it prepared/)
  const ended = await resolveInDoubt(asked)
  assert.deepEqual(
    ended.map(({ outcome, done }) => [outcome, done]),
    [
      ['commit', true],
      ['commit', true],
    ],
  )
  assert.deepEqual(await banks.balances(), [70, 130])
  const audit = `SELECT outcome || ' ' || forced || ' ' || reason || ' ' || by FROM dure_2pc_audit`
  for (const url of banks.urls) assert.deepEqual(await banks.ask(url, audit), ['commit false the coordinator is gone me'])
  await assert.rejects(resolveInDoubt(asked), { code: 'NOT_FOUND' })
  const next = await banks.open()
  assert.deepEqual((await next.recover()).damaged, [])
  assert.deepEqual(await banks.ask(banks.log, 'SELECT outcome FROM dure_2pc_decisions'), [])
})

check('a person commits what was not decided: written in the log, so that all databases follow it', async (banks) => {
  await killedBefore(banks, DECIDE)
  const [here] = banks.urls
  const [{ transaction = '' } = {}] = await listInDoubt({ databases: banks.urls })
  const asked = {
    databases: [here],
    log: banks.log,
    transaction,
    force: 'commit',
    reason: 'the money has left',
    by: 'me',
  } as const
  assert.deepEqual(
    (await resolveInDoubt(asked)).map(({ outcome, done }) => [outcome, done]),
    [['commit', true]],
  )
  await banks.open()
  assert.deepEqual(await banks.balances(), [70, 130])
})

check('decided, and a database has nothing of it: told until people have mended it', async (banks) => {
  await killedBefore(banks, COMMIT)
  const [, there] = banks.urls
  const [gid] = await banks.ask(there, 'SELECT gid FROM pg_prepared_xacts WHERE database = current_database()')
  await banks.ask(there, `ROLLBACK PREPARED '${String(gid)}'`)
  const next = await banks.open()
  const { damaged } = await next.recover()
  assert.deepEqual(
    damaged.map(({ database }) => database),
    [new URL(there).pathname.slice(1)],
  )
  const place = { databases: banks.urls, log: banks.log }
  const found = await listInDoubt(place)
  assert.deepEqual(
    found.map(({ state, decision, database }) => [state, decision, database]),
    [['missing', 'commit', damaged[0]!.database]],
  )
  const { transaction } = found[0]!
  const mended = { ...place, transaction, force: 'forget', reason: 'paid by hand', by: 'me' } as const
  await assert.rejects(resolveInDoubt({ ...mended, databases: [there] }), /it has a part in database "here_\d+" as well/)
  await resolveInDoubt(mended)
  assert.deepEqual(await listInDoubt(place), [])
  assert.deepEqual((await next.recover()).damaged, [])
})
