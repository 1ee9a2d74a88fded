import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { SqlStore, SqlTransaction } from 'dure/data'
import { beginningOf, uniqueName } from '../names.ts'
import { proxyTo, type Proxy } from '../proxy.test-support.ts'
import { missing15, RELAXED, testServer, VERSIONS } from '../server.test-support.ts'
import { makeRig, until, type Rig } from '../store.test-support.ts'
import type { LocalServer } from '../server/server.ts'

const insert = (tx: SqlTransaction, id: string): Promise<number> => tx.run('INSERT INTO orders (id, total) VALUES (?, 1)', [id])

/** A transaction that has written and goes on when it is told to; what became of it. */
async function held(store: SqlStore, id: string): Promise<{ readonly leave: () => void; readonly outcome: Promise<unknown> }> {
  const [inside, leave] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const work = async (tx: SqlTransaction): Promise<void> => {
    await insert(tx, id)
    inside.resolve()
    await leave.promise
  }
  const outcome = store.transaction(work, { timeout: 60_000 }).then(
    () => 'committed',
    (error: unknown) => error,
  )
  await inside.promise
  return { leave: () => leave.resolve(), outcome }
}

/** Whether a promise has not settled after looking so often at the server. */
async function waits(rig: Rig, promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  void promise.then(() => (settled = true))
  for (let n = 0; n < 20; n++) await rig.ask('SELECT pg_sleep(0.01)')
  return !settled
}

const ids = async (store: SqlStore): Promise<unknown[]> =>
  (await store.select('SELECT id FROM orders ORDER BY id')).map(({ id }) => id)

for (const version of VERSIONS) {
  const skip = version === 15 && missing15
  const server: LocalServer | undefined = skip === false ? await testServer({ version, settings: RELAXED }) : undefined
  type Scene = { readonly rig: Rig; readonly proxy: Proxy; readonly old: SqlStore; readonly next: SqlStore }
  const check = (what: string, run: (scene: Scene) => Promise<void>): void =>
    void test(`${what} (PostgreSQL ${version})`, { skip, timeout: 120_000 }, async (t: TestContext) => {
      const rig = await makeRig(t, server!.url())
      const proxy = await proxyTo(rig.url)
      const [old, next] = [await rig.open({ url: proxy.url }), await rig.open()]
      t.after(async () => {
        await old.stop()
        await proxy.stop()
      })
      await run({ rig, proxy, old, next })
    })

  check('what is open is waited for, and what begins later is not', async ({ rig, old, next }) => {
    const [first, own] = [await held(old, 'first'), await held(next, 'own')]
    const waiting = next.waitOut!({ before: undefined, patience: 0 })
    assert.ok(await waits(rig, waiting), 'it waits')
    const later = await held(old, 'later')
    first.leave()
    assert.ok(await waits(rig, waiting), 'a transaction of its own is waited for as well')
    own.leave()
    await waiting
    later.leave()
    assert.deepEqual(await Promise.all([first, own, later].map(({ outcome }) => outcome)), Array(3).fill('committed'))
    await next.waitOut!({ before: old.member, patience: 0 })
    assert.deepEqual(await ids(next), ['first', 'later', 'own'])
  })

  check(
    'one that is frozen inside a transaction is ended by force, and keeps nothing when it thaws',
    async ({ proxy, old, next }) => {
      const zombie = await held(old, 'zombie')
      proxy.frozen = true
      await next.waitOut!({ before: old.member, patience: 50 })
      await next.transaction((tx) => insert(tx, 'next'))
      proxy.frozen = false
      zombie.leave()
      const { code } = (await zombie.outcome) as { code: string }
      assert.ok(code === 'UNAVAILABLE' || code === 'UNKNOWN', code)
      assert.deepEqual(await ids(next), ['next'])
      // It has only lost that transaction.
      await until(() =>
        old
          .transaction((tx) => insert(tx, 'again'))
          .then(
            () => true,
            () => false,
          ),
      )
    },
  )

  check('nobody else is ended by force, however long it takes', async ({ rig, old, next }) => {
    const third = await rig.open()
    const [one, other] = [await held(old, 'old'), await held(third, 'third')]
    const waiting = next.waitOut!({ before: old.member, patience: 0 })
    assert.ok(await waits(rig, waiting))
    one.leave()
    assert.equal(((await one.outcome) as { code: string }).code, 'UNAVAILABLE')
    other.leave()
    await waiting
    assert.deepEqual(await ids(next), ['third'])
  })

  check('checked, raised, waited out, loaded: nothing of an epoch of the past comes later', async ({ rig, old, next }) => {
    await rig.ask(
      'SET search_path = orders',
      'CREATE TABLE orders.epochs (epoch INT)',
      'INSERT INTO orders.epochs VALUES (0)',
      'GRANT ALL ON orders.epochs TO PUBLIC',
    )
    const missed: Record<string, number> = { waited: 0, not: 0 }
    for (const how of ['waited', 'not'] as const) {
      for (let round = 0; round < 10; round++) {
        const [{ epoch }] = (await next.select('SELECT epoch FROM epochs')) as [{ epoch: number }]
        const inside = Promise.withResolvers<void>()
        const late = Promise.withResolvers<void>()
        // Marks under its epoch, in one statement, and commits later.
        const marking = old.transaction(async (tx) => {
          await tx.run('INSERT INTO orders (id, total) SELECT ?, 1 FROM epochs WHERE epoch = ?', [`${how} ${round}`, epoch])
          inside.resolve()
          await late.promise
        })
        await inside.promise
        await next.transaction((tx) => tx.run('UPDATE epochs SET epoch = epoch + 1'))
        const waited = how === 'waited' ? next.waitOut!({ before: undefined, patience: 0 }) : Promise.resolve()
        void rig.ask('SELECT pg_sleep(0.02)').then(() => late.resolve())
        await waited
        const loaded = await ids(next)
        await marking
        if ((await ids(next)).length !== loaded.length) missed[how]!++
      }
    }
    assert.equal(missed['waited'], 0)
    assert.ok(missed['not']! > 0, 'without waiting it would be found out')
  })

  check('it goes on when the session that asks is lost', async ({ rig, old, next }) => {
    const first = await held(old, 'first')
    const waiting = next.waitOut!({ before: undefined, patience: 0 })
    await rig.ask(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dure witness orders ${next.member}'`,
    )
    first.leave()
    await waiting
    assert.deepEqual(await ids(next), ['first'])
  })
}

test('names of all members of a service begin alike, however long it is called, and those of other services otherwise', () => {
  const member = '01993c1e-7d2a-7c3e-8f00-0123456789ab'
  for (const service of ['orders', 'o', '주문', 'x'.repeat(33), 'x'.repeat(34), 'x'.repeat(60), 'two words']) {
    const name = uniqueName('application', 'dure', 'writer', service, member)
    assert.ok(Buffer.byteLength(name) <= 63 && name.startsWith(beginningOf('application', 'dure', 'writer', service)), name)
    assert.notEqual(uniqueName('application', 'dure', 'writer', service, `${member.slice(0, -1)}c`), name)
  }
  assert.ok(
    !uniqueName('application', 'dure', 'writer', 'orders-eu', member).startsWith(
      beginningOf('application', 'dure', 'writer', 'orders'),
    ),
  )
})
