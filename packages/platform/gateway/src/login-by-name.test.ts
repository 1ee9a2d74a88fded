import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { test, type TestContext } from 'node:test'
import { sqliteSessions } from 'dure/session'
import { until } from './bytes.test-support.ts'
import { serving, started } from './gateway.test-support.ts'
import { routesReader, type RoutesReaderOptions } from './gateway.ts'

function rig(t: TestContext, options: RoutesReaderOptions = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-login-file-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'gateway.yaml')
  const reader = routesReader(options)
  const text = (login: string, to = 'web', more = ''): string =>
    `routes:\n  all:\n    prefix: /\n    to: ${to}\n    filters:\n      - login: ${login}\n${more}`
  const said = (login: string): string => {
    try {
      reader(text(login), file)
    } catch (error) {
      return (error as Error).message.replaceAll(file, 'gateway.yaml')
    }
    return 'taken'
  }
  return { directory, file, read: (...of: Parameters<typeof text>) => reader(text(...of), file), said }
}

const BASE = 'issuer: https://login.example, clientId: shop, url: https://shop.example'

test('a file has its login, with the secret elsewhere, and what is wrong of it is told by its line', async (t) => {
  const { directory, said } = rig(t)
  writeFileSync(join(directory, 'shop.secret'), 'a secret\n')
  writeFileSync(join(directory, 'empty.secret'), '\n')
  process.env['DURE_TEST_LOGIN_SECRET'] = 'another'
  t.after(() => delete process.env['DURE_TEST_LOGIN_SECRET'])
  for (const secret of ['{ file: shop.secret }', '{ environment: DURE_TEST_LOGIN_SECRET }', '{ clear: as anybody may read }'])
    assert.equal(said(`{ ${BASE}, sessions: data, clientSecret: ${secret} }`), 'taken')
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      `{ ${BASE}, sessions: data }`,
      /^Cannot use "gateway.yaml": gateway.yaml:6: routes.all.filters.0.login: filter "login" needs "clientSecret"$/,
    ],
    [`{ ${BASE}, sessions: data, clientSecret: in the open }`, /"clientSecret" of filter "login" is no object/],
    [`{ ${BASE}, sessions: data, clientSecret: {} }`, /its "clientSecret" is none; give \{ environment: NAME \}/],
    [`{ ${BASE}, sessions: data, clientSecret: { environment: DURE_TEST_NOT_SET } }`, /DURE_TEST_NOT_SET, which is not set/],
    [`{ ${BASE}, sessions: data, clientSecret: { file: none.secret } }`, /cannot be read: ENOENT/],
    [`{ ${BASE}, sessions: data, clientSecret: { file: empty.secret } }`, /which is empty/],
    [`{ ${BASE}, sessions: data, clientSecret: { vault: a } }`, /has "vault"; give environment, file or clear/],
    [
      `{ ${BASE}, sessions: 'redis://user:password@cache', clientSecret: { clear: a } }`,
      /are at "redis:\/\/…", which is not known here/,
    ],
    [`{ ${BASE}, sessions: data, clientSecret: { clear: a }, redirect: a }`, /filter "login" has no "redirect"; it has issuer/],
    [
      `{ ${BASE.replace('https:', 'http:')}, sessions: data, clientSecret: { clear: a } }`,
      /"issuer" is "http:\/\/login.example", where anybody could answer/,
    ],
    [`{ ${BASE}/shop, sessions: data, clientSecret: { clear: a } }`, /give scheme, host and port alone/],
    [`{ ${BASE}, sessions: data, clientSecret: { clear: a }, path: auth }`, /"path" is "auth"/],
    [
      `{ ${BASE}, sessions: data, clientSecret: { clear: a }, parameters: { state: a } }`,
      /"state" of "parameters" is the gateway's own/,
    ],
    [`{ ${BASE}, sessions: data, clientSecret: { clear: a }, idle: 0 }`, /idle/],
    [`{ ${BASE}, sessions: data, clientSecret: { clear: a }, audit: .dure }`, /its "audit" is of no use here/],
  ]
  for (const [login, why] of cases) {
    assert.match(said(login), why)
    assert.doesNotMatch(said(login), /password/)
  }
})

test('a login that a file had before is the same one, until its secret is another', async (t) => {
  const { directory, read } = rig(t)
  const secret = join(directory, 'shop.secret')
  writeFileSync(secret, 'a secret')
  const made = () => read(`{ ${BASE}, sessions: data, clientSecret: { file: shop.secret } }`).routes['all']!.filters![0]
  const [first, again] = [made(), made()]
  assert.equal(first, again)
  writeFileSync(secret, 'another secret')
  assert.notEqual(made(), first)
})

test('a gateway runs it: its own paths are there without a route of their own, and its store ends with it', async (t) => {
  const asked: string[] = []
  const stopped: string[] = []
  const told: string[] = []
  const { directory, read } = rig(t, {
    auditAt: (system) => async (act) =>
      void told.push(`${relative(directory, system)} ${act.action} ${String(act.about!['reason'])}`),
    storeAt: (url) => {
      asked.push(url)
      const store = sqliteSessions({ directory })
      return { ...store, stop: async () => (stopped.push(url), store.stop()) }
    },
  })
  const server = await serving(t, (_request, response) => void response.end('the page'))
  const login = `{ ${BASE}, sessions: 'redis://cache:6379', clientSecret: { clear: a }, path: /session, audit: shop/data }`
  const routes = read(login, 'server', `upstreams: { server: { addresses: ['${server.address}'] } }\n`)
  const { get, stop } = await started(t, {
    routes: { ...routes, routes: { orders: { ...routes.routes['all']!, prefix: '/orders' } } },
  })
  assert.deepEqual(
    await Promise.all(
      ['/orders', '/session/callback', '/session/logout', '/other'].map(async (path) => (await get(path)).status),
    ),
    [401, 400, 405, 404],
  )
  await until(() => told.length > 0)
  assert.deepEqual(told, ['shop/data login.refused not begun here'])
  await stop({ timeout: 0 })
  assert.deepEqual([asked, stopped], [['redis://cache:6379'], ['redis://cache:6379']])
})
