import assert from 'node:assert/strict'
import { test } from 'node:test'
import { security } from 'dure/security'
import * as client from 'openid-client'
import { asking, browser, configure, exchange, logIn, PASSWORD, saidBy, started, typing } from './auth.test-support.ts'

test('a person logs in with code and PKCE, and the services of the system take the token as it is', async (t) => {
  const { issuer, users } = await started(t)
  const ana = await users.add({ name: 'Ana', password: PASSWORD, roles: ['clerk'] })
  const config = await configure(issuer)
  const { tokens } = await logIn(config, { name: ' ANA ' })
  const access = security({ issuers: [{ issuer }], audience: 'shop' })
  const principal = await access.verify(tokens.access_token)
  assert.deepEqual(
    { ...principal },
    { subject: ana.subject, kind: 'user', scopes: ['orders:read'], roles: ['clerk'], client: 'web' },
  )
  const { exp, iat, aud, sid } = saidBy(tokens.access_token) as Record<string, number>
  assert.equal(aud, 'shop')
  assert.equal(exp! - iat!, 300)
  assert.equal(typeof sid, 'string')
  assert.equal(tokens.claims()!.sub, ana.subject)
  assert.equal(tokens.claims()!['preferred_username'], 'ana')
  // An id token opens nothing.
  await assert.rejects(async () => access.verify(tokens.id_token!), { code: 'UNAUTHENTICATED' })
  // Roles that are changed are in the next token.
  await users.changeRoles('ana', ['chief'])
  const next = await client.refreshTokenGrant(config, tokens.refresh_token!)
  assert.deepEqual((await access.verify(next.access_token)).roles, ['chief'])
  assert.equal(saidBy(next.access_token)['sid'], sid)
})

test('a program gets a token for itself, with no more than it may ask for', async (t) => {
  const { issuer } = await started(t)
  const config = await configure(issuer, 'robot')
  const { access_token, refresh_token } = await client.clientCredentialsGrant(config, { scope: 'orders:read' })
  const principal = await security({ issuers: [{ issuer }], audience: 'shop' }).verify(access_token)
  assert.deepEqual({ ...principal }, { subject: 'robot', kind: 'client', scopes: ['orders:read'], roles: ['packer'] })
  assert.equal(refresh_token, undefined)
  await assert.rejects(client.clientCredentialsGrant(config, { scope: 'orders:write' }), { error: 'invalid_scope' })
  const wrong = await configure(issuer, 'robot', 'another secret, as long as the one')
  await assert.rejects(client.clientCredentialsGrant(wrong, {}), { error: 'invalid_client' })
  await assert.rejects(client.clientCredentialsGrant(await configure(issuer), {}), { error: 'invalid_request' })
})

test('who names the system as the resource is understood where that name is a URI, and refused with another', async (t) => {
  const { issuer } = await started(t, { audience: 'urn:shop' })
  const config = await configure(issuer, 'robot')
  const { access_token } = await client.clientCredentialsGrant(config, { scope: 'orders:read', resource: 'urn:shop' })
  assert.equal(saidBy(access_token)['aud'], 'urn:shop')
  await assert.rejects(client.clientCredentialsGrant(config, { resource: 'urn:dure:urn%3Ashop' }), { error: 'invalid_target' })
})

test('nothing but the code flow with S256 is offered, or taken', async (t) => {
  const { issuer, users } = await started(t)
  await users.add({ name: 'ana', password: PASSWORD })
  const config = await configure(issuer)
  const metadata = config.serverMetadata()
  assert.deepEqual(metadata.response_types_supported, ['code'])
  assert.deepEqual(metadata.code_challenge_methods_supported, ['S256'])
  assert.deepEqual(metadata.grant_types_supported?.toSorted(), ['authorization_code', 'client_credentials', 'refresh_token'])
  const at = browser(issuer)
  const refusal = async (change: (url: URL) => void): Promise<string | null> => {
    const { url } = await asking(config)
    change(url)
    const answer = await at.go(url.href)
    // Of a type that is not offered it is said where its answer would be.
    return new URLSearchParams(answer.headers.get('location')?.split(/[?#]/)[1]).get('error')
  }
  const without = (url: URL): void => ['code_challenge', 'code_challenge_method'].forEach((name) => url.searchParams.delete(name))
  assert.equal(await refusal(without), 'invalid_request')
  assert.equal(await refusal((url) => url.searchParams.set('code_challenge_method', 'plain')), 'invalid_request')
  assert.equal(await refusal((url) => url.searchParams.set('response_type', 'token')), 'unsupported_response_type')
  assert.equal(await refusal((url) => url.searchParams.set('resource', 'urn:dure:bank')), 'invalid_target')
  // A code goes with its verifier, and once: what comes again takes all with it that was given for the code.
  const asked = await asking(config)
  const back = (await typing(at, await at.follow(await at.go(asked.url.href)), 'ana')).headers.get('location')!
  await assert.rejects(exchange(config, { ...asked, verifier: client.randomPKCECodeVerifier() }, back), {
    error: 'invalid_grant',
  })
  const { tokens } = await logIn(config, { at })
  assert.ok(tokens.refresh_token)
  const again = await asking(config)
  const code = (await at.follow(await at.go(again.url.href))).headers.get('location')!
  const raced = await Promise.allSettled([exchange(config, again, code), exchange(config, again, code)])
  assert.deepEqual(raced.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
})

test('where people are sent is compared to the letter, and nobody is sent elsewhere', async (t) => {
  const { issuer } = await started(t)
  const config = await configure(issuer)
  const at = browser(issuer)
  for (const uri of [
    'https://client.test/callback/',
    'https://client.test/callback?next=http://evil.example',
    'https://client.test/callback/../other',
    'https://client.test@evil.example/callback',
    'https://evil.example/callback',
    '//evil.example',
    'javascript:alert(1)',
  ]) {
    const { url } = await asking(config, { redirect_uri: uri })
    const answer = await at.go(url.href)
    assert.equal(answer.status, 400, uri)
    assert.equal(answer.headers.get('location'), null)
    assert.match(answer.headers.get('content-security-policy')!, /default-src 'none'/)
  }
  const bye = await at.go(`/session/end?client_id=web&post_logout_redirect_uri=${encodeURIComponent('https://evil.example')}`)
  assert.equal(bye.status, 400)
})

test('options that cannot be meant are refused before anything opens', async (t) => {
  const wrong = (options: object, message: RegExp): Promise<void> => assert.rejects(started(t, options), message)
  await wrong({ issuer: 'http://login.example' }, /"issuer" is "http:\/\/login.example"/)
  await wrong({ issuer: 'https://login.example/auth' }, /without a path/)
  await wrong({ clients: [{ id: 'a', redirectUris: ['https://*.example'] }] }, /compared to the letter/)
  await wrong({ clients: [{ id: 'a', clientCredentials: true }] }, /without a secret/)
  await wrong({ clients: [{ id: 'a', secret: 'short' }] }, /less than 32 characters/)
  await wrong({ clients: [{ id: 'a', scopes: ['orders:eat'] }] }, /none of the scopes/)
  await wrong({ clients: [{ id: 'a' }, { id: 'a' }] }, /is there twice/)
  await wrong({ limits: { accessToken: 600_000 } }, /"accessToken" is 600000/)
  await wrong({ scopes: { openid: 'x' } }, /cannot be one of its scopes/)
  await wrong({ secret: 'short' }, /at least 32/)
})
