import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { security } from 'dure/security'
import { until } from '../bytes.test-support.ts'
import { serving, started } from '../gateway.test-support.ts'
import { apiKeys, authenticate, authorize, headers, routesReader, tokens } from '../gateway.ts'

const issuer = 'https://login.example'

/** Keys of an issuer, and tokens as it would give them out. */
async function issued() {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] }
  const token = (claims: Readonly<Record<string, unknown>> = {}): Promise<string> => {
    const now = Math.floor(Date.now() / 1_000)
    return new SignJWT({ iss: issuer, aud: 'shop', sub: 'ana', client_id: 'app', iat: now, exp: now + 300, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'at+jwt' })
      .sign(privateKey)
  }
  return { keys, token }
}

const digest = (key: string): string => createHash('sha256').update(key).digest('hex')

test('who may pass is decided by the scopes and roles of verified tokens, and nothing of who may not is passed on', async (t) => {
  const { keys, token } = await issued()
  let asked = 0
  const server = await serving(t, (_request, response) => (asked++, response.end('done')))
  const route = (...filters: readonly ReturnType<typeof authorize>[]) => ({ to: 'server', filters })
  const { get, lines } = await started(t, {
    routes: {
      upstreams: { server: { addresses: [server.address] } },
      filters: [tokens({ issuer, keys, audience: 'shop', optional: true })],
      routes: {
        open: { prefix: '/open', ...route() },
        known: { prefix: '/known', ...route(authorize()) },
        write: { prefix: '/write', ...route(authorize({ scope: 'orders:write' })) },
        staff: { prefix: '/staff', ...route(authorize({ scope: 'orders:read', roles: ['support', 'admin'] })) },
      },
    },
  })
  const statuses = async (bearer?: string): Promise<readonly number[]> => {
    const options = bearer === undefined ? {} : { headers: { authorization: `Bearer ${bearer}` } }
    const paths = ['/open', '/known', '/write', '/staff']
    return Promise.all(paths.map(async (path) => (await get(path, options)).status))
  }
  assert.deepEqual(await statuses(), [200, 401, 401, 401])
  assert.deepEqual(await statuses(await token()), [200, 200, 403, 403])
  assert.deepEqual(await statuses(await token({ scope: 'orders:read orders:write' })), [200, 200, 200, 403])
  assert.deepEqual(await statuses(await token({ scope: 'orders:write', roles: ['admin'] })), [200, 200, 200, 403])
  assert.deepEqual(await statuses(await token({ scope: 'orders:read', roles: ['admin'] })), [200, 200, 403, 200])
  // A scope is a word: another that begins alike is another one.
  assert.deepEqual((await statuses(await token({ scope: 'orders:writer', roles: ['administrator'] }))).slice(2), [403, 403])
  for (const bad of [await token({ exp: 1 }), await token({ aud: 'other' }), `${await token()}x`, 'x'])
    assert.deepEqual(await statuses(bad), [401, 401, 401, 401])
  assert.equal(asked, 1 + 2 + 3 + 3 + 3 + 2)
  const refused = await get('/write', { headers: { authorization: `Bearer ${await token()}` } })
  assert.equal(refused.headers.get('www-authenticate'), 'Bearer error="insufficient_scope", scope="orders:write"')
  assert.match(refused.text, /It needs the scope \\"orders:write\\", which you do not have.*PERMISSION_DENIED/)
  // Who was refused is known, and named in the access log.
  await until(() => lines.some(({ consumer, status }) => consumer === 'ana' && status === 403))
})

test('a token that a filter before passes on is looked at; who is known by a name alone may do nothing that asks for more', async (t) => {
  const { keys, token } = await issued()
  const server = await serving(t, (_request, response) => response.end('done'))
  // As a login does it, with the token of a session.
  const session = headers({ request: { authorization: `Bearer ${await token({ roles: ['support'] })}` } })
  const named = authenticate(() => ({ name: 'ida' }))
  const { get } = await started(t, {
    routes: {
      upstreams: { server: { addresses: [server.address] } },
      routes: {
        session: {
          ...{ prefix: '/session', to: 'server' },
          filters: [session, tokens({ issuer, keys, audience: 'shop' }), authorize({ roles: ['support'] })],
        },
        named: { prefix: '/named', to: 'server', filters: [named, authorize()] },
        asked: { prefix: '/asked', to: 'server', filters: [named, authorize({ scope: 'orders:read' })] },
        function: {
          ...{ prefix: '/function', to: 'server' },
          filters: [
            authenticate(security({ issuers: [{ issuer, keys }], audience: 'shop' }).consumer),
            authorize({ roles: ['support'] }),
          ],
        },
      },
    },
  })
  const status = async (path: string, headersOf = {}): Promise<number> => (await get(path, { headers: headersOf })).status
  assert.equal(await status('/session', { authorization: 'Bearer of-an-attacker' }), 200)
  assert.deepEqual([await status('/named'), await status('/asked')], [200, 403])
  assert.equal(await status('/function', { authorization: `Bearer ${await token({ roles: ['support'] })}` }), 200)
  assert.equal(await status('/function', { authorization: `Bearer ${await token()}` }), 403)
})

