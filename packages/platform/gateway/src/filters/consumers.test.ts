import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { rest } from '@dure/rest'
import { contract, query } from 'dure/contract'
import { newApiKey, security } from 'dure/security'
import { service, start, system } from 'dure/service'
import { createSessions, sessionCookie, sqliteSessions } from 'dure/session'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { until } from '../bytes.test-support.ts'
import { serving, started } from '../gateway.test-support.ts'
import { authenticate, startGateway } from '../gateway.ts'

test('who has a session is let in by its cookie, is named in the access log, and is out everywhere once logged out', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-gateway-'))
  // A store for each gateway, as in processes of their own.
  const stores = [1, 2].map(() => sqliteSessions({ directory }))
  t.after(async () => {
    await Promise.all(stores.map((store) => store.stop()))
    rmSync(directory, { recursive: true })
  })
  const cookie = sessionCookie()
  const sessions = stores.map((store) => createSessions({ store, schema: z.object({}) }))
  let asked = 0
  const server = await serving(t, (_request, response) => (asked++, response.end('the order')))
  const gateways = await Promise.all(
    sessions.map((one) =>
      started(t, {
        routes: {
          upstreams: { server: { addresses: [server.address] } },
          filters: [
            authenticate(async ({ header }) => {
              const session = await one.read(cookie.read(header('cookie')))
              return session?.subject === undefined ? undefined : { name: session.subject }
            }),
          ],
          routes: { all: { prefix: '/', to: 'server' } },
        },
      }),
    ),
  )
  const statuses = (token: string): Promise<readonly number[]> => {
    const headers = { cookie: `theme=dark; ${cookie.write(token).split(';', 1)[0]}` }
    return Promise.all(gateways.map(async ({ get }) => (await get('/order', { headers })).status))
  }
  const visitor = await sessions[0]!.create({ data: {} })
  assert.deepEqual(await statuses(visitor.token), [401, 401])
  const login = await sessions[0]!.rotate(visitor, { subject: 'ida' })
  assert.ok(login.status === 'done')
  assert.deepEqual(await statuses(login.session.token), [200, 200])
  // Whoever had put his own token into the browser has nothing of the login.
  assert.deepEqual(await statuses(visitor.token), [401, 401])
  assert.deepEqual(await statuses('x'.repeat(43)), [401, 401])
  for (const { lines } of gateways) await until(() => lines.some(({ consumer, status }) => consumer === 'ida' && status === 200))
  await sessions[1]!.endAll('ida')
  assert.deepEqual(await statuses(login.session.token), [401, 401])
  assert.equal(asked, 2)
})

const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    whose: query({ output: z.string(), access: 'authenticated', http: 'GET /whose' }),
    all: query({ output: z.string(), scope: 'orders:admin', http: 'GET /all' }),
    open: query({ output: z.string(), http: 'GET /open' }),
  },
})
const orders = service(Orders, {
  handlers: {
    whose: (_, { principal }) => principal!.subject,
    all: () => 'all',
    open: (_, { principal }) => principal?.subject ?? 'nobody',
  },
})

test('a gateway finds out who calls, passes on what they sent, and nothing else that says who they are is believed', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-gateway-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const [mine, gone] = [newApiKey(), newApiKey()]
  const away = 'http://127.0.0.1:9'
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const access = security({
    issuers: [{ issuer: away }],
    audience: 'shop',
    apiKeys: [{ subject: 'shop-app', digest: mine.digest, scopes: ['orders:read'] }],
  })
  const log = silentLogger()
  const inner = await start(system('shop', { services: [orders], doors: [rest({ port: 0 })], security: access }), {
    directory,
    log,
  })
  t.after(() => inner.stop())
  const address = new URL(inner.doors[0]!.url!).host
  const edge = await startGateway({
    port: 0,
    log,
    routes: {
      filters: [authenticate(access.consumer, { optional: true })],
      routes: { all: { prefix: '/', to: 'shop' } },
      upstreams: { shop: { addresses: [address] } },
    },
  })
  t.after(() => edge.stop())
  const { url } = edge
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}${path}`, { headers })
    return response.status === 200 ? response.json() : response.status
  }
  assert.deepEqual(
    await Promise.all([
      get('/whose', { 'x-api-key': mine.key }),
      get('/all', { 'x-api-key': mine.key }),
      get('/whose'),
      get('/open'),
    ]),
    ['shop-app', 403, 401, 'nobody'],
  )
  assert.equal(await get('/open', { 'x-api-key': gone.key }), 401)
  // Whose keys cannot be had: nothing listens there.
  assert.equal(
    await get('/open', { authorization: `Bearer ${part({ alg: 'ES256', typ: 'at+jwt' })}.${part({ iss: away })}.AAAA` }),
    503,
  )
  const claims = Object.fromEntries(
    ['x-user', 'x-consumer', 'x-forwarded-user', 'x-dure-principal'].map((name) => [name, 'shop-app']),
  )
  assert.deepEqual(await Promise.all([get('/whose', claims), get('/open', claims)]), [401, 'nobody'])
})
