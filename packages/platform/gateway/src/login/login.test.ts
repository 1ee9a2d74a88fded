import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as ask } from 'node:http'
import { test } from 'node:test'
import { CallError } from 'dure/contract'
import { type SessionStore, sqliteSessions } from 'dure/session'
import { until } from '../bytes.test-support.ts'
import { AUDIENCE, SHOP, rig } from './login.test-support.ts'

test('who opens a page is sent to log in and comes back where he was; the service gets a token that it verifies, the browser none', async (t) => {
  const { visit, heard, gateways } = await rig(t)
  const ana = visit()
  const first = await ana.go(`${SHOP}/orders?page=2`)
  assert.equal(first.status, 303)
  const asked = new URL(first.headers.location!).searchParams
  assert.deepEqual(
    ['response_type', 'client_id', 'code_challenge_method', 'redirect_uri', 'scope', 'resource'].map((name) => asked.get(name)),
    ['code', 'shop', 'S256', `${SHOP}/auth/callback`, 'openid orders', AUDIENCE],
  )
  for (const name of ['state', 'nonce', 'code_challenge']) assert.match(asked.get(name)!, /^[\w-]{22,}$/)

  const seen = await ana.logIn('/orders?page=2', 'ana')
  assert.deepEqual([seen.status, seen.text, seen.url], [200, 'ana at /orders?page=2', `${SHOP}/orders?page=2`])
  const jar = ana.cookies.get('shop.example')!
  assert.match(jar.get('__Host-session')!, /^[\w-]{43}$/)
  const set = ana.told.flatMap((each) => each.match(/__Host-session=[\w-]{43}[^"]*/g) ?? [])
  assert.deepEqual(set, [`__Host-session=${jar.get('__Host-session')}; Path=/; HttpOnly; SameSite=Lax; Secure`])
  // Of the shop's answers: what looks like a token is in none of them.
  for (const each of ana.told) assert.doesNotMatch(each, /eyJ[\w-]+\.[\w-]+\.|refresh_token/)
  // A script is let in by the same cookie, and services see no cookie of the gateway.
  jar.set('theme', 'dark')
  assert.equal((await ana.script('/orders')).text, 'ana at /orders')
  assert.deepEqual(heard, [undefined, 'theme=dark'])
  const [{ lines } = assert.fail()] = gateways
  await until(() => lines.filter(({ consumer, path }) => consumer === 'ana' && path === '/orders').length === 2)
})

test('a script of nobody gets 401 and a problem; where nobody is welcome as well, he passes without a name', async (t) => {
  const { visit } = await rig(t)
  const { script, go } = visit()
  const refused = await script('/orders')
  assert.deepEqual(
    [refused.status, refused.headers['content-type'], refused.headers.location],
    [401, 'application/problem+json; charset=utf-8', undefined],
  )
  assert.match(refused.text, /"code":"UNAUTHENTICATED"/)
  assert.equal((await go(`${SHOP}/orders`, { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } })).status, 401)
  assert.equal((await script('/open/a')).text, 'nobody at /open/a')
  const forged = { authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.', 'x-forwarded-user': 'ana' }
  assert.equal((await script('/open/a', { headers: forged })).text, 'nobody at /open/a')
})

const SESSION = '__Host-session'

test('another site cannot have a browser change anything, nor open a WebSocket', async (t) => {
  const { visit, heard, gateways } = await rig(t)
  const ana = visit()
  await ana.logIn('/', 'ana')
  const before = heard.length
  const cross: readonly Readonly<Record<string, string>>[] = [
    {},
    { origin: 'https://evil.example' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin: SHOP },
  ]
  for (const method of ['POST', 'PUT', 'DELETE'])
    for (const headers of cross) assert.equal((await ana.go(`${SHOP}/orders`, { method, headers })).status, 403)
  const cookie = `${SESSION}=${ana.cookies.get('shop.example')!.get(SESSION)}`
  const shaking = async (origin: string | undefined): Promise<number | undefined> => {
    const headers = {
      ...{ host: 'shop.example', cookie, connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
      ...{ 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', ...(origin !== undefined && { origin }) },
    }
    const outgoing = ask(`${gateways[0]!.url}/socket`, { headers, agent: false }).end()
    const [response] = (await once(outgoing, 'response')) as [{ statusCode?: number; resume: () => void }]
    response.resume()
    return response.statusCode
  }
  assert.deepEqual(await Promise.all([undefined, 'https://evil.example', 'null'].map(shaking)), [403, 403, 403])
  assert.equal(heard.length, before)
  // The service takes no WebSockets, and says so itself.
  assert.equal(await shaking(SHOP), 200)
  assert.equal((await ana.script('/orders', { method: 'POST' })).text, 'ana at /orders')
})

test('what a client says of who it is reaches no service, nor does what the gateway keeps in its browser', async (t) => {
  const { visit, heard } = await rig(t)
  const ana = visit()
  await ana.logIn('/', 'ana')
  const headers = { authorization: 'Bearer eve', 'x-forwarded-user': 'eve', 'X-Auth-Request-Email': 'eve@evil.example' }
  assert.equal((await ana.script('/a', { headers })).text, 'ana at /a')
  assert.equal((await visit().script('/a', { headers })).status, 401)
  const jar = ana.cookies.get('shop.example')!
  await ana.go(`${SHOP}/auth/login?to=/b`)
  jar.set('a', `1`)
  jar.set('z', `"2"`)
  assert.equal((await ana.script('/a')).text, 'ana at /a')
  assert.equal(heard.at(-1), 'a=1; z="2"')
  // Hidden in another one, or given twice: nobody is let in, and nothing is passed on.
  const token = jar.get(SESSION)!
  const { script, cookies } = visit()
  for (const text of [`a=1, ${SESSION}=${token}`, `${token}; ${SESSION}=${token}`]) {
    cookies.set('shop.example', new Map([[text.startsWith('a') ? 'a' : SESSION, text.replace(/^a=/, '')]]))
    assert.equal((await script('/open/a')).text, 'nobody at /open/a')
    assert.ok(heard.at(-1)?.includes(token) !== true)
  }
  // Read as a browser would never write it, and not passed on either; what only looks like one is.
  cookies.set(
    'shop.example',
    new Map([
      [`${SESSION} `, token],
      [`my${SESSION}`, '1'],
    ]),
  )
  assert.equal((await script('/open/a')).text, 'ana at /open/a')
  assert.equal(heard.at(-1), `my${SESSION}=1`)
  cookies.set('shop.example', new Map([[SESSION, 'x'.repeat(15_000)]]))
  assert.equal((await script('/a')).status, 401)
  cookies.set('shop.example', new Map([[SESSION, 'x'.repeat(20_000)]]))
  assert.equal((await script('/a')).status, 431)
})

test('while the issuer is away who is in stays in; while the store is away nobody is known, and nobody is out', async (t) => {
  let away = false
  const { visit, issuer } = await rig(t, {
    store: (folder): SessionStore => {
      const store = sqliteSessions({ directory: folder })
      const asked = (): void => {
        if (away) throw new CallError('UNAVAILABLE', 'It is away')
      }
      return {
        ...store,
        read: async (id) => (asked(), store.read(id)),
        end: async (id) => (asked(), store.end(id)),
      }
    },
  })
  const [ana, ida] = [visit(), visit()]
  await ana.logIn('/', 'ana')
  issuer.mood = 'down'
  assert.equal((await ana.script('/a')).text, 'ana at /a')
  away = true
  const refused = await ana.script('/a')
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1'])
  assert.equal((await ana.script('/auth/logout', { method: 'POST' })).status, 503)
  away = false
  assert.equal((await ana.script('/a')).text, 'ana at /a')
  // Whoever logs out is out of the shop, though the issuer cannot be told.
  const out = await ana.script('/auth/logout', { method: 'POST' })
  assert.equal(out.status, 200)
  assert.equal((await ana.script('/a')).status, 401)
  issuer.mood = 'well'
  assert.equal((await ida.logIn('/a', 'ida')).text, 'ida at /a')
})

test('a gateway that starts while the issuer is away lets nobody log in, says so, and does when he is back', async (t) => {
  const { visit, issuer } = await rig(t)
  const ana = visit()
  issuer.mood = 'down'
  const page = await ana.go(`${SHOP}/a`)
  assert.deepEqual([page.status, page.headers['retry-after']], [503, '1'])
  assert.match(page.text, /Nobody can be logged in now/)
  issuer.mood = 'well'
  for (;;) {
    const seen = await ana.logIn('/a', 'ana')
    if (seen.text === 'ana at /a') break
    assert.equal(seen.status, 503)
  }
})

test('a token that has ended is renewed at the issuer, once for all who wait; one that he refuses ends the session', async (t) => {
  const { visit, issuer, age, shop } = await rig(t, { gateways: 2 })
  const [ana, twin] = [visit(), visit()]
  await ana.logIn('/', 'ana')
  twin.cookies.set('shop.example', new Map(ana.cookies.get('shop.example')))
  const token = ana.cookies.get('shop.example')!.get(SESSION)!
  assert.deepEqual(issuer.grants, ['authorization_code'])
  await age(token, {})
  const asked = Array.from({ length: 20 }, (_, i) => {
    shop.at = i % 2
    return ana.script(`/${i}`)
  })
  assert.deepEqual(
    (await Promise.all(asked)).map(({ text }) => text),
    Array.from({ length: 20 }, (_, i) => `ana at /${i}`),
  )
  assert.deepEqual(issuer.grants, ['authorization_code', 'refresh_token'])
  await age(token, {})
  issuer.mood = 'down'
  assert.equal((await ana.script('/a')).status, 503)
  issuer.mood = 'well'
  // In the store it is another one than the issuer has given.
  await age(token, { refresh: 'not his' })
  for (;;) {
    const { status } = await ana.script('/a')
    if (status === 401) break
    // A connection to him that was left over from before.
    assert.equal(status, 503)
  }
  assert.equal((await ana.script('/a')).status, 401)
  // He still knows her: a page is only a way round.
  assert.equal((await ana.follow(`${SHOP}/a`)).text, 'ana at /a')
})
