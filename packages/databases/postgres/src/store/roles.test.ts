import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { SqlStore } from 'dure/data'
import { missing15, RELAXED, testServer, VERSIONS } from '../server.test-support.ts'
import { ask, at, makeRig } from '../store.test-support.ts'

const FORBIDDEN = { code: 'PERMISSION_DENIED' }

for (const version of VERSIONS) {
  const skip = version === 15 && missing15
  const server = skip === false ? await testServer({ version, settings: RELAXED }) : undefined
  const check = (what: string, run: (t: TestContext) => Promise<void>): void =>
    void test(`${what} (PostgreSQL ${version})`, { skip, timeout: 60_000 }, run)

  check('who waits for each other does not wait for a second: the roles that are made have the server look sooner', async (t) => {
    const rig = await makeRig(t, server!.url())
    const stores = [await rig.open(), await rig.open()]
    for (const store of stores) assert.deepEqual(await store.select('SHOW deadlock_timeout'), [{ deadlock_timeout: '100ms' }])
    await stores[0]!.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('a', 0), ('b', 0)"))
    const both = Promise.withResolvers<void>()
    let first = 0
    const write = (store: SqlStore, ids: readonly string[]): Promise<void> =>
      store.transaction(async (tx) => {
        for (const id of ids) {
          await tx.run('UPDATE orders SET total = total + 1 WHERE id = ?', [id])
          if (++first >= 2) both.resolve()
          await both.promise
        }
      })
    await Promise.all([write(stores[0]!, ['a', 'b']), write(stores[1]!, ['b', 'a'])])
    assert.deepEqual(await stores[0]!.select('SELECT total FROM orders'), [{ total: 2 }, { total: 2 }])
  })

  for (const tenancy of ['schema', 'database'] as const) {
    check(`with a ${tenancy} each, a service's role reads and writes its own tables and no other's`, async (t) => {
      const rig = await makeRig(t, server!.url())
      const orders = await rig.open({ tenancy })
      const stock = await rig.open({ tenancy }, 'stock', { '0001': 'CREATE TABLE items (id TEXT PRIMARY KEY)' })
      await orders.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('a', 1)"))
      assert.deepEqual(await orders.select('SELECT id FROM orders'), [{ id: 'a' }])
      const [who] = await stock.select('SELECT current_user AS me, session_user AS really, current_schema() AS place')
      assert.deepEqual(who, {
        me: `${rig.database}_stock`,
        really: `${rig.database}_stock`,
        place: tenancy === 'schema' ? 'stock' : 'public',
      })
      if (tenancy === 'schema') {
        await assert.rejects(stock.select('SELECT * FROM orders.orders'), FORBIDDEN)
        await assert.rejects(stock.select('SELECT * FROM orders.dure_outbox'), FORBIDDEN)
        await assert.rejects(
          stock.transaction((tx) => tx.run("INSERT INTO orders.orders (id, total) VALUES ('b', 1)")),
          FORBIDDEN,
        )
        await assert.rejects(
          stock.transaction((tx) => tx.run('CREATE TABLE orders.mine (n INTEGER)')),
          FORBIDDEN,
        )
      } else await assert.rejects(stock.select('SELECT * FROM orders.orders'), { code: '42P01' })
      // Its role has no way to become another, nor to let others in where it is not at home.
      await assert.rejects(stock.transaction((tx) => tx.run(`GRANT "${rig.database}_orders" TO "${rig.database}_stock"`)))
      await assert.rejects(
        stock.transaction((tx) => tx.run(`SELECT set_config('role', '${rig.database}_orders', true)`)),
        FORBIDDEN,
      )
      await assert.rejects(
        stock.transaction((tx) => tx.run('CREATE ROLE another LOGIN')),
        FORBIDDEN,
      )
      await assert.rejects(
        stock.transaction((tx) => tx.run('SET ROLE another')),
        { code: 'FAILED_PRECONDITION' },
      )
    })
  }

  check("with a database each, a service's role cannot even connect to another's", async (t) => {
    const rig = await makeRig(t, server!.url())
    await rig.open({ tenancy: 'database' })
    await rig.open({ tenancy: 'database' }, 'stock')
    const privileges = await rig.ask(
      `SELECT has_database_privilege('${rig.database}_stock', '${rig.database}_orders', 'CONNECT') AS other, has_database_privilege('${rig.database}_stock', '${rig.database}_stock', 'CONNECT') AS own`,
    )
    assert.deepEqual(privileges, [{ other: false, own: true }])
  })

  check('an administrator who is no superuser makes roles and schemas', async (t) => {
    const rig = await makeRig(t, server!.url())
    const admin = `${rig.database}_admin`
    await rig.ask(
      `CREATE ROLE ${admin} LOGIN CREATEROLE CREATEDB PASSWORD 'hush'`,
      `GRANT CREATE ON DATABASE ${rig.database} TO ${admin}`,
    )
    const url = new URL(rig.url)
    url.username = admin
    url.password = 'hush'
    for (const tenancy of ['schema', 'database'] as const) {
      const store = await rig.open({ url: url.href, tenancy }, `by_${tenancy}`)
      await store.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('a', 1)"))
      assert.deepEqual(await store.select('SELECT id FROM orders'), [{ id: 'a' }])
      await store.stop()
      // The second start finds all in place, and its password is still the same.
      assert.deepEqual(await (await rig.open({ url: url.href, tenancy }, `by_${tenancy}`)).select('SELECT id FROM orders'), [
        { id: 'a' },
      ])
    }
  })

  check('somebody who may not make roles is told what to give him', async (t) => {
    const rig = await makeRig(t, server!.url())
    const user = `${rig.database}_user`
    await rig.ask(`CREATE ROLE ${user} LOGIN PASSWORD 'hush'`)
    const url = new URL(rig.url)
    url.username = user
    url.password = 'hush'
    await assert.rejects(rig.open({ url: url.href }), {
      code: 'PERMISSION_DENIED',
      message: /may not.*CREATEROLE and CREATE on the database/,
    })
    await assert.rejects(rig.open({ url: url.href, tenancy: 'database' }), { code: 'PERMISSION_DENIED', message: /CREATEDB/ })
  })

  check('a service goes in by the way that was made for it', async (t) => {
    const rig = await makeRig(t, server!.url())
    const role = `${rig.database}_mine`
    await rig.ask(`CREATE ROLE ${role} LOGIN PASSWORD 'hush'`)
    const url = new URL(rig.url)
    url.username = role
    url.password = 'hush'
    const options = { url: (service: string) => `${url.href}?application_name=${service}` }
    if (version === 18) {
      await assert.rejects(rig.open(options), { code: 'PERMISSION_DENIED', message: /permission denied for schema public/ })
    }
    await rig.ask(`CREATE SCHEMA AUTHORIZATION ${role}`)
    const store = await rig.open(options)
    await store.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('a', 1)"))
    assert.deepEqual(await rig.ask(`SELECT id FROM ${role}.orders`), [{ id: 'a' }])
    await store.stop()
    await assert.rejects(rig.open(options, 'stock'), {
      code: 'FAILED_PRECONDITION',
      message: new RegExp(`the schema "${role}" belongs to service "orders"`),
    })
  })

  check('services that start at once are each made once', async (t) => {
    const rig = await makeRig(t, server!.url())
    const names = Array.from({ length: 6 }, (_, n) => `service-${n}`)
    const stores = await Promise.all(names.map((name) => rig.open({}, name)))
    await Promise.all(stores.map((store) => store.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('a', 1)"))))
    const made = await rig.ask("SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'service-%' ORDER BY 1")
    assert.deepEqual(
      made.map(({ name }) => name),
      names,
    )
  })

  for (const tenancy of ['schema', 'database'] as const) {
    check(
      `a role that an earlier version named as another's might be is told, with a ${tenancy} each, and renamed as told`,
      async (t) => {
        const rig = await makeRig(t, server!.url())
        const store = await rig.open({ tenancy }, 'log')
        await store.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('a', 1)"))
        await store.stop()
        const [{ role } = {}] = await rig.ask(
          `SELECT rolname AS role FROM pg_roles WHERE rolname ~ '^${rig.database}_log_[0-9a-f]+$'`,
        )
        const older = `${rig.database}_log`
        await rig.ask(`ALTER ROLE "${String(role)}" RENAME TO ${older}`)
        if (tenancy === 'database') await rig.ask(`ALTER DATABASE "${String(role)}" RENAME TO ${older}`)
        const failed = await rig.open({ tenancy }, 'log').catch((error: unknown) => error as Error & { code: string })
        assert.ok(failed instanceof Error && failed.code === 'FAILED_PRECONDITION')
        assert.match(failed.message, /an earlier version made the role/)
        for (const statement of failed.message.split('To do: ')[1]!.split('; ')) await rig.ask(statement)
        const rows = await (await rig.open({ tenancy }, 'log')).select('SELECT id FROM orders')
        assert.deepEqual(rows, [{ id: 'a' }])
      },
    )
  }

  check('a name that is too long for the server is still one of its own', async (t) => {
    const rig = await makeRig(t, server!.url())
    const long = 'a-service-whose-name-is-so-long-that-the-server-would-cut-it-off-'
    const [one, two] = [await rig.open({}, `${long}1`), await rig.open({}, `${long}2`)]
    await one.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('a', 1)"))
    assert.deepEqual(await two.select('SELECT id FROM orders'), [])
    assert.deepEqual(
      await ask(at(server!.url(), rig.database), "SELECT count(*)::int AS n FROM pg_namespace WHERE nspname LIKE 'a-service%'"),
      [{ n: 2 }],
    )
  })
}
