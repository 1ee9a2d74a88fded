import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../bytes.test-support.ts'
import { AUDIENCE, rig, SHOP } from './login.test-support.ts'

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
