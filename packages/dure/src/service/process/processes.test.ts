import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { CallError } from '../../contract/contract.ts'
import { quiet as quietOf, Stock, until } from '../rig.test-support.ts'
import { placing } from './load.test-support.ts'
import { Mail, Orders, shop } from './shop.test-support.ts'
import { supervised } from './supervised-system.test-support.ts'

/** The small shop, a process for each service, and this one as its caller. */
async function rig(t: TestContext) {
  const running = await supervised(t, { make: shop, program: new URL('./process.test-support.ts', import.meta.url) })
  return {
    ...running,
    pidOf: (name: string): number => running.pidsOf(name)[0]!,
    quiet: (): Promise<void> => quietOf(running.caller),
  }
}

test('every process killed under load: nothing acknowledged is lost, nothing happens twice', { timeout: 120_000 }, async (t) => {
  const { caller, pidOf, back, quiet } = await rig(t)
  const load = placing(caller)
  for (const [i, name] of ['stock', 'orders', 'mail', 'broker'].entries()) {
    await load.more(30)
    process.kill(pidOf(name), 'SIGKILL')
    await back(i + 1)
  }
  await load.more(30)
  await load.end()
  await quiet()
  const sent = await caller.client(Mail).sent()
  assert.equal(new Set(sent).size, sent.length)
  assert.deepEqual(
    load.placed.filter((id) => !sent.includes(id)),
    [],
  )
  assert.equal((await caller.client(Orders).count()).count, sent.length)
  for (const error of load.failed) {
    // Told by its own process, or by that of the service that it needed.
    assert.ok(error instanceof CallError && ['UNAVAILABLE', 'INTERNAL', 'DEADLINE_EXCEEDED'].includes(error.code), String(error))
  }
})

test('every process replaced under load: no call fails', { timeout: 120_000 }, async (t) => {
  const { caller, supervisor, quiet } = await rig(t)
  const before = supervisor.processes().map(({ pid }) => pid)
  const load = placing(caller)
  await load.more(30)
  await supervisor.replace()
  await load.more(30)
  await load.end()
  assert.deepEqual(load.failed, [])
  assert.ok(supervisor.processes().every(({ pid }) => !before.includes(pid)))
  await quiet()
  assert.deepEqual((await caller.client(Mail).sent()).toSorted(), load.placed.toSorted())
})

test('a frozen process: no caller waits past its deadline, others go on, and it comes back', { timeout: 120_000 }, async (t) => {
  const { caller, pidOf } = await rig(t)
  const stock = caller.client(Stock)
  await stock.reserve({ quantity: 1 })
  process.kill(pidOf('stock'), 'SIGSTOP')
  const asked = Array.from({ length: 20 }, () => stock.reserve({ quantity: 1 }, { timeout: 500 }))
  for (const answer of await Promise.allSettled(asked)) {
    assert.ok(answer.status === 'rejected')
    assert.ok(['DEADLINE_EXCEEDED', 'UNAVAILABLE'].includes((answer.reason as CallError).code), String(answer.reason))
  }
  assert.deepEqual(await caller.client(Orders).count(), { count: 0 })
  assert.equal((await caller.health()).services.find(({ service }) => service === 'stock')!.ready, false)
  process.kill(pidOf('stock'), 'SIGCONT')
  await until(() =>
    stock.reserve({ quantity: 1 }).then(
      () => true,
      () => false,
    ),
  )
})
