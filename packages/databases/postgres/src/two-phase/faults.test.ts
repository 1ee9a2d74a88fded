import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { CallError } from 'dure/contract'
import type { LocalServer } from '../server/server.ts'
import { testServer } from '../server.test-support.ts'
import { until } from '../store.test-support.ts'
import { COMMIT, DECIDE, intercept, onBanks, transfer, type Banks } from './two-phase.test-support.ts'
import { listInDoubt } from './two-phase.ts'

const check = await onBanks()

/** Another server, for what is to go away. */
const other = (): Promise<LocalServer> => testServer({ settings: { max_prepared_transactions: 8 } })

/** Somebody stands still at a statement until he is let go. */
function pausing(t: TestContext, beginning: string) {
  const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  t.after(
    intercept(
      beginning,
      () => {
        reached.resolve()
        return released.promise
      },
      { times: 1 },
    ),
  )
  return { reached: reached.promise, release: released.resolve }
}

check('a zombie that wakes before its decision is refused, and one that wakes after it finds it done, once', async (banks, t) => {
  const before = pausing(t, DECIDE)
  const first = await banks.open()
  const late = transfer(first, 30)
  await before.reached
  const second = await banks.open()
  assert.deepEqual(await banks.balances(), [100, 100])
  before.release()
  await assert.rejects(late, (error: CallError) => error.code === 'FAILED_PRECONDITION' && /has taken over/.test(error.message))

  const after = pausing(t, COMMIT)
  const decided = transfer(second, 30)
  await after.reached
  await banks.open()
  assert.deepEqual(await banks.balances(), [70, 130])
  after.release()
  assert.equal(await decided, 'moved')
  assert.deepEqual(await banks.balances(), [70, 130])
})

async function withOther(banks: Banks, which: 'there' | 'log') {
  const server = await other()
  if (which === 'there')
    await banks.ask(
      server.url(),
      'CREATE TABLE accounts (id INT PRIMARY KEY, amount INT NOT NULL); INSERT INTO accounts VALUES (1, 100)',
    )
  const [here, there] = which === 'there' ? [banks.urls[0], server.url()] : banks.urls
  const coordinator = await banks.open({
    databases: [here!, there!],
    log: which === 'log' ? server.url() : banks.log,
    timeout: 2_000,
  })
  const held = async () => (await listInDoubt({ databases: banks.urls })).length
  const amount = async (url: string) => (await banks.ask(url, 'SELECT amount FROM accounts WHERE id = 1'))[0]
  return { server, coordinator, held, balances: async () => [await amount(here!), await amount(there!)] }
}

check('a participant dies between prepare and commit: it is decided, and it follows when it is back', async (banks, t) => {
  const { server, coordinator, balances } = await withOther(banks, 'there')
  t.after(intercept(COMMIT, () => server.crash(), { times: 1 }))
  assert.equal(await transfer(coordinator, 30), 'moved')
  assert.deepEqual((await coordinator.recover()).unreachable, ['postgres'])
  await assert.rejects(transfer(coordinator, 1), { code: 'UNAVAILABLE' })
  await server.start()
  await until(async () => (await banks.ask(banks.log, 'SELECT outcome FROM dure_2pc_decisions')).length === 0)
  assert.deepEqual(await balances(), [70, 130])
})

check('a participant dies while it prepares: nothing is kept, also of what it had prepared all the same', async (banks, t) => {
  const { server, coordinator, held, balances } = await withOther(banks, 'there')
  const lose = async (): Promise<void> => {
    await server.crash()
    throw new Error('Connection terminated unexpectedly')
  }
  t.after(intercept('SELECT pg_current_xact_id()::text AS xid; PREPARE', lose, { when: 'after', times: 1 }))
  await assert.rejects(transfer(coordinator, 30), { code: 'ABORTED' })
  await server.start()
  await until(async () => (await held()) + (await listInDoubt({ databases: [server.url()] })).length === 0)
  assert.deepEqual(await balances(), [100, 100])
})

check('the log is away: nothing is begun; away when the decision is to be written: nothing is kept', async (banks, t) => {
  const { server, coordinator, held, balances } = await withOther(banks, 'log')
  t.after(intercept(DECIDE, () => server.crash(), { times: 1 }))
  // Where the session is found dead before anything is sent, it was not decided; else the log would have to be asked.
  await assert.rejects(transfer(coordinator, 30), (error: CallError) => error.code === 'ABORTED' || error.code === 'UNKNOWN')
  let began = false
  const refused = coordinator.transaction(async () => void (began = true))
  await assert.rejects(refused, { code: 'UNAVAILABLE' })
  assert.equal(began, false)
  await server.start()
  await until(async () => (await held()) === 0)
  assert.deepEqual(await balances(), [100, 100])
})

check('the log goes away with its answer: in doubt until it is back, and then as it says', async (banks, t) => {
  const { server, coordinator, held, balances } = await withOther(banks, 'log')
  const lose = async (): Promise<void> => {
    await server.crash()
    throw new Error('Connection terminated unexpectedly')
  }
  t.after(intercept(DECIDE, lose, { when: 'after', times: 1 }))
  await assert.rejects(transfer(coordinator, 30), (error: CallError) => {
    assert.equal(error.code, 'UNKNOWN', String(error))
    return /has an unknown outcome: the coordinator's log went away/.test(error.message)
  })
  assert.equal(await held(), 2)
  await server.start()
  await until(async () => (await held()) === 0)
  assert.deepEqual(await balances(), [70, 130])
})
