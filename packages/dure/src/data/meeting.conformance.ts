import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { test } from 'node:test'
import { constraintOf } from './constraint.ts'
import type { SqlStore, SqlTransaction } from './database.ts'
import { gate, inWorld, orderIds, type World } from './world.conformance.ts'

const insert = (tx: SqlTransaction, id: string, total = 1): Promise<number> =>
  tx.run('INSERT INTO orders (id, total) VALUES (?, ?)', [id, total])

const totalOf = async (store: SqlStore): Promise<number> =>
  Number((await store.select('SELECT coalesce(sum(total), 0) AS total FROM orders'))[0]!['total'])

/** What transactions do to each other, and what a statement's failure does to its own. */
export function meetingConformance(module: URL): void {
  const check = (what: string, run: (world: World) => Promise<void>): void => void test(what, () => inWorld(module, run))

  check('work that reads and then decides is never overtaken between the two', async ({ open }) => {
    const store = await open('stock', {
      '0001': 'CREATE TABLE stock (item TEXT PRIMARY KEY, quantity INTEGER NOT NULL); CREATE TABLE taken (n INTEGER NOT NULL)',
      '0002': "INSERT INTO stock (item, quantity) VALUES ('apple', 20), ('pear', 20)",
    })
    const outcomes = await Promise.allSettled(
      Array.from({ length: 60 }, (_, n) =>
        store.transaction(async (tx) => {
          const item = n % 2 === 0 ? 'apple' : 'pear'
          const [row] = await tx.all('SELECT quantity FROM stock WHERE item = ?', [item])
          const left = Number(row!['quantity'])
          if (left === 0) throw new Error('out of stock')
          await tx.run('UPDATE stock SET quantity = ? WHERE item = ?', [left - 1, item])
          await tx.run('INSERT INTO taken (n) VALUES (?)', [n])
        }),
      ),
    )
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 40)
    assert.deepEqual(await store.select('SELECT item, quantity FROM stock ORDER BY item'), [
      { item: 'apple', quantity: 0 },
      { item: 'pear', quantity: 0 },
    ])
    assert.equal((await store.select('SELECT n FROM taken')).length, 40)
  })

  check('of two whose reads each overlap what the other writes, one sees the other', async ({ open }) => {
    const store = await open()
    // At most three may be on duty; each looks at all and adds itself: the write skew that locks on rows do not prevent.
    await Promise.all(
      Array.from({ length: 24 }, (_, n) =>
        store.transaction(async (tx) => {
          const [row] = await tx.all('SELECT count(*) AS n FROM orders')
          if (Number(row!['n']) < 3) await insert(tx, String(n))
        }),
      ),
    )
    assert.equal(await totalOf(store), 3)
  })

  check('a statement that is refused can be caught, and the transaction goes on', async ({ open }) => {
    const store = await open()
    await store.transaction((tx) => insert(tx, 'a', 1))
    for (const round of [1, 2]) {
      const before = `before ${round}`
      await store.transaction(async (tx) => {
        await insert(tx, before)
        await insert(tx, 'a', 10).catch(() => tx.run('UPDATE orders SET total = total + 10 WHERE id = ?', ['a']))
        await insert(tx, `after ${round}`)
      })
    }
    assert.deepEqual(await orderIds(store), ['a', 'after 1', 'after 2', 'before 1', 'before 2'])
    assert.deepEqual(await store.select("SELECT total FROM orders WHERE id = 'a'"), [{ total: 21 }])
  })

  check('of statements sent together those that are refused are, and the others count', async ({ open }) => {
    const store = await open()
    const kinds = await store.transaction(async (tx) => {
      const outcomes = await Promise.allSettled(['a', 'b', 'a', 'c', 'b'].map((id) => insert(tx, id)))
      return outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'done' : constraintOf(outcome.reason)))
    })
    assert.deepEqual(kinds, ['done', 'done', 'unique', 'done', 'unique'])
    assert.deepEqual(await orderIds(store), ['a', 'b', 'c'])
    // The last thing that a transaction does may be refused as well.
    await store.transaction(async (tx) => {
      await insert(tx, 'd')
      await insert(tx, 'a').catch(() => {})
    })
    assert.deepEqual(await orderIds(store), ['a', 'b', 'c', 'd'])
  })

  check('a constraint that is violated is told by its kind', async ({ open }) => {
    const store = await open('kinds', {
      '0001': `CREATE TABLE parents (id TEXT PRIMARY KEY);
        CREATE TABLE kinds (id TEXT PRIMARY KEY, parent TEXT REFERENCES parents (id), n INTEGER NOT NULL CHECK (n > 0));
        INSERT INTO kinds (id, n) VALUES ('a', 1)`,
    })
    const kindOf = (values: string): Promise<unknown> =>
      store.transaction((tx) => tx.run(`INSERT INTO kinds (id, parent, n) VALUES ${values}`)).catch(constraintOf)
    assert.equal(await kindOf("('b', NULL, 1)"), 1)
    assert.equal(await kindOf("('a', NULL, 1)"), 'unique')
    assert.equal(await kindOf("('c', 'nobody', 1)"), 'foreign key')
    assert.equal(await kindOf("('c', NULL, 0)"), 'check')
    assert.equal(await kindOf("('c', NULL, NULL)"), 'not null')
    assert.equal(await kindOf("('c', NULL, nonsense)"), undefined)
  })

  check('a foreign key that is checked only at the commit fails its own transaction alone', async ({ open }) => {
    const store = await open('orders', {
      '0001': `CREATE TABLE orders (id TEXT PRIMARY KEY);
        CREATE TABLE lines (order_id TEXT REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED)`,
    })
    const outcomes = await Promise.allSettled(
      ["INSERT INTO orders (id) VALUES ('a')", "INSERT INTO lines (order_id) VALUES ('nowhere')"].map((sql) =>
        store.transaction((tx) => tx.run(sql)),
      ),
    )
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'done' : constraintOf(outcome.reason))),
      ['done', 'foreign key'],
    )
    await store.transaction((tx) => tx.run("INSERT INTO lines (order_id) VALUES ('a')"))
    assert.deepEqual(await store.select('SELECT order_id FROM lines'), [{ order_id: 'a' }])
  })

  check('a transaction inside a transaction of the same store is an error at once, in others it is not', async ({ open }) => {
    const [store, stock] = [await open(), await open('stock')]
    const inner = await store.transaction(async (tx) => {
      await insert(tx, 'a')
      await stock.transaction((other) => insert(other, 'b'))
      return store.transaction(async () => 'never').catch((error: Error) => error.message)
    })
    assert.match(inner, /inside one already/)
    assert.equal(await store.transaction(async () => 'later'), 'later')
  })

  check('the work runs in the asynchronous context of its caller', async ({ open }) => {
    const store = await open()
    const request = new AsyncLocalStorage<number>()
    const seen = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        request.run(i, () =>
          store.transaction(async (tx) => {
            await insert(tx, String(i))
            return request.getStore()
          }),
        ),
      ),
    )
    assert.deepEqual(
      seen,
      Array.from({ length: 20 }, (_, i) => i),
    )
  })

  check('SQL that would take the transaction over is refused, and harms it not', async ({ open }) => {
    const store = await open()
    const others = ['COMMIT', ' rollback', '/* x */ end', '-- x\nBEGIN', 'SAVEPOINT a', 'RELEASE a', 'VACUUM']
    for (const sql of others) {
      await store.transaction(async (tx) => {
        await assert.rejects(tx.run(sql), { code: 'FAILED_PRECONDITION' }, sql)
        await insert(tx, sql)
      })
      await assert.rejects(store.select(sql), { code: 'FAILED_PRECONDITION' }, sql)
    }
    // Nor does it get in behind another statement.
    await store
      .transaction(async (tx) => {
        await insert(tx, 'not kept')
        await tx.run('SELECT 1; COMMIT').catch(() => {})
        throw new Error('no')
      })
      .catch(() => {})
    assert.equal((await orderIds(store)).length, others.length)
    await store.stop()
    await assert.rejects(
      open('orders', {
        '0001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER NOT NULL)',
        '0002': 'CREATE TABLE a (b TEXT); COMMIT',
      }),
      {
        message: /"0002".*it ends the transaction/,
      },
    )
    assert.equal((await orderIds(await open())).length, others.length)
  })

  check(
    'a store that is open already is opened again where it is shared alone, and the one that is open goes on',
    async ({ open }) => {
      const store = await open()
      if (store.sharing === 'shared') {
        const other = await open()
        await Promise.all([store, other].map((one, n) => one.transaction((tx) => insert(tx, `both ${n}`))))
        assert.deepEqual(await orderIds(store), ['both 0', 'both 1'])
        await other.stop()
      } else await assert.rejects(open(), { code: 'FAILED_PRECONDITION', message: /"orders".*(in use by|has it open)/ })
      await store.transaction((tx) => tx.run('DELETE FROM orders'))
      await store.transaction((tx) => insert(tx, 'a'))
      await store.stop()
      assert.deepEqual(await orderIds(await open()), ['a'])
    },
  )

  check('what a transaction saw of another is told after it', async ({ open }) => {
    const store = await open()
    const told: number[] = []
    const inside = gate()
    const first = store.transaction(async (tx) => {
      await insert(tx, 'counter', 0)
      tx.onCommit(() => told.push(0))
      inside.open()
    })
    await inside.opened
    await first
    await Promise.all(
      Array.from({ length: 40 }, () =>
        store.transaction(async (tx) => {
          const [row] = await tx.all("SELECT total FROM orders WHERE id = 'counter'")
          const n = Number(row!['total']) + 1
          await tx.run("UPDATE orders SET total = ? WHERE id = 'counter'", [n])
          tx.onCommit(() => told.push(n))
        }),
      ),
    )
    assert.deepEqual(
      told,
      Array.from({ length: 41 }, (_, n) => n),
    )
  })
}
