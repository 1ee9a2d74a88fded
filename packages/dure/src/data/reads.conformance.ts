import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gate, inWorld, ordersTable, orderIds, type World } from './world.conformance.ts'

export function readConformance(module: URL): void {
  const check = (what: string, run: (world: World) => Promise<void>): void => void test(what, () => inWorld(module, run))

  check('readers see what is committed and nothing else', async ({ open }) => {
    const store = await open()
    const inside = gate()
    const leave = gate()
    const writing = store.transaction(async (tx) => {
      await tx.run('INSERT INTO orders (id, total) VALUES (?, ?)', ['a', 1])
      inside.open()
      await leave.opened
    })
    await inside.opened
    assert.deepEqual(await orderIds(store), [])
    assert.deepEqual(await store.read.selectFrom('orders').selectAll().execute(), [])
    leave.open()
    await writing
    assert.deepEqual(await store.read.selectFrom('orders').selectAll().execute(), [{ id: 'a', total: 1 }])
  })

  check('a snapshot does not move while others commit', async ({ open }) => {
    const store = await open()
    const add = (id: string): Promise<number> =>
      store.transaction((tx) => tx.run('INSERT INTO orders (id, total) VALUES (?, 1)', [id]))
    await add('a')
    let leaked: typeof store.read | undefined
    const seen = await store.snapshot(async (read) => {
      leaked = read
      await add('b')
      const first = await read.selectFrom('orders').select('id').execute()
      await add('c')
      return [first, await read.selectFrom('orders').select('id').execute()]
    })
    assert.deepEqual(seen, [[{ id: 'a' }], [{ id: 'a' }]])
    assert.deepEqual(await orderIds(store), ['a', 'b', 'c'])
    await assert.rejects(leaked!.selectFrom('orders').selectAll().execute(), { code: 'FAILED_PRECONDITION' })
  })

  check('many snapshots and streams at once all get their turn', async ({ open }) => {
    const store = await open()
    await store.transaction(async (tx) => {
      for (let i = 0; i < 50; i++) await tx.run('INSERT INTO orders (id, total) VALUES (?, ?)', [String(i), i])
    })
    const counts = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        if (i % 2 === 0) return store.snapshot(async (read) => (await read.selectFrom('orders').selectAll().execute()).length)
        let rows = 0
        for await (const row of store.read.selectFrom('orders').selectAll().stream(10)) rows += Number(row['total'] >= 0)
        return rows
      }),
    )
    assert.deepEqual(
      counts,
      counts.map(() => 50),
    )
  })

  check('writing through a reader is refused', async ({ open }) => {
    const store = await open()
    const row = { id: 'a', total: 1 }
    await assert.rejects(store.read.insertInto('orders').values(row).execute(), {
      code: 'FAILED_PRECONDITION',
      message: /`read`/,
    })
    await assert.rejects(
      store.read.transaction().execute((tx) => tx.insertInto('orders').values(row).execute()),
      { code: 'FAILED_PRECONDITION' },
    )
    await assert.rejects(
      store.snapshot((read) => read.deleteFrom('orders').execute()),
      { code: 'FAILED_PRECONDITION' },
    )
    await assert.rejects(store.select("INSERT INTO orders (id, total) VALUES ('b', 1)"), { code: 'FAILED_PRECONDITION' })
    assert.deepEqual(await orderIds(store), [])
  })

  check('values come back as they went in', async ({ open }) => {
    const store = await open('values', {
      '0001': 'CREATE TABLE kept (id INTEGER PRIMARY KEY, t TEXT, n BIGINT, r DOUBLE PRECISION)',
    })
    const rows = [
      { id: 1, t: "it's 'quoted' \u{1f600} 한글", n: 9_007_199_254_740_991, r: 0.1 },
      { id: 2, t: '', n: -1, r: -1e300 },
      { id: 3, t: null, n: null, r: null },
    ]
    await store.transaction(async (tx) => {
      await tx.kysely.insertInto('kept').values(rows.slice(0, 2)).execute()
      await tx.run('INSERT INTO kept (id, t, n, r) VALUES (?, ?, ?, ?)', [3, null, null, null])
    })
    const read = await store.read.selectFrom('kept').selectAll().orderBy('id').execute()
    assert.deepEqual(read, rows)
    assert.equal(Object.getPrototypeOf(read[0]), Object.prototype)
  })

  check('what engines answer differently comes back alike', async ({ open }) => {
    const store = await open('values', {
      '0001': `CREATE TABLE kept (id INTEGER PRIMARY KEY, flag SMALLINT, n BIGINT);
        INSERT INTO kept (id, flag, n) VALUES (1, 1, 4000000000), (2, 0, 2)`,
    })
    assert.deepEqual(await store.select('SELECT sum(n) AS total, count(*) AS count, max(n) > 3 AS big FROM kept'), [
      { total: 4_000_000_002, count: 2, big: 1 },
    ])
    const { kept } = await store.transaction(async (tx) => {
      await tx.kysely.updateTable('kept').set({ flag: true }).where('id', '=', 2).execute()
      await assert.rejects(
        tx.kysely
          .updateTable('kept')
          .set({ n: new Date(0) })
          .execute(),
        { code: 'INVALID_ARGUMENT', message: /parameter 1 is a Date/ },
      )
      await assert.rejects(tx.run('UPDATE kept SET n = ?', [{ a: 1 } as unknown as null]), { message: /parameter 1 is a Object/ })
      return { kept: await tx.all('SELECT flag FROM kept WHERE flag = ? ORDER BY id', [true as unknown as number]) }
    })
    assert.deepEqual(kept, [{ flag: 1 }, { flag: 1 }])
  })

  check("another service's tables are out of reach", async ({ open }) => {
    const orders = await open('orders', ordersTable)
    const stock = await open('stock', { '0001': 'CREATE TABLE items (id TEXT PRIMARY KEY)' })
    await orders.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('a', 1)"))
    for (const name of ['orders', 'orders.orders', 'main.orders', 'public.orders']) {
      await assert.rejects(stock.select(`SELECT * FROM ${name}`))
      await assert.rejects(stock.transaction((tx) => tx.all(`SELECT * FROM ${name}`)))
    }
  })
}
