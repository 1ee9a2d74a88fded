import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SqlStore } from 'dure/data'
import { proxyTo } from '../proxy.test-support.ts'
import { RELAXED, testServer } from '../server.test-support.ts'
import { makeRig, until } from '../store.test-support.ts'

const server = await testServer({ settings: RELAXED })
const insert = (store: SqlStore, id: string): Promise<number> =>
  store.transaction((tx) => tx.run('INSERT INTO orders (id, total) VALUES (?, 1)', [id]))
const LOCK_SESSION =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dure lock orders' AND datname = current_database()"

test(
  'a store whose hold is lost writes nothing until it has it back, and then goes on by itself',
  { timeout: 60_000 },
  async (t) => {
    const rig = await makeRig(t, server.url())
    const proxy = await proxyTo(rig.url)
    const store = await rig.open({ url: proxy.url })
    t.after(async () => {
      await store.stop()
      await proxy.stop()
    })
    await insert(store, 'before')
    const inside = Promise.withResolvers<void>()
    const leave = Promise.withResolvers<void>()
    const under = store.transaction(async (tx) => {
      await tx.run("INSERT INTO orders (id, total) VALUES ('under way', 1)")
      inside.resolve()
      await leave.promise
      await tx.run("INSERT INTO orders (id, total) VALUES ('more', 1)")
    })
    await inside.promise
    proxy.closed = true
    await rig.ask(LOCK_SESSION)
    await until(() => rig.lines.some((line) => line.includes('hold on a store was lost')))
    // What was under way ends, and nothing new begins.
    leave.resolve()
    await assert.rejects(under, { code: 'UNAVAILABLE' })
    await assert.rejects(insert(store, 'meanwhile'), {
      code: 'UNAVAILABLE',
      message: /hold on the store of service "orders" was lost.*goes on by itself/,
    })
    proxy.closed = false
    await until(() => rig.lines.some((line) => line.includes('was regained')))
    await insert(store, 'after')
    assert.deepEqual(await store.select('SELECT id FROM orders ORDER BY id'), [{ id: 'after' }, { id: 'before' }])
  },
)

test('who is cut off and believes itself the owner cannot write when another has taken over', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  const proxy = await proxyTo(rig.url)
  const old = await rig.open({ url: proxy.url, writers: 2 })
  await insert(old, 'before')
  const inside = Promise.withResolvers<void>()
  const leave = Promise.withResolvers<void>()
  const under = old
    .transaction(
      async (tx) => {
        await tx.run("INSERT INTO orders (id, total) VALUES ('zombie', 1)")
        inside.resolve()
        await leave.promise
      },
      { timeout: 50_000 },
    )
    .catch((error: unknown) => error)
  await inside.promise
  // It hears and says nothing any more; at the server its session ends, as it does when a machine is gone.
  proxy.frozen = true
  await rig.ask(LOCK_SESSION)
  const next = await rig.open()
  await insert(next, 'next')
  // Only now it comes to itself, and commits.
  proxy.frozen = false
  leave.resolve()
  const error = (await under) as { code: string }
  assert.ok(error.code === 'UNAVAILABLE' || error.code === 'UNKNOWN', String(error))
  await assert.rejects(insert(old, 'late'))
  assert.deepEqual(await next.select('SELECT id FROM orders ORDER BY id'), [{ id: 'before' }, { id: 'next' }])
  await until(() => rig.lines.some((line) => line.includes('in use by another process now')))
  // When that one goes, the old one has it back.
  await next.stop()
  await until(() =>
    insert(old, 'again').then(
      () => true,
      () => false,
    ),
  )
  await old.stop()
  await proxy.stop()
})

test(
  'of two processes that start at once one migrates and has the store, and the other is told who',
  { timeout: 60_000 },
  async (t) => {
    const rig = await makeRig(t, server.url())
    let runs = 0
    const migrations = {
      '0001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER NOT NULL)',
      '0002': async () => void runs++,
    }
    const outcomes = await Promise.allSettled([rig.open({}, 'orders', migrations), rig.open({}, 'orders', migrations)])
    const [won, lost] = [
      outcomes.find(({ status }) => status === 'fulfilled'),
      outcomes.find(({ status }) => status === 'rejected'),
    ]
    assert.ok(won && lost)
    const { reason } = lost as { reason: { code: string; message: string } }
    assert.equal(reason.code, 'FAILED_PRECONDITION')
    assert.match(
      reason.message,
      /in use by another process \(server process \d+, "dure lock orders", from 127\.0\.0\.1\).*one process owns/,
    )
    assert.equal(runs, 1)
    const [{ n }] = (await rig.ask("SELECT count(*)::int AS n FROM orders.dure_migrations WHERE name = '0002'")) as [
      { n: number },
    ]
    assert.equal(n, 1)
  },
)
