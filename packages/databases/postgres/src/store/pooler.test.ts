import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { poolerTo } from '../pooler.test-support.ts'
import { RELAXED, testServer } from '../server.test-support.ts'
import { makeRig, type Rig } from '../store.test-support.ts'

const server = await testServer({ settings: RELAXED })

async function behind(t: TestContext, by: 'session' | 'transaction'): Promise<{ readonly rig: Rig; readonly url: string }> {
  const rig = await makeRig(t, server.url())
  const pooler = await poolerTo(rig.url, by)
  t.after(pooler.stop)
  return { rig, url: pooler.url }
}

test('behind a pooler that leaves everybody his session a store works', { timeout: 60_000 }, async (t) => {
  const { rig, url } = await behind(t, 'session')
  const store = await rig.open({ url: () => url })
  await store.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('a', 1)"))
  assert.deepEqual(await store.select('SELECT id FROM orders'), [{ id: 'a' }])
  // A transaction that takes too long is ended at the server as well.
  await assert.rejects(
    store.transaction((tx) => tx.run('SELECT pg_sleep(3600)'), { timeout: 50 }),
    { code: 'DEADLINE_EXCEEDED' },
  )
  await store.stop()
})

test('a pooler that gives each transaction another session is refused, with what to do', { timeout: 60_000 }, async (t) => {
  const { rig, url } = await behind(t, 'transaction')
  await assert.rejects(rig.open({ url: () => url }), {
    code: 'FAILED_PRECONDITION',
    message:
      /"orders" failed: a pooler stands before the server .*To do: connect to the server itself, or set the pooler to session mode/,
  })
})