test('while keys of an issuer cannot be had nobody is let in, and it is said to be for now', async (t) => {
  const { token } = await issued()
  const server = await serving(t, (_request, response) => response.end('done'))
  const { get } = await started(t, {
    routes: {
      upstreams: { server: { addresses: [server.address] } },
      filters: [tokens({ issuer, keys: 'http://127.0.0.1:9/jwks', audience: 'shop' })],
      routes: { all: { prefix: '/', to: 'server', filters: [authorize()] } },
    },
  })
  const answer = await get('/', { headers: { authorization: `Bearer ${await token()}` } })
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1'])
})

test('programs with keys may do what their file says, as files of routes have it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dure-gateway-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const server = await serving(t, (_request, response) => response.end('done'))
  const read = (text: string) => routesReader()(text, join(folder, 'gateway.yaml'))
  const write = (consumers: unknown): void => writeFileSync(join(folder, 'keys.json'), JSON.stringify(consumers))
  write({ plain: [digest('plain')], robot: { keys: [digest('robot')], scopes: ['orders:read'], roles: ['robot'] } })
  const routes = read(`
upstreams: { one: { addresses: ["${server.address}"] } }
filters: [apiKeys: { file: keys.json }]
routes:
  read: { prefix: /read, to: one, filters: [authorize: { scope: "orders:read", roles: [robot] }] }
  any: { prefix: /any, to: one, filters: [authorize: {}] }
`)
  const { get } = await started(t, { routes })
  const status = async (path: string, key: string): Promise<number> => (await get(path, { headers: { 'x-api-key': key } })).status
  assert.deepEqual([await status('/read', 'robot'), await status('/any', 'robot')], [200, 200])
  assert.deepEqual([await status('/read', 'plain'), await status('/any', 'plain')], [403, 200])
  assert.equal(await status('/any', 'other'), 401)
  const opened = (consumers: unknown): Promise<unknown> => {
    write(consumers)
    const all = { all: { prefix: '/', to: 'one', filters: [apiKeys({ file: join(folder, 'keys.json') })] } }
    return started(t, { routes: { upstreams: { one: { addresses: [server.address] } }, routes: all } })
  }
  await assert.rejects(opened({ robot: { keys: [], scope: 'orders:read' } }), /"robot" has "scope"; it may have "keys"/)
  await assert.rejects(opened({ robot: { keys: [], scopes: 'orders:read' } }), /"robot" has no list of scopes/)
  await assert.rejects(opened({ robot: 'a key' }), /the keys of "robot" are no list/)
})

test('what cannot be used of who may pass is refused before the gateway opens', () => {
  const read = (filter: string) =>
    routesReader()(`{ routes: { a: { prefix: /, to: one, filters: [${filter}] } } }`, 'gateway.yaml')
  for (const [filter, why] of [
    ['authorize: { roles: [] }', /none in the list, so nobody would pass/],
    ['authorize: { role: a }', /filter "authorize" has no "role"; it has scope, roles/],
    ['tokens: { issuer: "https://login.example" }', /filter "tokens" needs "audience"/],
    ['tokens: { audience: [shop] }', /needs either "issuer", or "keycloak" and "realm"/],
    ['tokens: { audience: [shop], keycloak: "https://login.example" }', /needs either "issuer", or "keycloak" and "realm"/],
    ['tokens: { audience: [shop], issuer: "http://login.example" }', /its keys would come from where anybody could change them/],
    ['tokens: { audience: [shop], issuer: "https://login.example", algorithms: [HS256] }', /"HS256" is no algorithm/],
  ] as const)
    assert.throws(() => read(filter), why)
  assert.ok(read('tokens: { audience: [shop], keycloak: "https://login.example", realm: shop }'))
})
