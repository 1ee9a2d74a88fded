import assert from 'node:assert/strict'
import { test } from 'node:test'
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

  check('an older program does not open a newer store', async ({ open }) => {
    await (await open('orders', { ...ordersTable, '0002-newer': 'CREATE TABLE newer (id TEXT)' })).stop()
    await assert.rejects(
      open('orders', ordersTable),
      precondition(/"0002-newer" was applied to it, but this program does not have it/),
    )
  })

  check('a new migration must come last', async ({ open }) => {
    await (await open()).stop()
    await assert.rejects(
      open('orders', { ...ordersTable, '0000-early': 'CREATE TABLE early (id TEXT)' }),
      precondition(/"0000-early".*"0001"/),
    )
  })
}
