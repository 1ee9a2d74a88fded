import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { CallError } from 'dure/contract'
import { endsSession, explain, sqlState } from './errors.ts'
import { RELAXED, testServer } from '../server.test-support.ts'
import { makeRig, until } from '../store.test-support.ts'

const server = await testServer({ settings: RELAXED })
const PASSWORD = 'p4ssw0rd-nobody-may-see'

/** All that an error tells whoever prints it. */
const shown = (error: unknown): string => `${inspect(error, { depth: 10, showHidden: true })} ${JSON.stringify(error)}`

const failure = (promise: Promise<unknown>): Promise<CallError> =>
  promise.then(
    () => assert.fail('it should have failed'),
    (error: unknown) => error as CallError,
  )

test('each way that a server cannot be used has its own words, and none tells the password', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  const withPassword = (change: (url: URL) => void): string => {
    const url = new URL(rig.url)
    url.password = PASSWORD
    change(url)
    return url.href
  }
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as { port: number }
  await new Promise((resolve) => closed.close(resolve))
  const cases: readonly (readonly [string, string | ((service: string) => string), string, RegExp])[] = [
    [
      'down',
      withPassword((url) => (url.port = String(port))),
      'UNAVAILABLE',
      /cannot be reached.*ECONNREFUSED.*check that it runs/,
    ],
    [
      'unknown host',
      withPassword((url) => (url.hostname = 'nowhere.invalid')),
      'UNAVAILABLE',
      /cannot be reached.*"nowhere.invalid:/,
    ],
    ['wrong password', withPassword(() => {}), 'UNAUTHENTICATED', /refused the password.*check the user and the password/],
    ['no database', (_) => new URL('/missing', rig.url).href, 'FAILED_PRECONDITION', /no such database.*"missing".*create it/],
    ['not a url', `host=localhost password=${PASSWORD}`, 'INVALID_ARGUMENT', /does not begin with postgres:\/\//],
    ['malformed', `postgres://user:${PASSWORD}@host:port/x`, 'INVALID_ARGUMENT', /malformed/],
  ]
  for (const [what, url, code, message] of cases) {
    const error = await failure(rig.open({ url }))
    assert.equal(error.code, code, `${what}: ${error.message}`)
    assert.match(error.message, message, what)
    assert.match(error.message, /To do: /, what)
    assert.ok(!shown(error).includes(PASSWORD), `${what} tells the password: ${shown(error)}`)
  }
  assert.ok(!rig.lines.join('\n').includes(PASSWORD))
})

test('the password of a store that works is in no error and no log', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  await rig.ask(
    `CREATE ROLE ${rig.database} LOGIN CREATEROLE PASSWORD '${PASSWORD}'`,
    `GRANT CREATE ON DATABASE ${rig.database} TO ${rig.database}`,
  )
  const url = new URL(rig.url)
  url.username = rig.database
  url.password = PASSWORD
  const store = await rig.open({ url: url.href })
  const errors = [
    await failure(store.select('SELECT * FROM nowhere')),
    await failure(store.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('a', NULL)"))),
    await failure(store.transaction((tx) => tx.run('SELECT pg_terminate_backend(pg_backend_pid())'))),
    await failure(store.transaction(() => new Promise(() => {}), { timeout: 5 })),
  ]
  for (const error of errors) assert.ok(!shown(error).includes(PASSWORD))
  assert.ok(!shown(store).includes(PASSWORD), shown(store))
  assert.ok(!rig.lines.join('\n').includes(PASSWORD))
})

test('a statement that runs too long is cancelled at the server, and its locks are free', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  const store = await rig.open({ writers: 2 })
  await store.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('a', 1)"))
  const slow = failure(
    store.transaction(
      async (tx) => {
        await tx.run("UPDATE orders SET total = 2 WHERE id = 'a'")
        await tx.run('SELECT pg_sleep(3600)')
      },
      { timeout: 100 },
    ),
  )
  assert.equal((await slow).code, 'DEADLINE_EXCEEDED')
  await store.transaction((tx) => tx.run("UPDATE orders SET total = 3 WHERE id = 'a'"), { timeout: 50_000 })
  const running = (): Promise<unknown[]> =>
    rig.ask("SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND pid <> pg_backend_pid()")
  await until(async () => (await running()).length === 0)
  const reading = await rig.open({ readTimeout: 100 }, 'reading')
  assert.equal((await failure(reading.select('SELECT pg_sleep(3600)'))).code, 'DEADLINE_EXCEEDED')
})

