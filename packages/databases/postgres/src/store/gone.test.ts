import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proxyTo } from '../proxy.test-support.ts'
import { RELAXED, testServer } from '../server.test-support.ts'
import { makeRig, until } from '../store.test-support.ts'

const server = await testServer({ settings: RELAXED })

for (const service of ['orders', 'a-service-whose-name-is-far-too-long-for-the-server-to-show-it'])
  test(`a member of ${service} is gone when it has no session, not when its witness was lost`, async (t) => {
    const rig = await makeRig(t, server.url())
    const proxy = await proxyTo(rig.url)
    const [one, other] = [await rig.open({}, service), await rig.open({ url: proxy.url }, service)]
    t.after(async () => {
      await other.stop()
      await proxy.stop()
    })
    assert.deepEqual(
      [await one.gone!(other.member), await one.gone!(one.member), await one.gone!('nobody')],
      [false, false, true],
    )
    // Nothing of its own is left but the witness, which is begun again.
    const asked = one.gone!(other.member)
    await rig.ask(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'dure w%' AND datname = current_database()",
    )
    assert.equal(await one.gone!(other.member), false)
    assert.equal(await asked, false)
    // A transaction is under way, and the witness cannot come back.
    const [inside, leave] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const work = other.transaction(
      async (tx) => {
        await tx.run("INSERT INTO orders (id, total) VALUES ('held', 1)")
        inside.resolve()
        await leave.promise
      },
      { timeout: 60_000 },
    )
    await inside.promise
    proxy.closed = true
    await rig.ask(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'dure witness%' AND datname = current_database()",
    )
    assert.equal(await one.gone!(other.member), false)
    leave.resolve()
    await work
    // Killed, for the server.
    proxy.cut()
    await until(() => one.gone!(other.member))
    proxy.closed = false
    await until(async () => !(await one.gone!(other.member)))
  })
