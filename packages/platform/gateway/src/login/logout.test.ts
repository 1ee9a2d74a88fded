import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { memcachedSessions } from '@dure/memcached'
import { redisSessions } from '@dure/redis'
import { startLocalServer } from '@dure/testing/servers'
import type { SessionStore } from 'dure/session'
import type { Act } from 'dure/telemetry'
import { type JWTPayload, SignJWT, exportJWK, generateKeyPair } from 'jose'
import { until } from '../bytes.test-support.ts'
import { CLIENT, SHOP, rig } from './login.test-support.ts'

const SESSION = '__Host-session'
const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin', origin: SHOP }
const LOGOUT = { 'http://schemas.openid.net/event/backchannel-logout': {} }

test('who logs out in one tab is out in the other with its next click, in every gateway, and at the issuer', async (t) => {
  const { visit, shop, issuer } = await rig(t, { gateways: 2 })
  const ana = visit()
  await ana.logIn('/', 'ana')
  const held = new Map(ana.cookies.get('shop.example'))
  for (const at of [0, 1]) {
    shop.at = at
    assert.equal((await ana.script('/a')).text, 'ana at /a')
  }
  const out = await ana.go(`${SHOP}/auth/logout`, { method: 'POST', headers: SAME_ORIGIN })
  assert.equal(out.status, 303)
  const { origin, searchParams } = new URL(out.headers.location!)
  assert.deepEqual([origin, searchParams.get('post_logout_redirect_uri')], [issuer.url, `${SHOP}/`])
  assert.ok(searchParams.has('id_token_hint'))
  assert.equal(ana.cookies.get('shop.example')!.has(SESSION), false)
  // Whoever has kept the cookie has nothing: also what was read of the session before is not believed.
  for (const at of [0, 1]) {
    shop.at = at
    ana.cookies.set('shop.example', new Map(held))
    assert.equal((await ana.script('/a')).status, 401)
    assert.equal((await ana.go(`${SHOP}/a`)).status, 303)
  }
  // She confirms it there, and is asked for her name again.
  const confirm = await ana.follow(out.headers.location!)
  const [, xsrf] = /name="xsrf" value="([^"]+)"/.exec(confirm.text)!
  const back = await ana.follow(`${issuer.url}/session/end/confirm`, {
    ...{ method: 'POST', form: { xsrf: xsrf!, logout: 'yes' }, until: `${SHOP}/` },
  })
  assert.ok(back.headers.location!.startsWith(`${SHOP}/`))
  assert.match((await ana.follow(`${SHOP}/a`)).text, /name="login"/)
})

test('only a page of the shop logs somebody out; a script is told where to go on; who is nobody may as well', async (t) => {
  const { visit } = await rig(t)
  const ana = visit()
  await ana.logIn('/', 'ana')
  const out = `${SHOP}/auth/logout`
  const others: readonly Readonly<Record<string, string>>[] = [
    {},
    { origin: 'https://evil.example' },
    { 'sec-fetch-site': 'cross-site', origin: SHOP },
  ]
  for (const headers of others) assert.equal((await ana.go(out, { method: 'POST', headers })).status, 403)
  assert.deepEqual([(await ana.go(out)).status, (await ana.go(out)).headers['allow']], [405, 'POST'])
  assert.equal((await ana.script('/a')).text, 'ana at /a')
  const said = await ana.script('/auth/logout', { method: 'POST' })
  assert.deepEqual([said.status, said.headers['content-type']], [200, 'application/json; charset=utf-8'])
  assert.match((JSON.parse(said.text) as { location: string }).location, /\/session\/end\?/)
  assert.equal((await ana.script('/a')).status, 401)
  const nobody = await visit().go(out, { method: 'POST', headers: SAME_ORIGIN })
  assert.deepEqual([nobody.status, nobody.headers.location], [303, `${SHOP}/`])
})

