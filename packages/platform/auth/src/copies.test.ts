import assert from 'node:assert/strict'
import { test } from 'node:test'
import { postgres } from '@dure/postgres'
import { startServer } from '@dure/postgres/server'
import { security } from 'dure/security'
import * as client from 'openid-client'
import { asking, browser, configure, logIn, PASSWORD, started } from './auth.test-support.ts'
import { balancer } from './copies.test-support.ts'

const secret = 'what all copies of a server share'
const limits = { refreshGrace: 60_000, refresh: 20, keyLead: 0, accountFailures: 3 }

// `npm run peers -- oidc` kills one of two in the middle of refreshes.
test('two copies on PostgreSQL are one: failures, keys, logins and refresh tokens', async (t) => {
  const server = await startServer({ settings: { fsync: 'off' } })
  t.after(() => server.close())
  const { url: issuer, targets } = await balancer(t)
  const store = postgres({ url: server.url() })
  const own = await started(t, { issuer, secret, limits, store })
  const other = await started(t, { issuer, secret, limits, store })
  targets.push(own.url, other.url)
  await own.users.add({ name: 'ana', password: PASSWORD })
  const config = await configure(issuer)
  const { tokens } = await logIn(config)

  // Failures are counted together, and a key that one has made is shown by the other.
  const at = browser(issuer)
  const page = await at.follow(await at.go((await asking(config)).url.href))
  const path = new URL(page.url).pathname
  const attempt = async (url: string): Promise<number> =>
    (await at.go(`${url}${path}`, { name: 'nobody', password: 'wrong', act: 'login' })).status
  const statuses = []
  for (const url of [own.url, other.url, own.url, other.url]) statuses.push(await attempt(url))
  assert.deepEqual(statuses, [400, 400, 400, 429])
  const { kid } = await own.keys.rotate()
  const shown = async (): Promise<string> => (await fetch(`${other.url}/jwks`)).text()
  while (!(await shown()).includes(kid)) await new Promise((resolve) => setTimeout(resolve, 10))

  // One refresh token, used at both at once: each connection goes to the next copy.
  const access = security({ issuers: [{ issuer }], audience: 'shop' })
  const several = await Promise.all([1, 2, 3, 4].map(() => client.refreshTokenGrant(config, tokens.refresh_token!)))
  assert.equal(new Set(several.map(({ refresh_token }) => refresh_token)).size, 1)
  for (const { access_token } of several) assert.equal((await access.verify(access_token)).kind, 'user')
  // What has one is known to the other when the first is gone.
  await other.stop()
  targets.splice(1)
  const { access_token } = await client.refreshTokenGrant(config, several[0]!.refresh_token!)
  assert.equal((await access.verify(access_token)).kind, 'user')
})
