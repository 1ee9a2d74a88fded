import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SqlStore } from 'dure/data'
import { postgres } from '../postgres.ts'
import { proxyTo } from '../proxy.test-support.ts'
import { RELAXED, testServer } from '../server.test-support.ts'
import { makeRig, until } from '../store.test-support.ts'

const server = await testServer({ settings: RELAXED })
const insert = (store: SqlStore, id: string): Promise<number> =>
  store.transaction((tx) => tx.run('INSERT INTO orders (id, total) VALUES (?, 1)', [id]))
const END_WITNESSES =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'dure witness orders %' AND datname = current_database()"

test('a store whose witness is lost goes on, and a commit that is lost meanwhile is looked up by the next', async (t) => {
  const rig = await makeRig(t, server.url())
  const proxy = await proxyTo(rig.url)
  const store = await rig.open({ url: proxy.url, writers: 1 })
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
  })
  await inside.promise
  proxy.closed = true
  await rig.ask(END_WITNESSES)
  await until(() => rig.lines.some((line) => line.includes('lost commits of a store was lost')))
  leave.resolve()
  await under
  await insert(store, 'meanwhile')
  // The commit never arrives; the server has its transaction open until somebody ends it.
  proxy.loseNextCommit = 'itself'
  const committing = insert(store, 'gone').catch((error: unknown) => error)
  await proxy.lost()
  proxy.closed = false
  const error = (await committing) as { code: string; message: string }
  assert.equal(error.code, 'UNAVAILABLE', error.message)
  assert.match(error.message, /nothing of it was kept/)
  await insert(store, 'after')
  const rows = await store.select('SELECT id FROM orders ORDER BY id')
  assert.deepEqual(
    rows.map(({ id }) => id),
    ['after', 'before', 'meanwhile', 'under way'],
  )
})

test('of several that have a store open each ends its own sessions only, and one that stops none of the others', async (t) => {
  const rig = await makeRig(t, server.url())
  const [one, other] = [await rig.open(), await rig.open()]
  const inside = Promise.withResolvers<void>()
  const leave = Promise.withResolvers<void>()
  const under = other.transaction(async (tx) => {
    await tx.run("INSERT INTO orders (id, total) VALUES ('other', 1)")
    inside.resolve()
    await leave.promise
  })
  await inside.promise
  await assert.rejects(
    one.transaction(
      async (tx) => {
        await tx.run("INSERT INTO orders (id, total) VALUES ('late', 1)")
        await new Promise(() => {})
      },
      { timeout: 50 },
    ),
    { code: 'DEADLINE_EXCEEDED' },
  )
  await insert(one, 'one')
  await one.stop()
  leave.resolve()
  await under
  assert.deepEqual(await other.select('SELECT id FROM orders ORDER BY id'), [{ id: 'one' }, { id: 'other' }])
})

test('of processes that start at once on an empty server one makes and migrates the store, and all have it', async (t) => {
  const rig = await makeRig(t, server.url())
  let runs = 0
  const migrations = {
    '0001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER NOT NULL)',
    '0002': async () => void runs++,
  }
  const stores = await Promise.all(Array.from({ length: 4 }, () => rig.open({}, 'orders', migrations)))
  assert.equal(runs, 1)
  await Promise.all(stores.map((store, n) => insert(store, String(n))))
  assert.equal((await stores[0]!.select('SELECT id FROM orders')).length, 4)
  // Known before one is open, and then of each.
  assert.deepEqual(new Set([postgres({ url: rig.url }).sharing, ...stores.map(({ sharing }) => sharing)]), new Set(['shared']))
})

test('a migration that does not get its lock is tried again, and readers do not queue behind it', async (t) => {
  const rig = await makeRig(t, server.url())
  const old = await rig.open()
  const inside = Promise.withResolvers<void>()
  const leave = Promise.withResolvers<void>()
  const under = old.transaction(
    async (tx) => {
      await tx.run("INSERT INTO orders (id, total) VALUES ('under way', 1)")
      inside.resolve()
      await leave.promise
    },
    { timeout: 60_000 },
  )
  await inside.promise
  const migrations = {
    '0001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER NOT NULL)',
    '0002': "ALTER TABLE orders ADD COLUMN note TEXT NOT NULL DEFAULT 'none'",
  }
  const opening = rig.open({}, 'orders', migrations)
  await until(() => rig.lines.some((line) => line.includes('waits for a lock')))
  await old.select('SELECT id FROM orders')
  leave.resolve()
  await under
  const next = await opening
  assert.deepEqual(await next.select('SELECT id, note FROM orders'), [{ id: 'under way', note: 'none' }])
})
