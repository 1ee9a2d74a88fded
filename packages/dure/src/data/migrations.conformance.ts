import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Migration } from './database.ts'
import { inWorld, orderIds, ordersTable, type World } from './world.conformance.ts'

export function migrationConformance(module: URL): void {
  const check = (what: string, run: (world: World) => Promise<void>): void => void test(what, () => inWorld(module, run))
  const precondition = (message: RegExp) => ({ name: 'CallError', code: 'FAILED_PRECONDITION', message })

  check('migrations run once each, in order of name, whether SQL or a function', async ({ open }) => {
    let runs = 0
    const migrations = {
      '0003-fill': async (db: Parameters<Extract<import('./database.ts').Migration, (...args: never) => unknown>>[0]) => {
        runs++
        await db.insertInto('orders').values({ id: 'first', total: 1, note: '' }).execute()
      },
      '0002-note': "ALTER TABLE orders ADD COLUMN note TEXT; UPDATE orders SET note = ''; CREATE INDEX by_note ON orders (note)",
      '0001': ordersTable['0001']!,
    }
    const store = await open('orders', migrations)
    assert.deepEqual(await orderIds(store), ['first'])
    await store.stop()
    const again = await open('orders', { ...migrations, '0004': "INSERT INTO orders (id, total, note) VALUES ('second', 2, '')" })
    assert.deepEqual(await orderIds(again), ['first', 'second'])
    assert.equal(runs, 1)
  })

  check('a migration that fails is rolled back whole, and the ones before it are kept', async ({ open }) => {
    const broken = "INSERT INTO orders (id, total) VALUES ('a', 1); INSERT INTO nowhere VALUES (1)"
    await assert.rejects(
      open('orders', { ...ordersTable, '0002-broken': broken }),
      precondition(/"orders".*"0002-broken".*nowhere/),
    )
    const store = await open('orders', ordersTable)
    assert.deepEqual(await orderIds(store), [])
  })

  check('an applied migration that was changed is named', async ({ open }) => {
    await (await open()).stop()
    await assert.rejects(
      open('orders', { '0001': `${ordersTable['0001']} -- changed` }),
      precondition(/"0001" was changed after it was applied/),
    )
  })

  check('an older program goes on with a store to which a newer one has only added', async ({ open }) => {
    const more = {
      '0002-newer':
        "-- DROP TABLE\nCREATE TABLE newer (id TEXT); ALTER TABLE orders ADD COLUMN note TEXT NOT NULL DEFAULT 'rename'",
      '0003-says-so': { contracts: false, run: 'DROP TABLE newer' },
      '0004-fill': async () => {},
    }
    await (await open('orders', { ...ordersTable, ...more })).stop()
    const older = await open()
    await older.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('older', 1)"))
    await older.stop()
    assert.deepEqual(await orderIds(await open('orders', { ...ordersTable, ...more, '0005': 'SELECT 1' })), ['older'])
  })

  check('an older program does not open a store from which a newer one has taken something', async ({ open }) => {
    const contracting: readonly Migration[] = [
      'DROP TABLE a',
      'ALTER TABLE a DROP COLUMN b',
      'alter table a\n rename to c',
      { contracts: true, run: "UPDATE a SET b = 'rename nothing'" },
      { contracts: true, run: async () => {} },
    ]
    for (const [n, migration] of contracting.entries()) {
      const tables = { '0001': 'CREATE TABLE a (b TEXT, d TEXT)' }
      await (await open(`service${n}`, { ...tables, '0002-newer': migration })).stop()
      await assert.rejects(
        open(`service${n}`, tables),
        precondition(/"0002-newer" was applied to it and takes away what others use, and this program does not have it/),
      )
    }
  })

  check('a new migration must come last', async ({ open }) => {
    await (await open()).stop()
    await assert.rejects(
      open('orders', { ...ordersTable, '0000-early': 'CREATE TABLE early (id TEXT)' }),
      precondition(/"0000-early".*"0001"/),
    )
  })

  check('names that sort otherwise than they read are refused before anything is run', async ({ open }) => {
    const pairs: readonly (readonly [reads: string, then: string])[] = [
      ['2', '10'],
      ['1', '02'],
      ['1a', '10'],
      ['V2__a', 'V10__b'],
      ['V1__b', 'V1_1__a'],
      ['1.9', '1.10'],
      ['v1.9.0', 'v1.10.0'],
      ['2024-9-30', '2024-10-1'],
      ['20240106', '202401051200'],
      ['31-01-2024', '01-02-2024'],
      ['add', 'Create'],
      ['0001-note', '0001-Order'],
      ['été', 'fin'],
      ['9007199254740993-a', '10000000000000000000-b'],
      // What reads alike: nobody can tell which comes first.
      ['1', '01'],
      ['0002-a', '0002-A'],
      ['caf\u00e9', 'cafe\u0301'],
      ['\ud800a', '\ud800b'],
      ['a ', 'b'],
    ]
    for (const pair of pairs) {
      for (const names of [pair, pair.toReversed()]) {
        const migrations = Object.fromEntries(names.map((name, i) => [name, `CREATE TABLE t${i} (id TEXT)`]))
        await assert.rejects(open('orders', migrations), precondition(/To do: name migrations/), names.join())
      }
    }
    const store = await open('orders', { '1': 'CREATE TABLE t0 (id TEXT)', '2': 'CREATE TABLE t1 (id TEXT)' })
    assert.deepEqual(await store.select('SELECT id FROM t0'), [])
  })

  check('names that read as they sort are taken, in whatever order they are written', async ({ open }) => {
    const schemes = [
      ['1', '2', '9'],
      ['001-carts', '002', '002-more', '010-last'],
      ['V1__a', 'V2__b', 'V3__a'],
      ['2024-01-05-a', '2024-01-05-b', '2024-10-01'],
      ['20240105120000_a', '20240105120001_b'],
      ['1.0', '1.1', '1.9'],
      ['a', 'b-1', 'b-2'],
    ]
    for (const [i, names] of schemes.entries()) {
      const entries = names.map((name, n) => [
        name,
        n === 0 ? 'CREATE TABLE seen (n INTEGER)' : `INSERT INTO seen (n) SELECT count(*) + ${n} * 10 FROM seen`,
      ])
      const store = await open(`scheme-${i}`, Object.fromEntries(entries.toReversed()))
      const seen = names.slice(1).map((_, n) => ({ n: n + (n + 1) * 10 }))
      assert.deepEqual(await store.select('SELECT n FROM seen ORDER BY n'), seen)
    }
  })

  check('migrations that were applied in the order of old names go on under names that sort', async ({ open }) => {
    const texts = ['CREATE TABLE a (id TEXT)', 'CREATE TABLE b (id TEXT)', 'CREATE TABLE c (id TEXT)']
    await (await open('orders', { '8': texts[0]!, '9': texts[1]! })).stop()
    await assert.rejects(
      open('orders', { '8': texts[0]!, '9': texts[1]!, '10': texts[2]! }),
      precondition(/"8" reads as coming before "10"/),
    )
    const store = await open('orders', { '08': texts[0]!, '09': texts[1]!, '10': texts[2]! })
    assert.deepEqual(await store.select('SELECT id FROM c'), [])
    await store.stop()
    await open('orders', { '08': texts[0]!, '09': texts[1]!, '10': texts[2]! })
  })

  check("the tables of Dure's own parts are migrations too, and reach a store that older ones have made", async ({ open }) => {
    const OWN = "SELECT name FROM dure_migrations WHERE name LIKE 'dure/%' ORDER BY name"
    const store = await open()
    const own = await store.select(OWN)
    assert.ok(own.some(({ name }) => name === 'dure/0003-parked') && own.some(({ name }) => name === 'dure/0004-idempotency'))
    assert.deepEqual(await store.select('SELECT count(*) AS n FROM dure_parked'), [{ n: 0 }])
    // As it was before these two were migrations: the one's table is there, the other's is not, the service's own came long ago.
    await store.transaction(async (tx) => {
      await tx.run("DELETE FROM dure_migrations WHERE name IN ('dure/0003-parked', 'dure/0004-idempotency')")
      await tx.run('DROP TABLE dure_idempotency')
    })
    await store.stop()
    const again = await open()
    assert.deepEqual(await again.select(OWN), own)
    assert.deepEqual(await again.select('SELECT count(*) AS n FROM dure_idempotency'), [{ n: 0 }])
  })
}
