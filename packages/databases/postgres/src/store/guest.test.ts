import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { SqlStore } from 'dure/data'
import { silentLogger } from 'dure/telemetry'
import { uniqueName } from '../names.ts'
import type { PostgresOptions } from '../postgres.ts'
import { accessOf } from './provision.ts'
import { missing15, RELAXED, testServer, VERSIONS } from '../server.test-support.ts'
import { makeRig, runtime, type Rig } from '../store.test-support.ts'

/** Opens a store and its outbox as the chassis does, and closes both. */
async function begin(rig: Rig, options: Partial<PostgresOptions>): Promise<void> {
  const store = await rig.open(options)
  try {
    const outbox = await store.outbox!({ store, runtime, log: silentLogger(), deliver: async () => {} })
    await outbox.stop({ timeout: 0 })
  } finally {
    await store.stop()
  }
}

/** All that a start could have made or changed. */
async function catalogs(rig: Rig): Promise<unknown> {
  const parts = [
    `SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolconfig::text, shobj_description(oid, 'pg_authid') AS mark
     FROM pg_roles WHERE rolname LIKE current_database() || '%'`,
    `SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members`,
    `SELECT datname, datdba::regrole::text, datacl::text FROM pg_database WHERE datname LIKE current_database() || '%'`,
    `SELECT nspname, nspowner::regrole::text, nspacl::text FROM pg_namespace WHERE nspname NOT LIKE 'pg_temp%' AND nspname NOT LIKE 'pg_toast%'`,
    `SELECT oid::regclass::text AS relation, relowner::regrole::text, relacl::text FROM pg_class WHERE relnamespace NOT IN (11, 99) AND relkind <> 't'`,
    `SELECT pubname FROM pg_publication`,
    `SELECT slot_name FROM pg_replication_slots WHERE database LIKE current_database() || '%'`,
  ]
  return Promise.all(
    parts.map((sql) => rig.ask(`${sql} ORDER BY 1, 2`.replace(/(FROM pg_publication|%') ORDER BY 1, 2$/, '$1 ORDER BY 1'))),
  )
}

type Case = {
  readonly what: string
  /** Run as a superuser before the start; `$` is the database. */
  readonly before: readonly string[]
  readonly options?: Partial<PostgresOptions>
  readonly says: RegExp
  /** The statements of the advice, which the test runs as a superuser; undefined: there is more than one thing to do. */
  readonly advice?: RegExp
}

const GRANTED = /To do: give it .*? \((ALTER ROLE [^)]*)\)/
const STATED = /To do: (?:.*?, )?((?:GRANT|COMMENT ON ROLE|ALTER ROLE) [^;]*?)(?:;|$| where it is locked)/
const cases: readonly Case[] = [
  { what: 'no CREATEROLE', before: ['ALTER ROLE $_admin NOCREATEROLE'], says: /"\S+_admin" may not/, advice: GRANTED },
  { what: 'no CREATE on the database', before: ['REVOKE CREATE ON DATABASE $ FROM $_admin'], says: /may not/, advice: GRANTED },
  {
    what: 'no CREATEDB',
    before: ['ALTER ROLE $_admin NOCREATEDB'],
    options: { tenancy: 'database' },
    says: /may not/,
    advice: GRANTED,
  },
  {
    what: 'a database that not everybody may connect to',
    before: ['REVOKE CONNECT ON DATABASE $ FROM PUBLIC', 'GRANT CONNECT ON DATABASE $ TO $_admin'],
    says: /not everybody may connect to the database/,
    advice: STATED,
  },
  {
    what: 'a role of that name',
    before: ['CREATE ROLE $_orders LOGIN'],
    says: /there is a role "\S+_orders" already/,
    advice: STATED,
  },
  {
    what: 'a role of that name that owns a database of that name',
    before: ['CREATE ROLE $_orders LOGIN', 'CREATE DATABASE $_orders OWNER $_orders'],
    options: { tenancy: 'database' },
    says: /there is a role "\S+_orders" already/,
  },
  {
    what: 'a schema of that name',
    before: ['CREATE SCHEMA orders'],
    says: /there is a schema "orders" already, and it belongs to "dure"/,
  },
  {
    what: 'a database of that name',
    before: ['CREATE DATABASE $_orders'],
    options: { tenancy: 'database' },
    says: /there is a database "\S+_orders" already, and it belongs to "dure"/,
  },
  {
    what: 'an administrator who may not replicate',
    before: ['ALTER ROLE $_admin NOREPLICATION'],
    options: { outbox: 'wal' },
    says: /"\S+_admin" may not replicate/,
    advice: /To do: (ALTER ROLE \S+ REPLICATION)/,
  },
]

for (const version of VERSIONS) {
  const skip = version === 15 && missing15
  const server = skip === false ? await testServer({ version, settings: { ...RELAXED, wal_level: 'logical' } }) : undefined

  /** An administrator as managed servers have them: he makes roles and databases, and is no superuser. */
  const managed = async (rig: Rig, name = `${rig.database}_admin`, password = 'hush'): Promise<string> => {
    await rig.ask(
      `CREATE ROLE ${name} LOGIN CREATEROLE CREATEDB REPLICATION PASSWORD '${password}'`,
      `GRANT CREATE ON DATABASE ${rig.database} TO ${name}`,
    )
    return withPassword(rig, name, password)
  }
  const withPassword = (rig: Rig, name: string, password: string): string => {
    const url = new URL(rig.url)
    url.username = name
    url.password = password
    return url.href
  }

  for (const { what, before, options, says, advice } of cases) {
    const title = `a start that fails has changed nothing, and what it says to do helps: ${what} (PostgreSQL ${version})`
    test(title, { skip, timeout: 60_000 }, async (t) => {
      const rig = await makeRig(t, server!.url())
      const url = await managed(rig)
      for (const sql of before) await rig.ask(sql.replaceAll('$', rig.database))
      const was = await catalogs(rig)
      let failed = await failure(begin(rig, { url, ...options }))
      assert.match(failed.message, says)
      assert.deepEqual(await catalogs(rig), was)
      if (advice === undefined) return
      // One thing may come after another.
      for (let done = 0; done < 3 && failed !== undefined; done++) {
        const sql: string | undefined = advice.exec(failed.message)?.[1]
        assert.ok(sql !== undefined, failed.message)
        await rig.ask(sql)
        failed = await failure(begin(rig, { url, ...options }))
      }
      assert.equal(failed, undefined)
    })
  }

  for (const tenancy of ['schema', 'database'] as const) {
    for (const outbox of ['polling', 'wal'] as const) {
      const title = `with a ${tenancy} each and the outbox by ${outbox}, a service starts after the administrator's password was changed`
      test(`${title}, and under another one (PostgreSQL ${version})`, { skip, timeout: 60_000 }, async (t) => {
        const rig = await makeRig(t, server!.url())
        const admin = `${rig.database}_admin`
        await begin(rig, { url: await managed(rig), tenancy, outbox })
        await rig.ask(`ALTER ROLE ${admin} PASSWORD 'other'`)
        const url = withPassword(rig, admin, 'other')
        await begin(rig, { url, tenancy, outbox })
        // A role of before there were marks is known by what it owns.
        await rig.ask(`COMMENT ON ROLE ${rig.database}_orders IS NULL`)
        const second = await managed(rig, `${rig.database}_second`, 'third')
        let failed = await failure(begin(rig, { url: second, tenancy, outbox }))
        for (let done = 0; done < 3 && failed !== undefined; done++) {
          assert.match(failed.message, /may not administer the role|nothing shows that it was made/)
          await rig.ask(STATED.exec(failed.message)![1]!)
          failed = await failure(begin(rig, { url: second, tenancy, outbox }))
        }
        assert.equal(failed, undefined)
      })
    }
  }

  test(
    `a role that has expired is not let in, and it is said how (PostgreSQL ${version})`,
    { skip, timeout: 60_000 },
    async (t) => {
      const rig = await makeRig(t, server!.url())
      const url = await managed(rig)
      await begin(rig, { url })
      await rig.ask(`ALTER ROLE ${rig.database}_orders VALID UNTIL '2001-01-01'`)
      const failed = await failure(begin(rig, { url }))
      assert.match(failed.message, /refused the password .*although the role has the password that service "orders" came with/)
      await rig.ask(STATED.exec(failed.message)![1]!)
      await begin(rig, { url })
    },
  )

  test(`Dure's own tables are made all at once, or not at all (PostgreSQL ${version})`, { skip, timeout: 60_000 }, async (t) => {
    const rig = await makeRig(t, server!.url())
    const name = `${rig.database}_own`
    await rig.ask(`CREATE ROLE ${name} LOGIN PASSWORD 'hush'`, `CREATE SCHEMA AUTHORIZATION ${name}`)
    await rig.ask(`CREATE TABLE ${name}.dure_inbox (mine INTEGER)`)
    const was = await catalogs(rig)
    await assert.rejects(begin(rig, { url: () => withPassword(rig, name, 'hush') }), /dure_inbox/)
    assert.deepEqual(await catalogs(rig), was)
  })

  test(
    `what the server cancels or ends is told from what this process does (PostgreSQL ${version})`,
    { skip, timeout: 60_000 },
    async (t) => {
      const rig = await makeRig(t, server!.url())
      const store = await rig.open()
      const ended = (sql: string, timeout = 60_000): Promise<Error & { code?: string }> =>
        failure(
          store.transaction(
            async (tx) => {
              await tx.all(sql)
              await tx.all('SELECT pg_sleep(3600)')
            },
            { timeout },
          ),
        )
      const own = await ended('SELECT 1', 50)
      assert.equal(own.code, 'DEADLINE_EXCEEDED')
      assert.doesNotMatch(own.message, /server's/)
      for (const [name, since, code, says] of [
        ['statement_timeout', 15, 'DEADLINE_EXCEEDED', /took too long and was cancelled.*statement timeout/],
        ['transaction_timeout', 17, 'DEADLINE_EXCEEDED', /the server's own transaction_timeout.*SHOW transaction_timeout/],
      ] as const) {
        if (version < since) continue
        const error = await ended(`SELECT set_config('${name}', '50', true)`)
        assert.equal(error.code, code)
        assert.match(error.message, says)
      }
      for (const [by, code, says] of [
        ['pg_cancel_backend', 'ABORTED', /an administrator of the server has cancelled the statement/],
        ['pg_terminate_backend', 'UNAVAILABLE', /an administrator has ended this one \(pg_terminate_backend\)/],
      ] as const) {
        const sleeping = ended('SELECT 1')
        const stop = `SELECT ${by}(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND pid <> pg_backend_pid()`
        while ((await rig.ask(stop)).length === 0);
        const error = await sleeping
        assert.equal(error.code, code, error.message)
        assert.match(error.message, says)
      }
      await use(store)
    },
  )
}

async function use(store: SqlStore): Promise<void> {
  await store.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('a', 1)"))
}

async function failure(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  return promise.then(
    () => undefined as never,
    (error: unknown) => error as Error,
  )
}

test('services and databases of different names have names of their own, short ones as they always were', () => {
  const service = fc.stringMatching(/^[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,12}){0,4}$/).filter((name) => name.length <= 63)
  const long = fc
    .tuple(fc.constantFrom('a-service-whose-name-is-so-long-that-a-name-with-it', 'public'), service)
    .map(([head, tail]) => `${head}-${tail}`.slice(0, 63))
  const database = fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' }).filter((name) => Buffer.byteLength(name) <= 63)
  const names = (base: string, name: string, tenancy: 'schema' | 'database'): readonly string[] => {
    const admin = { user: 'admin', password: 'hush', database: base }
    const { user, database: inside, searchPath } = accessOf({ service: name, admin, tenancy, secret: undefined }).access.config
    return [user!, inside!, searchPath!, uniqueName('application', 'dure', 'writer', name)]
  }
  fc.assert(
    fc.property(database, fc.oneof(service, long), fc.oneof(service, long), (base, one, other) => {
      fc.pre(one !== other)
      for (const tenancy of ['schema', 'database'] as const) {
        const [first, second] = [names(base, one, tenancy), names(base, other, tenancy)]
        for (const name of [...first, ...second]) assert.ok(Buffer.byteLength(name) <= 65, name)
        assert.notEqual(first[0], second[0])
        assert.notEqual(first[tenancy === 'schema' ? 2 : 1], second[tenancy === 'schema' ? 2 : 1])
        assert.notEqual(first[3], second[3])
      }
    }),
  )
  assert.deepEqual(names('shop', 'order-history', 'schema').slice(0, 3), ['shop_order-history', 'shop', '"order-history"'])
  assert.notEqual(names('shop', 'public', 'schema')[2], '"public"')
})
