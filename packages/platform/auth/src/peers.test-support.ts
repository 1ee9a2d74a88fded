/**
 * `node peers.test-support.ts`: openid-client, of another make, on our authorization server in a process of its own; a line for each check. Forms are
 * sent over HTTP, as a browser does.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { postgres } from '@dure/postgres'
import { startServer } from '@dure/postgres/server'
import { check } from '@dure/testing/foreign'
import { security } from 'dure/security'
import * as client from 'openid-client'
import { configure, logIn, PASSWORD, saidBy, SHOP, started, temporary, type After } from './auth.test-support.ts'
import { balancer, copy, refreshing } from './copies.test-support.ts'

const done: (() => unknown)[] = []
const t = { after: (work: () => unknown) => void done.unshift(work) } as After
const refused = { error: 'invalid_grant' }
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

async function until(what: string, is: () => boolean): Promise<void> {
  const began = performance.now()
  while (!is()) {
    if (performance.now() - began > 120_000) throw new Error(`It is not so after two minutes: ${what}`)
    await pause(10)
  }
}

const told: string[] = []
const channel = createServer((request, response) => {
  let body = ''
  request.on('data', (chunk) => (body += String(chunk)))
  request.on('end', () => {
    told.push(new URLSearchParams(body).get('logout_token') ?? '')
    response.end()
  })
}).listen(0, '127.0.0.1')
await once(channel, 'listening')
t.after(() => channel.close())

const { url: issuer, targets } = await balancer(t)
const [web, ...others] = SHOP.clients
const clients = [{ ...web!, backchannelLogoutUri: `http://127.0.0.1:${(channel.address() as AddressInfo).port}/` }, ...others]
// A key is shown for more than a minute before it signs: more often dure/security asks for none.
const limits = { refreshGrace: 1_000, keyLife: 5_000, keyLead: 70_000, refresh: 100, accessToken: 60_000 }
const secret = 'a secret that both starts share ok'
const first = await started(t, { issuer, secret, clients })
const { subject } = await first.users.add({ name: 'ana', password: PASSWORD, roles: ['clerk'] })
await first.stop()
const child = { issuer, secret, clients, limits, directory: first.directory }
let server = await copy(t, child)
targets.push(server.url)

try {
  const config = await configure(issuer)
  const access = security({ issuers: [{ issuer }], audience: 'shop', limits: { refresh: 300 } })
  const { tokens, at } = await logIn(config)

  await check('openid-client finds the server, runs the code flow with PKCE, and dure/security takes the token', async () => {
    const principal = await access.verify(tokens.access_token)
    assert.deepEqual([principal.subject, principal.scopes, principal.roles], [subject, ['orders:read'], ['clerk']])
    assert.equal(tokens.claims()!.sub, subject)
  })
  await check('a program gets a token for itself', async () => {
    const { access_token } = await client.clientCredentialsGrant(await configure(issuer, 'robot'), { scope: 'orders:read' })
    assert.equal((await access.verify(access_token)).subject, 'robot')
  })
  await check('a refresh token used twice at once gives one successor, and used later it ends the family', async () => {
    const own = await logIn(config, { at })
    const both = await Promise.all([1, 2].map(() => client.refreshTokenGrant(config, own.tokens.refresh_token!)))
    assert.equal(both[0]!.refresh_token, both[1]!.refresh_token)
    await pause(limits.refreshGrace + 100)
    await assert.rejects(client.refreshTokenGrant(config, own.tokens.refresh_token!), refused)
    await assert.rejects(client.refreshTokenGrant(config, both[0]!.refresh_token!), refused)
  })
  await check('what a client takes back is of no use, and its back channel is told', async () => {
    const own = await logIn(config, { at })
    told.length = 0
    await client.tokenRevocation(config, own.tokens.refresh_token!)
    await assert.rejects(client.refreshTokenGrant(config, own.tokens.refresh_token!), refused)
    await until('the back channel is told', () => told.length > 0)
    assert.equal(saidBy(told[0]!)['sid'], saidBy(own.tokens.access_token)['sid'])
  })
  await check('who logs out is told of at the client, and refreshes no more', async () => {
    const own = await logIn(config)
    told.length = 0
    const asked = await own.at.go(client.buildEndSessionUrl(config, { id_token_hint: own.tokens.id_token! }).href)
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(await asked.text())![1]!
    await own.at.go('/session/end/confirm', { xsrf, logout: 'yes' })
    await until('the back channel is told', () => told.length > 0)
    assert.equal(saidBy(told[0]!)['sid'], saidBy(own.tokens.access_token)['sid'])
    await assert.rejects(client.refreshTokenGrant(config, own.tokens.refresh_token!), refused)
  })

  const logins = await Promise.all([1, 2, 3, 4].map(() => logIn(config)))
  const kids = new Set<unknown>()
  let verified = 0
  let pending = 0
  let failed: unknown
  const onRefreshed = async (token: string): Promise<void> => {
    kids.add((JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString('utf8')) as { readonly kid: string }).kid)
    pending++
    Promise.resolve(access.verify(token))
      .then(() => verified++)
      .catch((error: unknown) => (failed ??= error))
      .finally(() => pending--)
    await pause(100)
  }
  let latest: readonly string[] = logins.map(({ tokens: own }) => own.refresh_token!)
  await check('keys are rotated under load, and no good token is refused', async () => {
    latest = await refreshing(config, latest, { until: () => kids.size >= 3 || failed !== undefined, onRefreshed })
    await until('all tokens are verified', () => pending === 0)
    assert.equal(failed, undefined)
    assert.ok(kids.size >= 3)
  })
  console.log(`  ${verified} good tokens of ${kids.size} keys were taken, 0 refused`)
  await check('killed in the middle of refreshes and started again, every login goes on', async () => {
    let count = 0
    let enough = Number.POSITIVE_INFINITY
    const work = refreshing(config, latest, {
      until: () => count >= enough,
      onRefreshed: (token) => {
        count++
        return onRefreshed(token)
      },
    })
    while (count < 20) await Promise.race([pause(5), work])
    await server.kill()
    // However long the machine takes to start it: an answer that was lost may be asked for again.
    server = await copy(t, { ...child, limits: { ...limits, refreshGrace: 60_000 } })
    targets.splice(0, 1, server.url)
    enough = count + 20
    await work
  })
  await check('of two copies on PostgreSQL one is killed in the middle of refreshes, and nobody loses a login', async () => {
    const database = await startServer({ settings: { fsync: 'off' } })
    t.after(() => database.close())
    const shared = await balancer(t)
    const both = { issuer: shared.url, secret, limits: { refreshGrace: 60_000 } }
    const own = await started(t, { ...both, store: postgres({ url: database.url() }) })
    const other = await copy(t, { ...both, directory: temporary(t), database: database.url() })
    shared.targets.push(own.url, other.url)
    const names = ['ana', 'bob', 'cleo', 'dan']
    for (const name of names) await own.users.add({ name, password: PASSWORD })
    const at = await configure(shared.url)
    const loggedIn = []
    for (const name of names) loggedIn.push(await logIn(at, { name }))
    let count = 0
    let enough = Number.POSITIVE_INFINITY
    const given = loggedIn.map(({ tokens: each }) => each.refresh_token!)
    const work = refreshing(at, given, { until: () => count >= enough, onRefreshed: () => void count++ })
    while (count < 24) await Promise.race([pause(5), work])
    await other.kill()
    shared.targets.splice(1)
    enough = count + 12
    const verifier = security({ issuers: [{ issuer: shared.url }], audience: 'shop' })
    for (const token of await work) {
      const { access_token } = await client.refreshTokenGrant(at, token)
      assert.equal((await verifier.verify(access_token)).kind, 'user')
    }
  })
} finally {
  for (const work of done) await work()
}
