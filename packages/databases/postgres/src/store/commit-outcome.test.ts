import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { SqlStore } from 'dure/data'
import { proxyTo, type Proxy } from '../proxy.test-support.ts'
import { missing15, RELAXED, testServer, VERSIONS } from '../server.test-support.ts'
import { ask, at, makeRig, until, type Rig } from '../store.test-support.ts'
import type { LocalServer } from '../server/server.ts'

const insert = (store: SqlStore, id: string): Promise<number> =>
  store.transaction((tx) => tx.run('INSERT INTO orders (id, total) VALUES (?, 1)', [id]))

type Scene = { readonly rig: Rig; readonly proxy: Proxy; readonly store: SqlStore; readonly rows: () => Promise<unknown[]> }

for (const version of VERSIONS) {
  const skip = version === 15 && missing15
  const server: LocalServer | undefined = skip === false ? await testServer({ version, settings: RELAXED }) : undefined

  /** A store that reaches its server by way of a proxy; one connection writes, so that the order of events is known. */
  const scene = async (t: TestContext): Promise<Scene> => {
    const rig = await makeRig(t, server!.url())
    const proxy = await proxyTo(rig.url)
    const store = await rig.open({ url: proxy.url, writers: 1, outcomeTimeout: 100_000 })
    t.after(async () => {
      await store.stop()
      await proxy.stop()
    })
    await insert(store, 'before')
    return { rig, proxy, store, rows: () => rig.ask('SELECT id FROM orders.orders ORDER BY id') }
  }
  const check = (what: string, run: (scene: Scene) => Promise<void>): void =>
    void test(`${what} (PostgreSQL ${version})`, { skip, timeout: 120_000 }, async (t) => run(await scene(t)))

  check('a commit whose answer is lost is found to be kept, and counts', async ({ proxy, store, rows }) => {
    const heard: string[] = []
    proxy.loseNextCommit = 'answer'
    await store.transaction(async (tx) => {
      tx.onCommit(() => heard.push('a'))
      await tx.run("INSERT INTO orders (id, total) VALUES ('a', 1)")
    })
    assert.deepEqual(heard, ['a'])
    const told = store.readings!().filter(({ family }) => family.name === 'dure.transaction.lost_commits')
    assert.deepEqual(
      told.map(({ attributes, value }) => [attributes['outcome'], value]),
      [
        ['committed', 1],
        ['rolledBack', 0],
        ['unknown', 0],
      ],
    )
    assert.deepEqual(await rows(), [{ id: 'a' }, { id: 'before' }])
    await insert(store, 'after')
  })

  check(
    'a commit with a mark in it whose answer is lost is not asked about: its mark tells who comes again',
    async ({ proxy, store }) => {
      const mark = (messageId: string): Promise<number> =>
        store.transaction((tx) => store.records.inbox.mark(tx, { marks: [{ consumer: 'c', messageId }], at: 1 }), {
          marked: true,
        })
      for (const [lost, again] of [
        ['itself', 1],
        ['answer', 0],
      ] as const) {
        proxy.loseNextCommit = lost
        await assert.rejects(mark(lost), { code: 'UNKNOWN' })
        assert.equal(await mark(lost), again)
      }
    },
  )

  check('a commit that never arrives is found to be lost, and says that nothing was kept', async ({ proxy, store, rows }) => {
    proxy.loseNextCommit = 'itself'
    await assert.rejects(insert(store, 'a'), { code: 'UNAVAILABLE', message: /nothing of it was kept/ })
    assert.deepEqual(await rows(), [{ id: 'before' }])
    await insert(store, 'a')
  })

  check('after a crash of the server the outcome is found as well: kept', async ({ proxy, store, rows }) => {
    proxy.loseNextCommit = 'answer'
    const committing = insert(store, 'a')
    await proxy.lost()
    await server!.crash()
    await server!.start()
    await committing
    assert.deepEqual(await rows(), [{ id: 'a' }, { id: 'before' }])
  })

  check('after a crash of the server the outcome is found as well: lost', async ({ proxy, store, rows }) => {
    proxy.closed = true
    proxy.loseNextCommit = 'itself'
    const committing = insert(store, 'a').catch((error: unknown) => error)
    await proxy.lost()
    await server!.crash()
    await server!.start()
    // Its number is given to others meanwhile, who do commit.
    for (let i = 0; i < 3; i++) await ask(at(server!.url(), 'postgres'), `CREATE TABLE other_${version}_${i} (n INTEGER)`)
    proxy.cut()
    proxy.closed = false
    const error = (await committing) as { code: string; message: string }
    assert.equal(error.code, 'UNAVAILABLE', error.message)
    assert.match(error.message, /nothing of it was kept/)
    assert.deepEqual(await rows(), [{ id: 'before' }])
  })

  check('what cannot be found out is said to be unknown, and done neither twice nor silently', async ({ proxy, store, rig }) => {
    proxy.closed = true
    proxy.loseNextCommit = 'answer'
    const committing = insert(store, 'a').catch((error: unknown) => error)
    await proxy.lost()
    await server!.crash()
    await server!.start()
    // From here on the server's own record of what it recovered is overwritten.
    await rig.ask('CREATE TABLE more (n INTEGER)', 'CHECKPOINT')
    proxy.cut()
    proxy.closed = false
    const error = (await committing) as { code: string; message: string }
    assert.equal(error.code, 'UNKNOWN', error.message)
    assert.match(error.message, /kept whole or not at all/)
    await until(() =>
      insert(store, 'later').then(
        () => true,
        () => false,
      ),
    )
  })
}
