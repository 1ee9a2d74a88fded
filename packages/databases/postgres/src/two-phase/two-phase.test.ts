import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from 'dure/contract'
import { testServer } from '../server.test-support.ts'
import { twoPhase } from './two-phase.ts'
import { onBanks, transfer } from './two-phase.test-support.ts'

const check = await onBanks()

const fails = (code: string, words: RegExp) => (error: unknown) =>
  error instanceof CallError && error.code === code && words.test(error.message)
const PREPARED = 'SELECT gid FROM pg_prepared_xacts WHERE database = current_database()'

check('both databases commit, and nothing is left of it in either or in the log', async (banks) => {
  const coordinator = await banks.open()
  assert.equal(await transfer(coordinator, 30), 'moved')
  await Promise.all(Array.from({ length: 20 }, () => transfer(coordinator, 1)))
  assert.deepEqual(await banks.balances(), [50, 150])
  for (const url of banks.urls) assert.deepEqual(await banks.ask(url, PREPARED), [])
  assert.deepEqual(await banks.ask(banks.log, 'SELECT transaction FROM dure_2pc_decisions'), [])
})

check(
  'work that throws, also when a database has refused a statement and the work goes on: neither keeps anything',
  async (banks) => {
    const coordinator = await banks.open()
    await assert.rejects(
      transfer(coordinator, 30, () => Promise.reject(new Error('changed my mind'))),
      /^Error: changed my mind$/,
    )
    const careless = coordinator.transaction(async ([here, there]) => {
      await here.query('UPDATE accounts SET amount = 0')
      await there.query('UPDATE nowhere SET amount = 0').catch(() => {})
    })
    await assert.rejects(
      careless,
      fails('ABORTED', /database "there_\d+" refused to prepare it: current transaction is aborted.* Nothing of it is kept/),
    )
    assert.deepEqual(await banks.balances(), [100, 100])
    assert.equal(await transfer(coordinator, 1), 'moved')
  },
)

check('one participant refuses to prepare: the other, which was ready, rolls back', async (banks) => {
  const coordinator = await banks.open()
  const refused = coordinator.transaction(async ([here, there]) => {
    await here.query('UPDATE accounts SET amount = 0')
    // Looked at when it is prepared, and not before.
    await there.query('INSERT INTO accounts VALUES (2, 100)')
  })
  await assert.rejects(refused, fails('ABORTED', /"there_\d+" refused to prepare it: duplicate key value/))
  assert.deepEqual(await banks.balances(), [100, 100])
  for (const url of banks.urls) assert.deepEqual(await banks.ask(url, PREPARED), [])
})

check('work that ends the transaction itself is told, and what it kept is its own', async (banks) => {
  const coordinator = await banks.open()
  const own = coordinator.transaction(async ([here, there]) => {
    await here.query('UPDATE accounts SET amount = 0')
    await there.query('ROLLBACK')
  })
  await assert.rejects(own, fails('ABORTED', /the work has ended the transaction itself, with COMMIT or ROLLBACK/))
  assert.deepEqual(await banks.balances(), [100, 100])
})

check('a deadlock through both databases, which no server sees, ends by the time that a lock is waited for', async (banks) => {
  const coordinator = await banks.open({ lockTimeout: 200 })
  const both = Promise.withResolvers<void>()
  let inside = 0
  const crossing = (first: 0 | 1) =>
    coordinator.transaction(async (sessions) => {
      await sessions[first].query('UPDATE accounts SET amount = amount + 1')
      if (++inside === 2) both.resolve()
      await both.promise
      await sessions[first === 0 ? 1 : 0].query('UPDATE accounts SET amount = amount + 1')
    })
  const ended = await Promise.allSettled([crossing(0), crossing(1)])
  assert.ok(ended.some((one) => one.status === 'rejected' && /lock timeout/.test(String(one.reason))))
  const [here, there] = await banks.balances()
  assert.equal(here, there)
})

check('a second coordinator of the same name takes over: the first decides nothing any more', async (banks) => {
  const first = await banks.open()
  let second: Awaited<ReturnType<typeof banks.open>> | undefined
  const late = transfer(first, 30, async () => (second = await banks.open()))
  await assert.rejects(late, fails('FAILED_PRECONDITION', /another process has taken over under this name/))
  assert.deepEqual(await banks.balances(), [100, 100])
  await assert.rejects(transfer(first, 30), fails('FAILED_PRECONDITION', /another process has taken over/))
  assert.equal(await transfer(second!, 30), 'moved')
  assert.deepEqual(await banks.balances(), [70, 130])
})

check(
  'roles without rights over the server do it; one that may make no tables is told where the log needs them',
  async (banks) => {
    const role = `app_${banks.name.slice(6)}`
    await banks.ask(banks.log, `CREATE ROLE ${role} LOGIN PASSWORD 'secret'`)
    const as = (url: string): string => Object.assign(new URL(url), { username: role, password: 'secret' }).href
    for (const url of banks.urls) await banks.ask(url, `GRANT ALL ON accounts TO ${role}`)
    const [here, there] = banks.urls.map(as) as [string, string]
    const refused = banks.open({ databases: [here, there], log: as(banks.log) })
    await assert.rejects(
      refused,
      fails('PERMISSION_DENIED', /may make no tables in database "log_\d+".* To do: GRANT CREATE ON SCHEMA public/),
    )
    await banks.ask(banks.log, `GRANT CREATE ON SCHEMA public TO ${role}`)
    assert.equal(await transfer(await banks.open({ databases: [here, there], log: as(banks.log) }), 30), 'moved')
    assert.deepEqual(await banks.balances(), [70, 130])
  },
)

test('what cannot be: servers that prepare nothing, one database, the same twice, a bad name', async () => {
  const server = await testServer()
  const open = (name: string, ...databases: readonly string[]) => twoPhase({ name, databases })
  await assert.rejects(open('a', server.url(), server.url('template1')), (error: CallError) => {
    assert.equal(error.code, 'FAILED_PRECONDITION')
    return /"postgres".*max_prepared_transactions = 0.* To do: ALTER SYSTEM SET max_prepared_transactions = 64 .*restart/.test(
      error.message,
    )
  })
  await assert.rejects(open('a', server.url()), fails('INVALID_ARGUMENT', /it has 1 database/))
  await assert.rejects(open('No way', server.url(), server.url()), fails('INVALID_ARGUMENT', /its name is "No way"/))
  const ready = await testServer({ settings: { max_prepared_transactions: 1 } })
  await assert.rejects(open('a', ready.url(), ready.url()), fails('INVALID_ARGUMENT', /database "postgres" is given twice/))
  await assert.rejects(open('a', ready.url(), ready.url('nowhere')), fails('FAILED_PRECONDITION', /there is no such database/))
})