test('the issuer ends a login: of that browser where he says which, and in every gateway', async (t) => {
  const { visit, shop, issuer, gateways } = await rig(t, { gateways: 2 })
  const [ana, other, eve] = [visit(), visit(), visit()]
  for (const [who, name] of [
    [ana, 'ana'],
    [other, 'ana'],
    [eve, 'eve'],
  ] as const)
    await who.logIn('/', name)
  shop.at = 1
  // She logs out at the issuer itself, who tells the first gateway.
  const confirm = await ana.go(`${issuer.url}/session/end`)
  const [, xsrf] = /name="xsrf" value="([^"]+)"/.exec(confirm.text)!
  await ana.go(`${issuer.url}/session/end/confirm`, { method: 'POST', form: { xsrf: xsrf!, logout: 'yes' } })
  for (;;) {
    const { status } = await ana.script('/a')
    if (status === 401) break
    assert.equal(status, 200)
  }
  assert.deepEqual([(await other.script('/a')).text, (await eve.script('/a')).text], ['ana at /a', 'eve at /a'])
  assert.equal(gateways.length, 2)
})

test('an audit log is told who has logged in and out; who cannot be written down is not logged in', async (t) => {
  const acts: Act[] = []
  let away = false
  const record = async (act: Act): Promise<void> => {
    if (away) throw new Error('it is away')
    acts.push(act)
  }
  const { visit, issuer } = await rig(t, { record })
  const ana = visit()
  const told = async (count: number) => {
    await until(() => acts.length === count)
    return acts.map(({ action, actor, subject }) => [action, actor, subject])
  }
  const subject = `${issuer.url} ana`
  await ana.logIn('/', 'ana')
  assert.deepEqual(await told(1), [['session.begun', subject, subject]])
  await ana.script('/auth/logout', { method: 'POST' })
  assert.deepEqual((await told(2)).at(-1), ['session.ended', subject, subject])
  // The issuer still knows her.
  assert.equal((await ana.follow(`${SHOP}/a`)).text, 'ana at /a')
  const confirm = await ana.go(`${issuer.url}/session/end`)
  const [, xsrf] = /name="xsrf" value="([^"]+)"/.exec(confirm.text)!
  await ana.go(`${issuer.url}/session/end/confirm`, { method: 'POST', form: { xsrf: xsrf!, logout: 'yes' } })
  assert.deepEqual((await told(4)).slice(2), [
    ['session.begun', subject, subject],
    ['session.ended', issuer.url, subject],
  ])
  // What comes back says that it was not allowed: the first of such is told, and the others are counted.
  for (let i = 0; i < 3; i++) {
    const { headers } = await ana.go(`${SHOP}/auth/login`)
    const state = new URL(String(headers.location)).searchParams.get('state')!
    const back = new URLSearchParams({ error: 'access_denied', state, iss: issuer.url })
    assert.equal((await ana.go(`${SHOP}/auth/callback?${back}`)).status, 400)
  }
  assert.deepEqual((await told(5)).at(-1), ['login.refused', 'unknown', issuer.url])
  assert.deepEqual(acts.at(-1)!.about, { reason: 'not allowed', count: 1 })
  away = true
  assert.equal((await ana.logIn('/', 'ana')).status, 503)
  assert.equal((await ana.script('/a')).status, 401)
})

