import assert from 'node:assert/strict'
import { createHmac, KeyObject } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { exportJWK, exportSPKI, generateKeyPair, type CryptoKey } from 'jose'
import { CallError } from '../contract/contract.ts'
import { isOwnPrincipal } from '../contract/internal.ts'
import { NOW, pair, testIssuer, testRuntime, type Pair } from './issuer.test-support.ts'
import { keycloak, newApiKey, permits, security, type RefusalReason, type SecurityOptions } from './security.ts'

const [ours, next, eves, twin] = await Promise.all([pair('one'), pair('two'), pair('one'), pair('two')])

async function issued(t: TestContext, options: Partial<SecurityOptions> = {}) {
  const issuer = await testIssuer(t, ours)
  const runtime = testRuntime()
  const access = security({ issuers: [{ issuer: issuer.url }], audience: 'shop', runtime, ...options })
  return { issuer, runtime, access, verify: async (token: string) => access.verify(token) }
}
const because = (reason: RefusalReason) => (error: unknown) =>
  error instanceof CallError && error.code === 'UNAUTHENTICATED' && (assert.equal(error.details['reason'], reason), true)
const bearer = (token: string) => ({ header: (name: string) => (name === 'authorization' ? `Bearer ${token}` : undefined) })
const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Signed well, whatever it says and however. */
async function signed(header: unknown, claims: unknown): Promise<string> {
  const data = `${part(header)}.${part(claims)}`
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, ours.secret, Buffer.from(data))
  return `${data}.${Buffer.from(signature).toString('base64url')}`
}

test('a token says whom it is about; it is looked at once, and its principal is the same until it ends', async (t) => {
  const { issuer, access, runtime } = await issued(t)
  const token = await issuer.token(ours)
  const ana = await access.authenticate(bearer(token))
  assert.deepEqual(ana, {
    ...{ subject: 'ana', kind: 'user', client: 'app' },
    ...{ scopes: ['orders:read', 'orders:write'], roles: ['buyer'] },
  })
  assert.ok(isOwnPrincipal(ana!))
  assert.equal(access.verify(token), ana)
  assert.deepEqual(issuer.asked, ['/.well-known/openid-configuration', '/jwks'])
  assert.equal(await access.authenticate({ header: () => undefined }), undefined)
  assert.deepEqual(await access.authenticate(bearer(await issuer.token(ours, { sub: 'app' }))), {
    ...{ subject: 'app', kind: 'client', scopes: ['orders:read', 'orders:write'], roles: ['buyer'] },
  })
  // Within what clocks may differ it is looked at anew, and beyond it is over.
  await runtime.advance(302_000)
  assert.deepEqual(await access.verify(token), ana)
  await runtime.advance(4_000)
  await assert.rejects(access.authenticate(bearer(token)), because('expired'))
  assert.ok(permits(ana, { scope: 'orders:write', roles: ['seller', 'buyer'] }))
  assert.ok(!permits(ana, { scope: 'orders:write', roles: ['seller'] }) && !permits(ana, { scope: 'orders' }))
})

