import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { realRuntime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import type { Migrations, SqlStore } from '../database.ts'
import { sqlite, type SqliteOptions } from './sqlite.ts'

const orders: Migrations = { '0001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER)' }

type Place = { readonly directory: string; readonly open: (service?: string, migrations?: Migrations) => Promise<SqlStore> }

function place(t: TestContext, options: SqliteOptions = { durability: 'process' }): Place {
  const directory = mkdtempSync(join(tmpdir(), 'dure-sqlite-'))
  const stores: SqlStore[] = []
  t.after(async () => {
    for (const store of stores) await store.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    directory,
    open: async (service = 'orders', migrations = orders) => {
      const store = await sqlite(options)({ directory, runtime: realRuntime(), log: silentLogger() }).open(service, {
        migrations,
      })
      stores.push(store)
      return store
    },
  }
}

async function filled(open: Place['open']): Promise<void> {
  const store = await open()
  await store.transaction(async (tx) => {
    for (let i = 0; i < 2000; i++) await tx.run('INSERT INTO orders VALUES (?, ?)', [`order ${i} ${'x'.repeat(50)}`, i])
  })
  await store.stop()
}

test('a store in use by another process says by which; killing that process frees it', async (t) => {
  const { directory, open } = place(t)
  const script = `
    import { openAdapter } from '${new URL('./sqlite.test-support.ts', import.meta.url).href}'
    import { realRuntime } from '${new URL('../../runtime/runtime.ts', import.meta.url).href}'
    import { silentLogger } from '${new URL('../../telemetry/telemetry.ts', import.meta.url).href}'
    await openAdapter({ directory: process.argv[1], runtime: realRuntime(), log: silentLogger() }).open('orders', { migrations: {} })
    console.log('open')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  await once(createInterface({ input: child.stdout }), 'line')
  await assert.rejects(open(), { code: 'FAILED_PRECONDITION', message: new RegExp(`"orders".*in use by process ${child.pid}`) })
  // Services of one directory may live in different processes.
  await open('stock')
  child.kill('SIGKILL')
  await once(child, 'exit')
  await open()
})

test('a store that this process has open already is not opened twice', async (t) => {
  const { open } = place(t)
  await open()
  await assert.rejects(open(), { code: 'FAILED_PRECONDITION', message: /this process has it open already/ })
})

test("another service's file is refused, and both are named", async (t) => {
  const { directory, open } = place(t)
  await filled(open)
  copyFileSync(join(directory, 'orders.db'), join(directory, 'stock.db'))
  await assert.rejects(open('stock', {}), {
    code: 'FAILED_PRECONDITION',
    message: /"stock" failed: the file belongs to service "orders"/,
  })
})

test('damaged files are refused, named and left as they are', async (t) => {
  const { directory, open } = place(t)
  await filled(open)
  const file = join(directory, 'orders.db')
  const whole = readFileSync(file)
  const damages: readonly (readonly [what: string, damage: () => void, message: RegExp])[] = [
    ['half of it', () => truncateSync(file, Math.floor(whole.length / 2)), /the file is damaged/],
    ['less than a page', () => truncateSync(file, 700), /the file is (damaged|not an SQLite database)/],
    ['nothing of it', () => truncateSync(file, 0), /the file is empty, 0 bytes/],
    ['something else', () => writeFileSync(file, 'customer,total\n1,2\n'.repeat(500)), /not an SQLite database/],
    [
      'zeros in the middle',
      () => writeFileSync(file, Buffer.concat([whole.subarray(0, 8192), Buffer.alloc(whole.length - 8192)])),
      /damaged/,
    ],
  ]
  for (const [what, damage, message] of damages) {
    writeFileSync(file, whole)
    damage()
    const found = readFileSync(file)
    await assert.rejects(
      open(),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'DATA_LOSS', what)
        assert.match(error.message, message, what)
        assert.match(error.message, /orders\.db.*To do: restore it from a backup/s, what)
        return true
      },
      what,
    )
    assert.deepEqual(readFileSync(file), found, what)
  }
  // None of the failures kept the lock or anything else.
  writeFileSync(file, whole)
  const store = await open()
  assert.deepEqual(await store.select('SELECT count(*) AS n FROM orders'), [{ n: 2000 }])
})

test('a store whose making was interrupted is made again', async (t) => {
  const { directory, open } = place(t)
  writeFileSync(join(directory, 'orders.db.new'), 'half made')
  const store = await open()
  assert.deepEqual(await store.select('SELECT count(*) AS n FROM orders'), [{ n: 0 }])
})

test('a data directory that cannot be made is named', async (t) => {
  const { directory } = place(t)
  const file = join(directory, 'file')
  writeFileSync(file, '')
  const adapter = sqlite()({ directory: join(file, 'data'), runtime: realRuntime(), log: silentLogger() })
  await assert.rejects(adapter.open('orders', { migrations: {} }), {
    code: 'PERMISSION_DENIED',
    message: /Making the data directory failed.*file\/data/s,
  })
})

test('a service name that cannot name a file is refused', async (t) => {
  const { open } = place(t)
  for (const name of ['../orders', 'a/b', '', '.hidden', 'a b']) await assert.rejects(open(name), { code: 'INVALID_ARGUMENT' })
})

test("SQL that would take over the writer's transaction or another's file is refused", async (t) => {
  const { directory, open } = place(t)
  await (await open('stock')).stop()
  const store = await open()
  const others = [
    'COMMIT',
    ' rollback',
    '/* x */ end',
    '-- x\nBEGIN',
    'SAVEPOINT a',
    'RELEASE dure_member',
    'PRAGMA synchronous = OFF',
    'VACUUM',
  ]
  for (const sql of [...others, `ATTACH '${join(directory, 'stock.db')}' AS stock`]) {
    await store.transaction(async (tx) => {
      await assert.rejects(tx.run(sql), { code: 'FAILED_PRECONDITION' }, sql)
      await tx.run('INSERT INTO orders VALUES (?, 1)', [sql])
    })
    await assert.rejects(store.select(sql), { code: 'FAILED_PRECONDITION' }, sql)
  }
  assert.equal((await store.select('SELECT * FROM orders')).length, others.length + 1)
  await assert.rejects(
    store.stop().then(() => open('orders', { ...orders, '0002': 'CREATE TABLE a (b TEXT); COMMIT' })),
    { message: /"0002".*it ends the transaction/ },
  )
  const again = await open()
  assert.deepEqual(await again.select("SELECT name FROM sqlite_schema WHERE name = 'a'"), [])
})

test('transactions that wait are bounded', async (t) => {
  const { open } = place(t, { durability: 'process', waiting: 3 })
  const store = await open()
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, (_, i) => store.transaction(async () => i)))
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : (outcome.reason as { code: string }).code)),
    [0, 1, 2, 'RESOURCE_EXHAUSTED', 'RESOURCE_EXHAUSTED'],
  )
})

test('a migration may rebuild a table that others point to, but not leave rows that point nowhere', async (t) => {
  const { open } = place(t)
  const base = {
    '0001': `CREATE TABLE orders (id TEXT PRIMARY KEY); CREATE TABLE lines (order_id TEXT NOT NULL REFERENCES orders (id));
      INSERT INTO orders VALUES ('a'); INSERT INTO lines VALUES ('a')`,
  }
  const rebuild = {
    ...base,
    '0002': `CREATE TABLE orders_new (id TEXT PRIMARY KEY, total INTEGER); INSERT INTO orders_new SELECT id, 0 FROM orders;
      DROP TABLE orders; ALTER TABLE orders_new RENAME TO orders`,
  }
  const store = await open('orders', rebuild)
  assert.deepEqual(await store.select('SELECT * FROM orders NATURAL JOIN (SELECT order_id AS id FROM lines)'), [
    { id: 'a', total: 0 },
  ])
  await assert.rejects(
    store.transaction((tx) => tx.run("INSERT INTO lines VALUES ('b')")),
    /FOREIGN KEY/,
  )
  await store.stop()
  await assert.rejects(open('orders', { ...rebuild, '0003': 'DELETE FROM orders' }), {
    message: /"0003".*rows of "lines" point to rows of "orders"/,
  })
})

test('tables that change while the service runs are seen by every connection', async (t) => {
  const { open } = place(t)
  const store = await open()
  await store.transaction((tx) => tx.run("INSERT INTO orders VALUES ('a', 1)"))
  assert.deepEqual(await store.select('SELECT * FROM orders'), [{ id: 'a', total: 1 }])
  await store.transaction(async (tx) => {
    assert.equal((await tx.all('SELECT * FROM orders')).length, 1)
    await tx.run("ALTER TABLE orders ADD COLUMN note TEXT DEFAULT 'none'")
    assert.deepEqual(await tx.all('SELECT * FROM orders'), [{ id: 'a', total: 1, note: 'none' }])
    // Still the old table for those outside.
    assert.deepEqual(await store.select('SELECT * FROM orders'), [{ id: 'a', total: 1 }])
  })
  assert.deepEqual(await store.select('SELECT * FROM orders'), [{ id: 'a', total: 1, note: 'none' }])
})

test('values that SQLite cannot hold are refused by name; booleans become 1 and 0', async (t) => {
  const { open } = place(t)
  const store = await open()
  await store.transaction(async (tx) => {
    await tx.kysely.insertInto('orders').values({ id: 'a', total: true }).execute()
    await assert.rejects(
      tx.kysely
        .insertInto('orders')
        .values({ id: new Date(0), total: 1 })
        .execute(),
      { code: 'INVALID_ARGUMENT', message: /parameter 1 is a Date/ },
    )
    await assert.rejects(
      tx.kysely
        .insertInto('orders')
        .values({ id: 'b', total: { a: 1 } })
        .execute(),
      { message: /parameter 2 is a Object/ },
    )
  })
  assert.deepEqual(await store.read.selectFrom('orders').where('total', '=', true).selectAll().execute(), [{ id: 'a', total: 1 }])
})

test('more different statements than are kept prepared still run', async (t) => {
  const { open } = place(t)
  const store = await open()
  await store.transaction(async (tx) => {
    for (let i = 0; i < 600; i++) await tx.run(`INSERT INTO orders VALUES ('${i}', ${i})`)
  })
  assert.deepEqual(await store.select('SELECT count(*) AS n FROM orders'), [{ n: 600 }])
})

test('a clean stop leaves one complete file', async (t) => {
  const { directory, open } = place(t)
  await filled(open)
  assert.throws(() => statSync(join(directory, 'orders.db-wal')), { code: 'ENOENT' })
  assert.ok(statSync(join(directory, 'orders.db')).size > 100_000)
})

/** Holds a lock on a store's file, as another process would. */
function lockedBy(t: TestContext, file: string, begin: string): { readonly free: () => void } {
  const other = new DatabaseSync(file)
  other.exec(begin)
  const free = (): void => {
    if (other.isOpen) other.close()
  }
  t.after(free)
  return { free }
}

test("another process's lock holds up neither the event loop nor the neighbours, and is waited for", async (t) => {
  const { directory, open } = place(t)
  const [store, neighbour] = [await open(), await open('stock')]
  const lock = lockedBy(t, join(directory, 'orders.db'), 'BEGIN IMMEDIATE')
  let answered = false
  const writing = Promise.all(
    [1, 2, 3].map((n) => store.transaction((tx) => tx.run('INSERT INTO orders VALUES (?, ?)', [`${n}`, n]))),
  )
  void writing.then(() => (answered = true))
  let longest = 0
  for (let i = 0; i < 50; i++) {
    const before = performance.now()
    await neighbour.transaction((tx) => tx.run('INSERT INTO orders VALUES (?, ?)', [`${i}`, i]))
    assert.deepEqual(await store.select('SELECT count(*) AS n FROM orders'), [{ n: 0 }])
    await new Promise((resolve) => setTimeout(resolve, 1))
    longest = Math.max(longest, performance.now() - before)
  }
  assert.equal(answered, false)
  // SQLite itself would have waited for two seconds at a time.
  assert.ok(longest < 1_500, `${longest} ms`)
  lock.free()
  await writing
  assert.deepEqual(await store.select('SELECT count(*) AS n FROM orders'), [{ n: 3 }])
})

test('a lock that lasts is told to all who waited for it, and the store goes on when it is gone', async (t) => {
  const { directory, open } = place(t, { durability: 'process', lockTimeout: 20 })
  const store = await open()
  const lock = lockedBy(t, join(directory, 'orders.db'), 'BEGIN IMMEDIATE')
  const outcomes = await Promise.allSettled(
    [1, 2, 3].map((n) => store.transaction((tx) => tx.run('INSERT INTO orders VALUES (?, 1)', [`${n}`]))),
  )
  for (const outcome of outcomes) {
    assert.ok(outcome.status === 'rejected')
    assert.equal((outcome.reason as { code: string }).code, 'UNAVAILABLE')
    assert.match(String(outcome.reason), /locked by another process \(file ".*orders\.db"\)/)
  }
  lock.free()
  await store.transaction((tx) => tx.run("INSERT INTO orders VALUES ('a', 1)"))
  await store.stop()
  // A store that is opened meanwhile waits as well.
  const again = lockedBy(t, join(directory, 'orders.db'), 'PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  await assert.rejects(open(), { code: 'UNAVAILABLE', message: /locked by another process/ })
  again.free()
})

test('a snapshot or stream that does not end is ended in words, its place is free, and the log can be written back', async (t) => {
  const { directory, open } = place(t, { durability: 'process', readers: 1, readTimeout: 50 })
  await filled(open)
  const store = await open()
  const late = { code: 'DEADLINE_EXCEEDED', message: /a snapshot or stream of service "orders" was ended after 50 ms/ }
  const write = (): Promise<number> =>
    store.transaction((tx) => tx.run("UPDATE orders SET total = total + 1 WHERE id LIKE 'order 1%'"))
  let leaked: SqlStore['read'] | undefined
  const never = store.snapshot(async (read) => {
    leaked = read
    await read.selectFrom('orders').selectAll().limit(1).execute()
    await write()
    return new Promise(() => {})
  })
  await assert.rejects(never, late)
  await assert.rejects(leaked!.selectFrom('orders').selectAll().execute(), late)
  const rows = store.read.selectFrom('orders').selectAll().stream()[Symbol.asyncIterator]()
  await rows.next()
  await write()
  // The only place for a reader is free again once the stream's time is over, though nobody has ended it.
  assert.equal((await store.snapshot((read) => read.selectFrom('orders').selectAll().execute())).length, 2000)
  await assert.rejects(rows.next(), late)
  await write()
  const other = new DatabaseSync(join(directory, 'orders.db'))
  t.after(() => other.close())
  const { busy, log, checkpointed } = other.prepare('PRAGMA wal_checkpoint(FULL)').get() as Record<string, number>
  assert.deepEqual([busy, log], [0, checkpointed])
  const [reading] = store.readings?.() ?? []
  assert.equal(reading?.family.name, 'dure.store.wal.size')
  assert.ok(reading.value > 0)
})
