import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SqlStore, SqlTransaction } from 'dure/data'
import { proxyTo } from '../proxy.test-support.ts'
import { RELAXED, testServer } from '../server.test-support.ts'
import { makeRig, until } from '../store.test-support.ts'

const server = await testServer({ settings: RELAXED })
const insert = (store: SqlStore, id: string): Promise<number> =>
  store.transaction((tx) => tx.run('INSERT INTO orders (id, total) VALUES (?, 1)', [id]))
const told = (store: SqlStore, name: string, value?: string): number =>
  store.readings!()
    .filter(
      ({ family, attributes }) => family.name === name && (value === undefined || Object.values(attributes).join(' ') === value),
    )
    .reduce((sum, reading) => sum + reading.value, 0)

test('two that cross are both done, the second begun again; how often is told', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  const store = await rig.open()
  await store.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('a', 1), ('b', 1)"))
  const read = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const begun = [0, 0]
  // Each reads what the other writes, both before either has written.
  const swap = (me: 0 | 1, from: string, to: string): Promise<void> =>
    store.transaction(async (tx) => {
      begun[me]!++
      const [row] = await tx.all('SELECT total FROM orders WHERE id = ?', [from])
      read[me]!.resolve()
      await read[1 - me]!.promise
      await tx.run('UPDATE orders SET total = ? WHERE id = ?', [Number(row!['total']) + 1, to])
    })
  await Promise.all([swap(0, 'a', 'b'), swap(1, 'b', 'a')])
  assert.deepEqual(begun.toSorted(), [1, 2])
  assert.equal(told(store, 'dure.transaction.crossed'), 1)
  const totals = (await store.select('SELECT total FROM orders ORDER BY total')).map(({ total }) => total)
  assert.deepEqual(totals, [2, 3], 'as if one had come after the other')
})

test('with less isolation the same two are not held apart', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  const store = await rig.open({ isolation: 'read committed' })
  const read = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const enter = (me: 0 | 1): Promise<void> =>
    store.transaction(async (tx) => {
      const [row] = await tx.all('SELECT count(*) AS n FROM orders')
      read[me]!.resolve()
      await read[1 - me]!.promise
      if (row!['n'] === 0) await tx.run('INSERT INTO orders (id, total) VALUES (?, 1)', [`first ${me}`])
    })
  await Promise.all([enter(0), enter(1)])
  assert.equal((await store.select('SELECT id FROM orders')).length, 2)
})

test('transactions and reads that wait are bounded, and connections are told and few', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  const store = await rig.open({ writers: 2, readers: 1, waiting: 3 })
  const leave = Promise.withResolvers<void>()
  const inside = Array.from({ length: 3 }, (_, n) =>
    store.transaction(async (tx) => {
      await tx.run('INSERT INTO orders (id, total) VALUES (?, 1)', [String(n)])
      await leave.promise
    }),
  )
  await assert.rejects(insert(store, 'more'), {
    code: 'RESOURCE_EXHAUSTED',
    message: /3 transactions of service "orders" are waiting/,
  })
  await until(() => told(store, 'db.client.connection.count', 'writers used') === 2)
  assert.equal(told(store, 'db.client.connection.pending_requests', 'writers'), 1)
  leave.resolve()
  await Promise.all(inside)
  const snapshots = await Promise.allSettled(
    Array.from({ length: 6 }, () => store.snapshot(async (read) => read.selectFrom('orders').selectAll().execute())),
  )
  assert.deepEqual(
    snapshots
      .map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.length : (outcome.reason as { code: string }).code))
      .toSorted(),
    [3, 3, 3, 3, 'RESOURCE_EXHAUSTED', 'RESOURCE_EXHAUSTED'],
  )
  assert.deepEqual(
    await rig.ask(
      "SELECT split_part(application_name, ' ', 2) AS name, count(*)::int AS n FROM pg_stat_activity WHERE application_name ~ '^dure (witness|reader|writer) orders' AND datname = current_database() GROUP BY 1 ORDER BY 1",
    ),
    [
      { name: 'reader', n: 1 },
      { name: 'witness', n: 1 },
      { name: 'writer', n: 2 },
    ],
  )
})