test('a token that claims what is not so is refused, with the reason', async (t) => {
  const { issuer, verify } = await issued(t)
  const token = (claims: object, header: object = {}, by: Pair = ours) =>
    issuer.token(by, claims as Record<string, unknown>, header as Record<string, unknown>)
  const refused: readonly (readonly [string, RefusalReason])[] = [
    [await token({ iss: 'https://login.example' }), 'issuer'],
    [await token({ iss: `${issuer.url}/` }), 'issuer'],
    [await token({ iss: [issuer.url] }), 'issuer'],
    [await token({ aud: 'bank' }), 'audience'],
    [await token({ aud: ['bank', 'shopping'] }), 'audience'],
    [await token({ aud: undefined }), 'audience'],
    [await token({ exp: NOW - 6 }), 'expired'],
    [await token({ exp: undefined }), 'claims'],
    [await token({ exp: 'tomorrow' }), 'claims'],
    [await token({ nbf: NOW + 6 }), 'not yet'],
    [await token({ sub: undefined }), 'claims'],
    [await token({ sub: '' }), 'claims'],
    [
      await token({
        scope: Array.from({ length: 300 }, (_, n) => `scope-${'x'.repeat(5)}-${n}`).join(' ') + ' ' + 'y'.repeat(300),
      }),
      'claims',
    ],
    // An identity token, and one that says nothing of what it is.
    [await token({}, { typ: 'JWT' }), 'type'],
    [await token({}, { typ: undefined }), 'type'],
    [await token({}, { kid: 7 }), 'malformed'],
    [await token({}, {}, eves), 'signature'],
    [`${await token({})}x`, 'signature'],
    [(await token({})).replace(/\.[^.]+$/, '.'), 'signature'],
    [(await token({})).split('.').slice(0, 2).join('.'), 'malformed'],
    [`${await token({})}.x`, 'malformed'],
    ['', 'malformed'],
    ['x'.repeat(1_000_000), 'too long'],
    [await token({ more: 'x'.repeat(9_000) }), 'too long'],
  ]
  for (const [bad, reason] of refused) await assert.rejects(verify(bad), because(reason), `${reason}: ${bad.slice(0, 100)}`)
  const good = [
    await token({ aud: ['bank', 'shop'] }),
    await token({ exp: NOW - 4 }),
    await token({ nbf: NOW + 4 }),
    await token({}, { typ: 'application/at+JWT' }),
  ]
  for (const each of good) assert.equal((await verify(each)).subject, 'ana')
})

