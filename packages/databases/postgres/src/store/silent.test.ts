import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { SqlStore } from 'dure/data'
import { proxyTo, type Proxy } from '../proxy.test-support.ts'
import { RELAXED, testServer } from '../server.test-support.ts'
import { makeRig, until, type Rig } from '../store.test-support.ts'

const server = await testServer({ settings: RELAXED })

const WITNESS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'dure witness orders %'"

const insert = (store: SqlStore, id: string): Promise<number> =>
  store.transaction((tx) => tx.run('INSERT INTO orders (id, total) VALUES (?, 1)', [id]))

/** A store with one writer, by way of a proxy that can fall silent. */
async function scene(t: TestContext): Promise<{ readonly rig: Rig; readonly proxy: Proxy; readonly store: SqlStore }> {
  const rig = await makeRig(t, server.url())
  const proxy = await proxyTo(rig.url)
  const store = await rig.open({ url: proxy.url, writers: 1, timeout: 1_000, connectTimeout: 1_000 })
  t.after(async () => {
    await store.stop()
    await proxy.stop()
  })
  return { rig, proxy, store }
}

test('work that fails on a connection that answers nothing any more fails with its error, and the store goes on', async (t) => {
  const { proxy, store } = await scene(t)
  const failing = store.transaction(async (tx) => {
    await tx.run("INSERT INTO orders (id, total) VALUES ('a', 1)")
    proxy.muteAt = /ROLLBACK/
    throw new Error('no')
  })
  await assert.rejects(failing, /^Error: no$/)
  await insert(store, 'b')
  assert.deepEqual(await store.select('SELECT id FROM orders'), [{ id: 'b' }])
})

test('a session that answers nothing while it is being begun is given up, wherever it stopped', async (t) => {
  for (const at of [/SET bytea_output/]) {
    const { proxy, store } = await scene(t)
    proxy.muteAt = at
    await assert.rejects(insert(store, 'a'), { code: 'UNAVAILABLE' })
    await insert(store, 'b')
    assert.deepEqual(await store.select('SELECT id FROM orders'), [{ id: 'b' }])
  }
})

test('the witness is begun again also when the first session that tries answers nothing any more', async (t) => {
  for (const at of [/SET bytea_output/, /timeline_id/]) {
    const { rig, proxy, store } = await scene(t)
    await insert(store, 'a')
    proxy.muteAt = at
    await rig.ask(WITNESS)
    await until(() => proxy.muteAt === undefined)
    await until(() => rig.lines.some((line) => line.includes('is there again')))
    await until(() =>
      insert(store, 'b').then(
        () => true,
        () => false,
      ),
    )
    await store.stop()
  }
})

test('a store whose server answers nothing any more stops all the same', async (t) => {
  const { proxy, store } = await scene(t)
  await insert(store, 'a')
  await store.select('SELECT id FROM orders')
  proxy.silent = true
  await store.stop()
})

test('a snapshot or stream that nobody ends is ended in words, and gives its place back', async (t) => {
  const rig = await makeRig(t, server.url())
  const store = await rig.open({ readers: 1, readTimeout: 100 })
  await insert(store, 'a')
  const ended = (error: unknown): boolean => (error as { code?: unknown }).code === 'DEADLINE_EXCEEDED'
  await assert.rejects(
    store.snapshot(() => new Promise(() => {})),
    ended,
  )
  const rows = store.read.selectFrom('orders').selectAll().stream(1)[Symbol.asyncIterator]()
  await rows.next()
  assert.equal((await store.snapshot((read) => read.selectFrom('orders').selectAll().execute())).length, 1)
  await assert.rejects(rows.next())
  await store.stop()
})