test(
  'what is not isolated sees what commits meanwhile and is run once; what is isolated sees one moment',
  { timeout: 60_000 },
  async (t) => {
    const rig = await makeRig(t, server.url())
    const [store, other] = [await rig.open(), await rig.open()]
    for (const isolated of [false, true]) {
      let runs = 0
      const seen = await store.transaction(
        async (tx) => {
          runs++
          const before = await tx.all('SELECT id FROM orders')
          if (runs === 1) await insert(other, `meanwhile ${isolated}`)
          return (await tx.all('SELECT id FROM orders')).length - before.length
        },
        { isolated },
      )
      assert.deepEqual([seen, runs], [isolated ? 0 : 1, 1])
    }
  },
)

test('a table that changes under prepared statements is read as it is', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  const store = await rig.open({ writers: 1, readers: 1 })
  for (const id of ['a', 'b', 'c']) {
    await insert(store, id)
    await store.transaction((tx) => tx.all('SELECT * FROM orders'))
    await store.select('SELECT * FROM orders')
  }
  await store.transaction((tx) => tx.run("ALTER TABLE orders ADD COLUMN note TEXT DEFAULT 'none'"))
  const row = { id: 'a', total: 1, note: 'none' }
  assert.deepEqual((await store.select('SELECT * FROM orders'))[0], row)
  await store.transaction((tx) => tx.run('ALTER TABLE orders DROP COLUMN note'))
  assert.deepEqual((await store.transaction((tx) => tx.all('SELECT * FROM orders')))[0], { id: 'a', total: 1 })
})

test('more different statements than are kept prepared still run, and few are kept', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  const store = await rig.open({ writers: 1 })
  await store.transaction(async (tx) => {
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 700; n++) assert.deepEqual(await tx.all(`SELECT ${n} AS n`), [{ n }])
    }
    const [kept] = await tx.all('SELECT count(*) AS n FROM pg_prepared_statements')
    assert.ok(Number(kept!['n']) <= 512, `${kept!['n']} kept`)
  })
})

test('where BEGIN fails nothing is done, neither alone nor without the rest', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  const proxy = await proxyTo(rig.url)
  t.after(() => proxy.stop())
  const store = await rig.open({ url: proxy.url, writers: 1 })
  await insert(store, 'before')
  const works: readonly ((tx: SqlTransaction) => Promise<unknown>)[] = [
    (tx) => tx.run("INSERT INTO orders (id, total) VALUES ('a', 1)"),
    async (tx) => {
      await tx.run("INSERT INTO orders (id, total) VALUES ('b', 1)").catch(() => {})
      await tx.run("INSERT INTO orders (id, total) VALUES ('c', 1)").catch(() => {})
    },
    (tx) => tx.all('SELECT id FROM orders'),
    async (tx) => {
      tx.beforeCommit(async () => void tx.run("INSERT INTO orders (id, total) VALUES ('d', 1)").catch(() => {}))
    },
  ]
  for (const work of works) {
    proxy.spoil = /BEGIN/
    await assert.rejects(store.transaction(work), /division by zero/)
  }
  assert.deepEqual(await store.select('SELECT id FROM orders'), [{ id: 'before' }])
  await insert(store, 'after')
})

test(
  'a statement that nobody waits for and that crosses another transaction has all of it begun again',
  { timeout: 60_000 },
  async (t) => {
    const rig = await makeRig(t, server.url())
    const [store, other] = [await rig.open(), await rig.open()]
    await insert(store, 'a')
    let runs = 0
    await store.transaction(async (tx) => {
      const [row] = await tx.all("SELECT total FROM orders WHERE id = 'a'")
      if (++runs === 1) await other.transaction((beside) => beside.run("UPDATE orders SET total = total + 1 WHERE id = 'a'"))
      // Sent in one batch with the COMMIT behind it, which is not carried out.
      tx.beforeCommit(async () => {
        tx.run("UPDATE orders SET total = ? WHERE id = 'a'", [Number(row!['total']) + 10]).catch(() => {})
      })
    })
    assert.equal(runs, 2)
    assert.deepEqual(await store.select("SELECT total FROM orders WHERE id = 'a'"), [{ total: 12 }])
  },
)