test('no algorithm, a shared secret made of the public key, and an algorithm of another family are refused', async (t) => {
  const rsa = await generateKeyPair('RS256', { extractable: true })
  const jwk = { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', use: 'sig' }
  const issuer = await testIssuer(t, ours)
  issuer.keys.push(jwk)
  const access = security({ issuers: [{ issuer: issuer.url, algorithms: ['RS256'] }], audience: 'shop', runtime: testRuntime() })
  const claims = part({ iss: issuer.url, aud: 'shop', sub: 'ana', exp: NOW + 300 })
  const good = await issuer.token({ kid: 'rsa', alg: 'RS256', secret: rsa.privateKey, jwk })
  assert.equal((await access.verify(good)).subject, 'ana')
  for (const alg of ['none', 'None', 'NONE', ''])
    await assert.rejects(async () => access.verify(`${part({ alg, typ: 'at+jwt' })}.${claims}.`), because('algorithm'))
  // Who has the public key can make this one: to a reader that takes any algorithm it is signed well.
  const open = rsa.publicKey as CryptoKey
  const secrets = [await exportSPKI(open), KeyObject.from(open).export({ type: 'spki', format: 'der' }), jwk.n!]
  for (const secret of secrets) {
    const signed = `${part({ alg: 'HS256', kid: 'rsa', typ: 'at+jwt' })}.${claims}`
    const token = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
    await assert.rejects(async () => access.verify(token), because('algorithm'))
  }
  await assert.rejects(async () => access.verify(await issuer.token(ours)), because('algorithm'))
  for (const algorithm of ['HS256', 'none', 'RSA1_5'])
    assert.throws(
      () => security({ issuers: [{ issuer: issuer.url, algorithms: [algorithm as never] }], audience: 'shop' }),
      /no algorithm whose key the issuer alone has/,
    )
})

test('a token leads nobody to its own keys: kid, jku, x5u and jwk are no places to look at', async (t) => {
  const { issuer, verify } = await issued(t)
  const evil = await testIssuer(t, eves)
  const lures = [
    { kid: `${evil.url}/jwks` },
    { kid: '../../../../dev/null' },
    { kid: "one' OR '1'='1" },
    { kid: '__proto__' },
    { kid: '' },
    { kid: 'x'.repeat(255) },
  ]
  for (const lure of lures) await assert.rejects(verify(await issuer.token(eves, {}, lure)), because('key'))
  await assert.rejects(verify(await issuer.token(eves, {}, { kid: 'x'.repeat(256) })), because('malformed'))
  for (const lure of [{ jku: `${evil.url}/jwks` }, { x5u: `${evil.url}/jwks` }, { jwk: eves.jwk }, { x5c: ['MIIB'] }])
    await assert.rejects(verify(await issuer.token(eves, {}, lure)), because('signature'))
  const crit = { alg: 'ES256', kid: 'one', typ: 'at+jwt', crit: ['mood'], mood: 'good' }
  await assert.rejects(
    verify(await signed(crit, { iss: issuer.url, aud: 'shop', sub: 'ana', exp: NOW + 300 })),
    because('malformed'),
  )
  assert.deepEqual(evil.asked, [])
  // Its document may not lead there either.
  const strange = await testIssuer(t, ours)
  const asking = security({
    issuers: [{ issuer: strange.url, keys: `${strange.url}/jwks` }],
    audience: 'shop',
    runtime: testRuntime(),
  })
  assert.equal((await asking.verify(await strange.token(ours))).subject, 'ana')
})

test('a token that says something twice is refused, whoever signed it', async (t) => {
  const { issuer, verify } = await issued(t)
  const sign = (claims: string, header: unknown = { alg: 'ES256', kid: 'one', typ: 'at+jwt' }): Promise<string> =>
    signed(header, claims)
  const rest = `"iss":"${issuer.url}","aud":"shop","exp":${NOW + 300}`
  assert.equal((await verify(await sign(`{${rest},"sub":"ana","in":{"sub":"b","sub":"c"}}`))).subject, 'ana')
  for (const claims of [`{"sub":"ana",${rest},"sub":"root"}`, `{"sub":"ana",${rest},"s\\u0075b":"root"}`, `["sub"]`, '7', '{'])
    await assert.rejects(verify(await sign(claims)), because('malformed'), claims)
  const header = '{"alg":"ES256","alg":"ES256","kid":"one","typ":"at+jwt"}'
  await assert.rejects(verify(await sign(`{${rest},"sub":"ana"}`, header)), because('malformed'))
})

test('ten thousand unknown key ids cause one request, which all wait for; a minute later one more', async (t) => {
  const { issuer, verify, runtime, access } = await issued(t)
  await verify(await issuer.token(ours))
  assert.equal(issuer.asked.length, 2)
  const claims = part({ iss: issuer.url, aud: 'shop', sub: 'ana', exp: NOW + 300 })
  const forged = (n: number): string => `${part({ alg: 'ES256', typ: 'at+jwt', kid: `k${n}` })}.${claims}.AAAA`
  const flood = async (count = 1_000): Promise<void> => {
    const all = await Promise.allSettled(Array.from({ length: count }, (_, n) => verify(forged(n))))
    assert.ok(all.every((one) => one.status === 'rejected' && because('key')(one.reason)))
  }
  await flood(10_000)
  await flood()
  assert.equal(access.status()[0]!.unknownFetches, 1)
  assert.equal(issuer.asked.length, 4)
  await runtime.advance(59_000)
  await flood()
  assert.equal(access.status()[0]!.unknownFetches, 1)
  await runtime.advance(2_000)
  await flood()
  assert.equal(access.status()[0]!.unknownFetches, 2)
  assert.equal((await verify(await issuer.token(ours))).subject, 'ana')
})

test('a new key is found by its first token, which all wait for together; a key that is gone takes its tokens with it', async (t) => {
  const { issuer, verify, runtime, access } = await issued(t)
  const old = await issuer.token(ours)
  await verify(old)
  issuer.keys = [next.jwk]
  const tokens = await Promise.all(Array.from({ length: 100 }, (_, n) => issuer.token(next, { jti: String(n) })))
  assert.ok((await Promise.all(tokens.map(verify))).every(({ subject }) => subject === 'ana'))
  assert.equal(access.status()[0]!.unknownFetches, 1)
  await assert.rejects(verify(old), because('key'))
  // The same by time: a key in use is asked for again, without anybody waiting for it.
  issuer.keys = [twin.jwk]
  const now = await issuer.token(next, { exp: NOW + 3_600 })
  await verify(now)
  await runtime.advance(601_000)
  const began = issuer.asked.length
  // One that was not seen before has its key looked up.
  await verify(await issuer.token(next, { exp: NOW + 3_600, jti: 'x' }))
  while (access.status()[0]!.age! > 0) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(issuer.asked.length, began + 2)
  await assert.rejects(verify(now), because('signature'))
})

test('an issuer that is down: known keys serve on for a stated time, and without keys nobody is called a liar', async (t) => {
  const issuer = await testIssuer(t, ours)
  const runtime = testRuntime()
  const told: unknown[] = []
  const access = security({
    issuers: [{ issuer: issuer.url, keysFor: 3_600_000 }],
    ...{ audience: 'shop', runtime, log: { warn: (...words: unknown[]) => void told.push(words) } },
  })
  const long = { exp: NOW + 100_000 }
  const fresh = (jti: string) => issuer.token(ours, { ...long, jti })
  const away = { code: 'UNAVAILABLE' }
  issuer.mood = 'down'
  await assert.rejects(async () => access.verify(await fresh('a')), away)
  await assert.rejects(async () => access.verify(await fresh('b')), away)
  assert.equal(issuer.asked.length, 1)
  await runtime.advance(1_000)
  issuer.mood = 'silent'
  const waiting = assert.rejects(async () => access.verify(await fresh('c')), away)
  while (issuer.asked.length < 2) await new Promise((resolve) => setImmediate(resolve))
  await runtime.advance(5_000)
  await waiting
  issuer.mood = 'well'
  await runtime.advance(1_000)
  assert.equal((await access.verify(await fresh('d'))).subject, 'ana')
  issuer.mood = 'down'
  for (let minutes = 0; minutes < 59; minutes++) {
    await runtime.advance(60_000)
    assert.equal((await access.verify(await fresh(`at ${minutes}`))).subject, 'ana')
  }
  await runtime.advance(120_000)
  await assert.rejects(async () => access.verify(await fresh('e')), away)
  assert.ok(told.length > 2)
  assert.doesNotMatch(JSON.stringify(told), /eyJ/)
})

test('what is remembered is bounded, and the oldest goes first', async (t) => {
  const { issuer, access } = await issued(t, { limits: { tokens: 3 } })
  const tokens = await Promise.all([0, 1, 2, 3].map((n) => issuer.token(ours, { jti: String(n) })))
  for (const token of tokens) await access.verify(token)
  assert.deepEqual(
    tokens.map((token) => access.verify(token) instanceof Promise),
    [true, false, false, false],
  )
})

test('API keys: by their digest, until they end; never beside a token', async () => {
  const runtime = testRuntime()
  const [mine, old] = [newApiKey(runtime), newApiKey(runtime)]
  assert.match(mine.key, /^dure_[\w-]{43}$/)
  assert.notEqual(mine.key, old.key)
  const apiKeys = [
    { subject: 'shop-app', digest: mine.digest, scopes: ['orders:write'], roles: ['app'] },
    { subject: 'shop-app', digest: old.digest, scopes: [], expires: NOW * 1_000 + 10 },
  ]
  const access = security({ apiKeys, runtime })
  const ask = (headers: Record<string, string>) => access.authenticate({ header: (name) => headers[name] })
  assert.deepEqual(await ask({ 'x-api-key': mine.key }), {
    ...{ subject: 'shop-app', kind: 'client', scopes: ['orders:write'], roles: ['app'] },
  })
  assert.equal((await ask({ 'x-api-key': old.key }))!.subject, 'shop-app')
  await runtime.advance(10)
  await assert.rejects(ask({ 'x-api-key': old.key }), because('expired'))
  await assert.rejects(ask({ 'x-api-key': mine.digest }), because('key'))
  await assert.rejects(ask({ 'x-api-key': '' }), because('key'))
  await assert.rejects(ask({ 'x-api-key': 'x'.repeat(1_000) }), because('too long'))
  await assert.rejects(ask({ 'x-api-key': mine.key, authorization: 'Bearer x' }), because('malformed'))
  await assert.rejects(ask({ authorization: 'Basic YTpi' }), because('malformed'))
  assert.equal(await ask({ 'x-user': 'shop-app' }), undefined)
  // As a gateway asks.
  const consumer = (key?: string) => access.consumer({ header: (name) => (name === 'x-api-key' ? key : undefined) })
  const principal = await ask({ 'x-api-key': mine.key })
  const known = { name: 'shop-app', principal }
  assert.deepEqual([await consumer(mine.key), await consumer('x'), await consumer()], [known, false, undefined])
  const found = security({ apiKeys: async (digest) => apiKeys.find((key) => key.digest === digest), runtime })
  assert.equal(
    (await found.authenticate({ header: (name) => (name === 'x-api-key' ? mine.key : undefined) }))!.subject,
    'shop-app',
  )
  assert.throws(() => security({ apiKeys: [apiKeys[0]!, apiKeys[0]!] }), /another has the same digest/)
  assert.throws(() => security({ apiKeys: [{ ...apiKeys[0]!, digest: mine.key }] }), /no SHA-256/)
})

test('options that would let somebody in who should not be are refused', () => {
  const one = { issuer: 'https://a.example' }
  const refuses = (options: SecurityOptions, words: RegExp) => assert.throws(() => security(options), words)
  refuses({ issuers: [one] }, /give an "audience"/)
  refuses({ issuers: [{ ...one, prefix: '' }, one], audience: 'a' }, /named twice/)
  refuses({ issuers: [one, { issuer: 'https://b.example' }], audience: 'a' }, /"prefix"/)
  const both = ['https://a.example', 'https://b.example'].map((issuer) => ({ issuer, prefix: 'x:' }))
  refuses({ issuers: both, audience: 'a' }, /same "prefix"/)
  refuses({ issuers: [{ issuer: 'http://login.example' }], audience: 'a' }, /anybody could change them/)
  refuses({ issuers: [{ issuer: 'login' }], audience: 'a' }, /anybody could change them/)
  refuses({ issuers: [{ ...one, keys: 'http://10.0.0.1/keys' }], audience: 'a' }, /anybody could change them/)
  refuses({ limits: { skew: -1 } }, /skew/)
  assert.doesNotThrow(() => security({ issuers: [{ issuer: 'http://login.example', insecure: true }], audience: 'a' }))
  assert.doesNotThrow(() =>
    security({
      issuers: [
        { ...one, prefix: '' },
        { issuer: 'urn:b', keys: { keys: [] }, prefix: 'b:' },
      ],
      audience: 'a',
    }),
  )
})

test('subjects of several issuers are told apart', async (t) => {
  const [a, b] = [await testIssuer(t, ours), await testIssuer(t, next)]
  const issuers = [
    { issuer: a.url, prefix: '' },
    { issuer: b.url, prefix: 'partner:', keys: { keys: b.keys } },
  ]
  const access = security({ issuers, audience: 'shop', runtime: testRuntime() })
  assert.equal((await access.verify(await a.token(ours))).subject, 'ana')
  assert.equal((await access.verify(await b.token(next))).subject, 'partner:ana')
  assert.deepEqual(b.asked, [])
  // The key of one signs nothing for the other.
  await assert.rejects(async () => access.verify(await a.token(next)), because('key'))
  await assert.rejects(async () => access.verify(await b.token(ours)), because('key'))
})

test('tokens of the form that Keycloak gives them', async (t) => {
  const issuer = await testIssuer(t, ours)
  const realm = keycloak({ url: issuer.url, realm: 'shop', audience: 'shop-api' })
  assert.equal(realm.keys, `${issuer.url}/realms/shop/protocol/openid-connect/certs`)
  const access = security({ issuers: [realm], runtime: testRuntime() })
  const claims = {
    ...{
      iss: realm.issuer,
      aud: ['account', 'shop-api'],
      typ: 'Bearer',
      azp: 'shop-web',
      client_id: undefined,
      roles: undefined,
    },
    ...{
      sub: 'f3b1',
      realm_access: { roles: ['staff'] },
      resource_access: { 'shop-api': { roles: ['editor', 'staff'] }, other: {} },
    },
  }
  const token = (more: object) => issuer.token(ours, { ...claims, ...more }, { typ: 'JWT' })
  assert.deepEqual(await access.verify(await token({ scope: 'openid orders:read' })), {
    ...{ subject: 'f3b1', kind: 'user', client: 'shop-web', scopes: ['openid', 'orders:read'], roles: ['staff', 'editor'] },
  })
  assert.deepEqual(await access.verify(await token({ client_id: 'robot', azp: 'robot', realm_access: 7 })), {
    ...{ subject: 'robot', kind: 'client', scopes: ['orders:read', 'orders:write'], roles: ['editor', 'staff'] },
  })
  for (const typ of ['ID', 'Refresh', undefined])
    await assert.rejects(async () => access.verify(await token({ typ })), because('type'))
})
