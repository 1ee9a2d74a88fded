import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { security } from 'dure/security'
import * as client from 'openid-client'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import type { AuditLine } from 'dure/audit'
import { asking, browser, configure, logIn, PASSWORD, saidBy, SHOP, started } from './auth.test-support.ts'
import type { EndedLogin } from './auth.ts'

const refused = { error: 'invalid_grant' }

test('a refresh token that is used twice at once gives both the same successor', async (t) => {
  const { issuer, users } = await started(t, { limits: { refreshGrace: 60_000 } })
  await users.add({ name: 'ana', password: PASSWORD })
  const config = await configure(issuer)
  const { tokens } = await logIn(config)
  const twice = await Promise.all([1, 2].map(() => client.refreshTokenGrant(config, tokens.refresh_token!)))
  const successors = new Set(twice.map(({ refresh_token }) => refresh_token))
  assert.equal(successors.size, 1)
  assert.notEqual([...successors][0], tokens.refresh_token)
  const access = security({ issuers: [{ issuer }], audience: 'shop' })
  for (const { access_token } of twice) assert.equal((await access.verify(access_token)).kind, 'user')
  // Again within the grace, after the successor was used: the answer to it may have been lost as well.
  const third = await client.refreshTokenGrant(config, [...successors][0]!)
  assert.equal((await client.refreshTokenGrant(config, tokens.refresh_token!)).refresh_token, [...successors][0])
  assert.notEqual(third.refresh_token, [...successors][0])
})

test('one that is used after the grace ends its family, and whoever may have been robbed is told', async (t) => {
  const lines: AuditLine[] = []
  const ended: EndedLogin[] = []
  const limits = { refreshGrace: 0 }
  const { issuer, users } = await started(t, {
    ...{ limits, audit: (line: AuditLine) => void lines.push(line), onEnded: (login: EndedLogin) => void ended.push(login) },
  })
  const { subject } = await users.add({ name: 'ana', password: PASSWORD })
  const config = await configure(issuer)
  const { tokens, at } = await logIn(config)
  const { sid } = saidBy(tokens.access_token)
  const other = await logIn(await configure(issuer, 'phone'), { at })
  const second = await client.refreshTokenGrant(config, tokens.refresh_token!)
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token!), refused)
  await assert.rejects(client.refreshTokenGrant(config, second.refresh_token!), refused)
  assert.deepEqual(ended, [{ subject, sid, client: 'web' }])
  const reused = lines.find(({ action }) => action === 'auth.refresh.reused')
  assert.deepEqual({ ...reused, about: undefined }, { action: 'auth.refresh.reused', actor: 'web', subject, about: undefined })
  // What the same person has at another client stays; the next login at this one is another.
  assert.ok((await client.refreshTokenGrant(await configure(issuer, 'phone'), other.tokens.refresh_token!)).access_token)
  const again = await logIn(config, { at })
  assert.notEqual(saidBy(again.tokens.access_token)['sid'], sid)
  assert.ok((await client.refreshTokenGrant(config, again.tokens.refresh_token!)).access_token)
})

test('a client takes back what it was given, and nothing of another', async (t) => {
  const { issuer, users } = await started(t)
  await users.add({ name: 'ana', password: PASSWORD })
  const config = await configure(issuer)
  const { tokens, at } = await logIn(config)
  const phone = await configure(issuer, 'phone')
  const other = await logIn(phone, { at })
  await client.tokenRevocation(phone, tokens.refresh_token!)
  const next = await client.refreshTokenGrant(config, tokens.refresh_token!)
  await client.tokenRevocation(config, next.refresh_token!)
  await assert.rejects(client.refreshTokenGrant(config, next.refresh_token!), refused)
  assert.ok((await client.refreshTokenGrant(phone, other.tokens.refresh_token!)).access_token)
})

/** Where a client is told of logouts. */
async function backChannel(
  t: TestContext,
): Promise<{ readonly url: string; readonly told: string[]; readonly fail: (times: number) => void }> {
  const told: string[] = []
  let failures = 0
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (failures-- > 0) return response.writeHead(500).end()
      told.push(new URLSearchParams(Buffer.concat(chunks).toString('utf8')).get('logout_token')!)
      return response.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    told,
    fail: (times) => {
      failures = times
    },
  }
}

test('who logs out is logged out at the client, which is told by its back channel, once', async (t) => {
  const channel = await backChannel(t)
  const ended: EndedLogin[] = []
  const [web, ...others] = SHOP.clients
  const clients = [{ ...web!, backchannelLogoutUri: channel.url }, ...others]
  const server = await started(t, { clients, onEnded: (login) => void ended.push(login) })
  const { issuer, users } = server
  const { subject } = await users.add({ name: 'ana', password: PASSWORD })
  const config = await configure(issuer)
  const { tokens, at } = await logIn(config)
  assert.equal(tokens.claims()!['sid'], saidBy(tokens.access_token)['sid'])
  const url = client.buildEndSessionUrl(config, {
    post_logout_redirect_uri: 'https://client.test/bye',
    id_token_hint: tokens.id_token!,
  })
  const asked = await at.go(url.href)
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(await asked.text())![1]!
  // A form of another site knows no such value.
  assert.equal((await at.go('/session/end/confirm', { xsrf: 'x', logout: 'yes' })).status, 400)
  const gone = await at.go('/session/end/confirm', { xsrf, logout: 'yes' })
  assert.equal(gone.headers.get('location'), 'https://client.test/bye')
  const [token = ''] = channel.told
  assert.equal(channel.told.length, 1)
  const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri!))
  const { payload } = await jwtVerify(token, keys, { issuer, audience: 'web', typ: 'logout+jwt' })
  const { sid } = saidBy(tokens.access_token)
  assert.equal(payload.sub, subject)
  assert.equal(payload['sid'], sid)
  assert.deepEqual(payload['events'], { 'http://schemas.openid.net/event/backchannel-logout': {} })
  assert.equal(payload['nonce'], undefined)
  assert.deepEqual(ended, [{ subject, sid, client: 'web' }])
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token!), refused)
  // The cookie of before is no way back.
  assert.match(await (await at.follow(await at.go((await asking(config)).url.href))).text(), /type="password"/)
})

test('a password that was changed, and a user who was disabled, end all logins; a client that does not answer is told again', async (t) => {
  const channel = await backChannel(t)
  const [web, ...others] = SHOP.clients
  const clients = [{ ...web!, backchannelLogoutUri: channel.url }, ...others]
  const ended: EndedLogin[] = []
  const { issuer, users, stop } = await started(t, { clients, onEnded: (login) => void ended.push(login) })
  const { subject } = await users.add({ name: 'ana', password: PASSWORD })
  const config = await configure(issuer)
  const first = await logIn(config)
  const sid = saidBy(first.tokens.access_token)['sid'] as string
  channel.fail(1)
  await users.changePassword('ana', 'another horse battery')
  assert.deepEqual(ended.splice(0), [{ subject }, { subject, sid, client: 'web' }])
  while (channel.told.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.equal(saidBy(channel.told[0]!)['sid'], sid)
  await assert.rejects(client.refreshTokenGrant(config, first.tokens.refresh_token!), refused)
  const at = browser(issuer)
  await assert.rejects(logIn(config, { at }), /Nobody was sent back: 400/)
  await users.disable('ana')
  await assert.rejects(users.logOut('eve'), { code: 'NOT_FOUND' })
  await stop()
})
