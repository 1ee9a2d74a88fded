import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rig, SHOP } from './login.test-support.ts'

const CALLBACK = `${SHOP}/auth/callback`
const SESSION = '__Host-session'

/** Of the whole browser: whether it has a session of the shop. */
const isIn = (jar: ReadonlyMap<string, string> | undefined): boolean => jar?.has(SESSION) === true

test('a session that was there before the login is not that of the login, whoever has put it there', async (t) => {
  const { visit } = await rig(t)
  const [ana, eve] = [visit(), visit()]
  await eve.logIn('/', 'eve')
  const planted = eve.cookies.get('shop.example')!.get(SESSION)!
  const jar = new Map([[SESSION, planted]])
  ana.cookies.set('shop.example', jar)
  assert.equal((await ana.script('/')).text, 'eve at /')
  // She begins anew, and is herself.
  assert.equal((await ana.logIn('/auth/login?to=/orders', 'ana')).text, 'ana at /orders')
  assert.notEqual(jar.get(SESSION), planted)
  assert.equal((await eve.script('/')).status, 401)
  const made = visit()
  const chosen = 'x'.repeat(43)
  made.cookies.set('shop.example', new Map([[SESSION, chosen]]))
  assert.equal((await made.logIn('/orders', 'ida')).text, 'ida at /orders')
  assert.notEqual(made.cookies.get('shop.example')!.get(SESSION), chosen)
})

test('a callback is good once, in the browser that began it, as the issuer sent it', async (t) => {
  const { visit, issuer } = await rig(t)
  const ana = visit()
  const { location = '' } = (await ana.logIn('/orders', 'ana', CALLBACK)).headers
  assert.ok(location.startsWith(CALLBACK))
  const jar = ana.cookies.get('shop.example')!
  const begun = new Map(jar)
  const changed = (change: (query: URLSearchParams) => void): string => {
    const url = new URL(location)
    change(url.searchParams)
    return url.href
  }
  const refused = async (url: string, why: RegExp, who = ana): Promise<void> => {
    const { status, text, headers } = await who.go(url)
    assert.deepEqual(
      [status, headers['content-type'], headers['cache-control']],
      [400, 'text/html; charset=utf-8', 'no-store'],
      url,
    )
    assert.match(text, why)
    assert.match(text, /<a href="\/auth\/login\?to=/)
    assert.equal(isIn(who.cookies.get('shop.example')), false)
  }
  await refused(location, /not begun in this browser/, visit())
  const state = new URL(location).searchParams.get('state')!
  await refused(
    changed((query) => query.set('state', `${state[0]}${'A'.repeat(22)}`)),
    /not begun/,
  )
  await refused(
    changed((query) => query.append('state', state)),
    /not begun/,
  )
  await refused(
    changed((query) => query.delete('state')),
    /not begun/,
  )
  await refused(`${CALLBACK}`, /not begun/)
  const again = (): void => {
    for (const [name, value] of begun) jar.set(name, value)
  }
  // Another issuer than the one that she was sent to: RFC 9207.
  await refused(
    changed((query) => query.set('iss', 'https://evil.example')),
    /not what the issuer was asked for/,
  )
  // It was hers, and is over with that.
  await refused(location, /not begun/)
  again()
  await refused(
    changed((query) => query.delete('iss')),
    /not what the issuer was asked for/,
  )
  again()
  await refused(
    changed((query) => query.set('code', 'x'.repeat(43))),
    /does not take it/,
  )
  again()
  await refused(`${CALLBACK}?error=access_denied&state=${state}&iss=${encodeURIComponent(issuer.url)}`, /It was not allowed/)
  again()
  await refused(`${CALLBACK}?error=%3Cscript%3E&state=${state}&iss=${encodeURIComponent(issuer.url)}`, /&#60;script&#62;/)

  again()
  const done = await ana.go(location)
  assert.deepEqual([done.status, done.headers.location], [303, `${SHOP}/orders`])
  const token = jar.get(SESSION)
  assert.equal((await ana.script('/a')).text, 'ana at /a')
  // The same once more: she is in, and stays who she is.
  const back = await ana.go(location)
  assert.deepEqual([back.status, back.headers.location, jar.get(SESSION)], [303, `${SHOP}/`, token])
  // Whoever has copied the cookies of the login and the address comes too late.
  const thief = visit()
  thief.cookies.set('shop.example', new Map(begun))
  await refused(location, /does not take it/, thief)
})

test('the code of another client, and of another login, is of no use', async (t) => {
  const { visit } = await rig(t, { clients: [{ client_id: 'other', client_secret: 'other secret', redirect_uris: [CALLBACK] }] })
  const [ana, eve] = [visit(), visit()]
  const sent = async (who: typeof ana, name: string, client?: string): Promise<URLSearchParams> => {
    if (client === undefined) return new URL((await who.logIn('/', name, CALLBACK)).headers.location!).searchParams
    const { location = '' } = (await who.go(`${SHOP}/`)).headers
    const url = new URL(location)
    url.searchParams.set('client_id', client)
    return new URL((await who.logIn(url.href, name, CALLBACK)).headers.location!).searchParams
  }
  const hers = await sent(ana, 'ana')
  for (const his of [await sent(eve, 'eve'), await sent(visit(), 'eve', 'other')]) {
    const jar = new Map(ana.cookies.get('shop.example'))
    const mixed = new URLSearchParams(hers)
    mixed.set('code', his.get('code')!)
    assert.equal((await ana.go(`${CALLBACK}?${mixed.toString()}`)).status, 400)
    assert.equal(isIn(ana.cookies.get('shop.example')), false)
    ana.cookies.set('shop.example', jar)
  }
})

test('two tabs log in at once, and each comes back to its own page; a way out of the shop is none', async (t) => {
  const { visit } = await rig(t)
  const ana = visit()
  const [one, two] = [await ana.go(`${SHOP}/one`), await ana.go(`${SHOP}/two`)]
  const first = await ana.logIn(one.headers.location!, 'ana')
  assert.equal(first.text, 'ana at /one')
  // She is known to the issuer by now.
  const second = await ana.follow(two.headers.location!)
  assert.equal(second.text, 'ana at /two')

  for (const to of [
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    '/%09/evil.example',
    '/..//evil.example',
    '/auth/logout',
  ])
    assert.equal(
      (await ana.follow(`${SHOP}/auth/login?to=${encodeURIComponent(to)}`)).url,
      to === '/%09/evil.example' ? SHOP + to : `${SHOP}/`,
    )
  for (const to of ['%2f%2fevil.example', '%2f%5cevil.example', '%2f%09/evil.example', '/a%0d%0aset-cookie:%20a=b'])
    assert.equal((await ana.follow(`${SHOP}/auth/login?to=${to}`)).url, `${SHOP}/`)
})