test('a logout token is believed when it is one, for this client, by this issuer, and fresh', async (t) => {
  const { visit, issuer, gateways } = await rig(t)
  const [ana, twin, eve] = [visit(), visit(), visit()]
  for (const [who, name] of [
    [ana, 'ana'],
    [twin, 'ana'],
    [eve, 'eve'],
  ] as const)
    await who.logIn('/', name)
  const send = async (token: string | undefined, form: string = token === undefined ? '' : `logout_token=${token}`) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return (await gateways[0]!.get('/auth/backchannel', { method: 'POST', body: form, headers })).status
  }
  const now = Math.floor(Date.now() / 1_000)
  const claims: JWTPayload = {
    iss: issuer.url,
    aud: CLIENT.clientId,
    iat: now,
    exp: now + 120,
    jti: 'one',
    events: LOGOUT,
    sub: 'ana',
  }
  const sign = (payload: JWTPayload, header: object = {}, key = issuer.key) =>
    new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'tests', typ: 'logout+jwt', ...header }).sign(key)
  const stranger = await generateKeyPair('ES256', { extractable: true })
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const unsigned = `${part({ alg: 'none', typ: 'logout+jwt' })}.${part(claims)}.`
  const spki = JSON.stringify(await exportJWK(stranger.publicKey))
  const hmac = `${part({ alg: 'HS256', kid: 'tests' })}.${part(claims)}`
  const without = (name: string): JWTPayload => Object.fromEntries(Object.entries(claims).filter(([each]) => each !== name))
  const bad: readonly string[] = [
    ...[unsigned, `${hmac}.${createHmac('sha256', spki).update(hmac).digest('base64url')}`, 'x', 'a.b.c', ''],
    await sign(claims, {}, stranger.privateKey),
    await sign(claims, { kid: 'unknown' }),
    ...(await Promise.all(['iat', 'jti', 'events', 'sub', 'aud', 'iss'].map((name) => sign(without(name))))),
    await sign({ ...claims, aud: 'other' }),
    await sign({ ...claims, iss: 'https://evil.example' }),
    await sign({ ...claims, nonce: 'as an id token has' }),
    await sign({ ...claims, events: { other: {} } }),
    await sign({ ...claims, events: { ...LOGOUT, ['http://schemas.openid.net/event/backchannel-logout']: 'text' } }),
    await sign({ ...claims, exp: now - 60 }),
    await sign({ ...claims, iat: now - 3_600 }),
  ]
  assert.deepEqual(
    await Promise.all(bad.map((each) => send(each))),
    bad.map(() => 400),
  )
  const good = await sign(claims)
  assert.equal(await send(undefined, `logout_token=${good}&logout_token=${good}`), 400)
  assert.equal(await send(undefined, `logout_token=${good}&a=${'x'.repeat(70_000)}`), 400)
  for (const who of [ana, twin]) assert.equal((await who.script('/')).text, 'ana at /')
  // A subject alone is all of his; the same once more ends nothing else.
  assert.deepEqual([await send(good), await send(good)], [200, 200])
  for (const who of [ana, twin]) assert.equal((await who.script('/')).status, 401)
  assert.equal((await eve.script('/')).text, 'eve at /')
})

/** Each gateway has a store of its own, on the same server. */
const STORES: Readonly<Record<'redis' | 'memcached', (server: { readonly url: string; readonly port: number }) => SessionStore>> =
  {
    redis: ({ url }) => redisSessions({ url }),
    memcached: ({ port }) => memcachedSessions({ servers: [`127.0.0.1:${port}`] }),
  }

for (const kind of ['redis', 'memcached'] as const)
  test(`gateways that share sessions in ${kind}: who logs in at one is let in at the other, and who logs out is out in both`, async (t: TestContext) => {
    const server = await startLocalServer(kind)
    t.after(() => server.close())
    const { visit, shop } = await rig(t, { gateways: 2, store: () => STORES[kind](server) })
    const ana = visit()
    await ana.logIn('/', 'ana')
    const cookies = new Map(ana.cookies.get('shop.example'))
    for (const at of [0, 1]) {
      shop.at = at
      assert.equal((await ana.script('/a')).text, 'ana at /a')
    }
    const out = await ana.go(`${SHOP}/auth/logout`, {
      method: 'POST',
      headers: { 'sec-fetch-site': 'same-origin', origin: SHOP },
    })
    assert.equal(out.status, 303)
    for (const at of [0, 1]) {
      shop.at = at
      ana.cookies.set('shop.example', new Map(cookies))
      assert.equal((await ana.script('/a')).status, 401)
    }
    // While it is away nobody is let in, and nobody is told to log in: it may be back the next moment.
    await ana.logIn('/', 'ana')
    await server.crash()
    assert.equal((await ana.script('/a')).status, 503)
  })