test('what the server says of itself while it runs is told with what to do', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  const store = await rig.open()
  const raise = (code: string): Promise<CallError> =>
    failure(store.transaction((tx) => tx.run(`DO $$ BEGIN RAISE EXCEPTION 'trouble' USING ERRCODE = '${code}'; END $$`)))
  for (const [code, status, message] of [
    ['53100', 'RESOURCE_EXHAUSTED', /the disk is full.*free some space/],
    ['53200', 'RESOURCE_EXHAUSTED', /memory ran out/],
    ['53300', 'RESOURCE_EXHAUSTED', /no connections left.*max_connections/],
    ['25006', 'UNAVAILABLE', /only reads.*connect to the primary/],
    ['XX001', 'DATA_LOSS', /damaged.*backup/],
    ['58030', 'UNAVAILABLE', /disk answered with an error/],
    ['57014', 'DEADLINE_EXCEEDED', /took too long and was cancelled/],
    ['55P03', 'ABORTED', /lock was not to be had/],
  ] as const) {
    const error = await raise(code)
    assert.equal(error.code, status, code)
    assert.match(error.message, message)
  }
  const own = (await raise('P0001')) as unknown as { code: string; message: string }
  assert.deepEqual([own.code, own.message], ['P0001', 'trouble'], 'what the server does not say of itself comes as it is')
})

test('a server that is too old, or has no schema for the service, is refused at the start', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  // As an old server would answer.
  await rig.ask(
    'CREATE SCHEMA old',
    `CREATE FUNCTION old.current_setting(name text) RETURNS text LANGUAGE sql AS
      $$ SELECT CASE name WHEN 'server_version' THEN '14.12 (Debian)' WHEN 'server_version_num' THEN '140012' END $$`,
  )
  const inside = (path: string): string => `${rig.url}?options=${encodeURIComponent(`-c search_path=${path}`)}`
  assert.match(
    (await failure(rig.open({ url: () => inside('old,pg_catalog') }))).message,
    /"orders" failed: the server is PostgreSQL 14\.12 \(Debian\) \(server ".*To do: use PostgreSQL 15 or newer/,
  )
  assert.match(
    (await failure(rig.open({ url: () => inside('nowhere') }))).message,
    /"orders" failed: the role ".*" has no schema to make tables in .*To do: CREATE SCHEMA AUTHORIZATION/,
  )
  const left = "SELECT FROM pg_stat_activity WHERE application_name LIKE 'dure witness%' AND datname = current_database()"
  await until(async () => (await rig.ask(left)).length === 0)
})

test('a server that only reads is refused at the start', { timeout: 60_000 }, async (t) => {
  const own = await testServer({ settings: RELAXED })
  const rig = await makeRig(t, own.url())
  await (await rig.open()).stop()
  await own.stop()
  const signal = join(own.directory, 'data', 'standby.signal')
  writeFileSync(signal, '')
  await own.start()
  assert.match(
    (await failure(rig.open())).message,
    /"orders" failed: the server is a standby, which only reads.*To do: connect to the primary/,
  )
  await own.stop()
  rmSync(signal)
  await own.start()
  await own.close()
})

test('a store whose server comes back as a standby waits for one that writes', { timeout: 60_000 }, async (t) => {
  const own = await testServer({ settings: RELAXED })
  const rig = await makeRig(t, own.url())
  const store = await rig.open()
  const read = (): Promise<unknown> => store.transaction((tx) => tx.all('SELECT id FROM orders'))
  await read()
  await own.stop()
  const signal = join(own.directory, 'data', 'standby.signal')
  writeFileSync(signal, '')
  await own.start()
  const back = (): boolean => rig.lines.some((line) => line.includes('is there again'))
  const tried = new Set<unknown>()
  const witness = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'dure witness orders %'"
  await until(async () => {
    for (const { pid } of await rig.ask(witness)) tried.add(pid)
    return tried.size >= 3 || back()
  })
  assert.ok(!back(), 'it holds on to a server that only reads')
  assert.equal((await failure(read())).code, 'UNAVAILABLE')
  await rig.ask('SELECT pg_promote()')
  await until(() =>
    read().then(
      () => true,
      () => false,
    ),
  )
  rmSync(signal, { force: true })
  await store.stop()
  await own.close()
})

test('a connection that is gone is told from what the server says, by whatever name the system has for it', () => {
  const address = { server: 'localhost:5432', database: 'shop', user: 'orders' }
  const gone = [
    ...['EPIPE', 'ECONNRESET', 'ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT', 'EAI_AGAIN'].map((code) =>
      Object.assign(new Error(code), { code }),
    ),
    ...[
      'Connection terminated unexpectedly',
      'timeout expired',
      'Client has encountered a connection error and is not queryable',
    ].map((message) => new Error(message)),
  ]
  for (const error of gone) {
    assert.ok(endsSession(error) && sqlState(error) === undefined, error.message)
    assert.equal((explain(error, 'Doing', address) as CallError).code, 'UNAVAILABLE')
  }
  const said = Object.assign(new Error('duplicate key'), { code: '23505', severity: 'ERROR' })
  assert.ok(!endsSession(said) && sqlState(said) === '23505')
  assert.ok(endsSession(Object.assign(new Error('terminating'), { code: '57P01', severity: 'FATAL' })))
})

test('errors that are no trouble of the server come back as they are', () => {
  const address = { server: 'localhost:5432', database: 'shop', user: 'orders' }
  for (const error of [new Error('mine'), new TypeError('no'), 'text', undefined, new CallError('ABORTED', 'x')]) {
    assert.equal(explain(error, 'Doing', address), error)
  }
})
