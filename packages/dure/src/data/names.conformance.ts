import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definedNames, RESERVED } from './names.ts'
import { inWorld, type World } from './world.conformance.ts'

/** Names that one engine folds, cuts off or refuses are refused by all, and so is what reads them otherwise than they are. */
export function nameConformance(module: URL): void {
  const check = (what: string, run: (world: World) => Promise<void>): void => void test(what, () => inWorld(module, run))
  const refused = { name: 'CallError', code: 'FAILED_PRECONDITION', message: /The name ".+To do: / }

  check('names that engines would read differently are refused when they are defined', async ({ open }) => {
    const long = 'n'.repeat(64)
    const texts = [
      'CREATE TABLE t (id TEXT, ID2 TEXT)',
      'CREATE TABLE ORDERS (id TEXT)',
      `CREATE TABLE ${long} (id TEXT)`,
      `CREATE TABLE t ("${long}" TEXT)`,
      `CREATE TABLE t (${'한'.repeat(22)} TEXT)`,
      `CREATE TABLE t (id TEXT); CREATE UNIQUE INDEX IF NOT EXISTS ${long} ON t (id)`,
      `CREATE TABLE t (id TEXT); ALTER TABLE t ADD COLUMN ${long} TEXT`,
      `CREATE TABLE t (id TEXT); ALTER TABLE t ADD ${long} TEXT`,
      `CREATE TABLE t (id TEXT); ALTER TABLE t RENAME COLUMN id TO ${long}`,
      'CREATE TABLE t (id TEXT); ALTER TABLE t RENAME TO OTHERS',
      'CREATE TABLE t ("id" TEXT, "Id" TEXT)',
      `CREATE TABLE a (id TEXT); CREATE TABLE t (id TEXT, /* , */ n TEXT DEFAULT ',x', CHECK (n <> 'a,b'), MADE TEXT)`,
    ]
    for (const text of texts) await assert.rejects(open('names', { '1': text }), refused, text)
    await assert.rejects(open('names', { '1': (db) => db.schema.createTable('t').addColumn(long, 'text').execute() }), refused)
    const store = await open('names', { '1': 'CREATE TABLE t (id TEXT)' })
    await store.transaction((tx) => assert.rejects(tx.run(`CREATE TABLE ${long} (id TEXT)`), refused))
  })

  check('reserved words of any engine are names in quotes on every engine, and refused without them', async ({ open }) => {
    const words = [...RESERVED]
    const tables = words.map((word) => `CREATE TABLE "${word}" (id INTEGER PRIMARY KEY, "${word}" TEXT);`).join('\n')
    const store = await open('names', { '1': `${tables} CREATE TABLE t (id TEXT)` })
    await store.transaction(async (tx) => {
      for (const word of words) {
        await tx.kysely
          .insertInto(word)
          .values({ id: 1, [word]: 'a' })
          .execute()
        await tx.run(`INSERT INTO "${word}" (id, "${word}") VALUES (?, ?)`, [2, 'a'])
        await tx.kysely
          .updateTable(word)
          .set({ [word]: 'b' })
          .where(word, '=', 'a')
          .where('id', '=', 1)
          .execute()
        await tx.run(`UPDATE "${word}" SET "${word}" = ? WHERE "${word}" = ? AND id = ?`, ['c', 'a', 2])
        const wanted = [
          { id: 1, [word]: 'b' },
          { id: 2, [word]: 'c' },
        ]
        assert.deepEqual(await tx.kysely.selectFrom(word).select(['id', word]).orderBy(word).execute(), wanted, word)
        assert.deepEqual(await tx.all(`SELECT id, "${word}" FROM "${word}" ORDER BY "${word}"`), wanted, word)
      }
    })
    const reserved = { ...refused, message: /is a reserved word of .+ To do: .+in quotes/ }
    for (const word of words.flatMap((each) => [each, each.toUpperCase()]))
      for (const text of [
        `CREATE TABLE ${word} (id TEXT)`,
        `CREATE TABLE IF NOT EXISTS ${word} (id TEXT)`,
        `CREATE TABLE o (${word} TEXT)`,
        `CREATE TABLE o (id TEXT, ${word} INTEGER)`,
        `ALTER TABLE t ADD COLUMN ${word} TEXT`,
        `ALTER TABLE t RENAME COLUMN id TO ${word}`,
        `ALTER TABLE t RENAME TO ${word}`,
      ])
        assert.throws(() => definedNames(text), reserved, text)
    await assert.rejects(open('others', { '1': 'CREATE TABLE o (id TEXT, left TEXT)' }), reserved)
    // PostgreSQL's own way to copy a table's columns is no column.
    assert.deepEqual([...definedNames('CREATE TABLE t (LIKE other INCLUDING ALL)')], ['t'])
  })

  check('names in quotes and in lower case are found as they are written', async ({ open }) => {
    const store = await open('names', {
      '1': `CREATE TABLE "orderLines" (id INTEGER PRIMARY KEY, "createdAt" TEXT, "user" TEXT, ${'n'.repeat(63)} TEXT, -- Not A "Name"
        text TEXT, PRICE_ NUMERIC(10, 2))`.replace('PRICE_', 'price'),
      '2': (db) => db.schema.createTable('Made').addColumn('madeAt', 'text').execute(),
    })
    const row = { id: 1, createdAt: 'a', user: 'b', ['n'.repeat(63)]: 'c', text: 'd', price: 1.25 }
    await store.transaction(async (tx) => {
      await tx.kysely.insertInto('orderLines').values(row).execute()
      await tx.kysely.insertInto('Made').values({ madeAt: 'now' }).execute()
    })
    assert.deepEqual(await store.read.selectFrom('orderLines').selectAll().execute(), [row])
    assert.deepEqual(await store.select('SELECT ID, TEXT AS "Text", "user" FROM "orderLines" WHERE "createdAt" = ?', ['a']), [
      { id: 1, Text: 'd', user: 'b' },
    ])
    await assert.rejects(store.select('SELECT "ID" FROM "orderLines"'))
    await assert.rejects(store.read.selectFrom('orderlines').selectAll().execute())
  })

  check('names with capital letters and without quotes are what they are written as, wherever they stand', async ({ open }) => {
    const migrations = {
      '1': `CREATE TABLE orders (orderId TEXT PRIMARY KEY, placedAt BIGINT NOT NULL, total INTEGER DEFAULT 0);
        CREATE TABLE orderLines (lineNo INTEGER NOT NULL, orderId TEXT NOT NULL REFERENCES orders (orderId), PRIMARY KEY (orderId, lineNo));
        CREATE INDEX byPlace ON orders (placedAt); INSERT INTO orders (orderId, placedAt) VALUES ('orderId', 1)`,
    }
    await (await open('names', migrations)).stop()
    const store = await open('names', {
      ...migrations,
      '2': "ALTER TABLE orders ADD COLUMN paidAt BIGINT; UPDATE orders SET paidAt = placedAt + 1 WHERE orderId = 'orderId'",
    })
    await store.transaction(async (tx) => {
      await tx.kysely.insertInto('orders').values({ orderId: 'b', placedAt: 5, paidAt: null }).execute()
      await tx.run('INSERT INTO orderLines (orderId, lineNo) VALUES (?, ?)', ['b', 7])
      await tx.kysely.updateTable('orderLines').set({ lineNo: 8 }).where('orderId', '=', 'b').execute()
    })
    assert.deepEqual(await store.read.selectFrom('orders').selectAll().orderBy('orderId').execute(), [
      { orderId: 'b', placedAt: 5, total: 0, paidAt: null },
      { orderId: 'orderId', placedAt: 1, total: 0, paidAt: 2 },
    ])
    const joined =
      'SELECT o.placedAt, l.lineNo AS "lineNo" FROM orders AS o JOIN orderLines AS l ON l.orderId = o.orderId WHERE o.placedAt > ?'
    assert.deepEqual(await store.select(joined, [1]), [{ placedAt: 5, lineNo: 8 }])
    await store.transaction(async (tx) => {
      await tx.run('CREATE TABLE laterOn (madeAt TEXT)')
      await tx.kysely.insertInto('laterOn').values({ madeAt: 'now' }).execute()
    })
    assert.deepEqual(await store.read.selectFrom('laterOn').select('madeAt').execute(), [{ madeAt: 'now' }])
  })
}
