import assert from 'node:assert/strict'
import { test } from 'node:test'
import { postgres } from '@dure/postgres'
import { startServer } from '@dure/postgres/server'
import { security } from 'dure/security'
import * as client from 'openid-client'
import { asking, browser, configure, logIn, PASSWORD, started, temporary } from './auth.test-support.ts'
import { balancer, copy, refreshing } from './copies.test-support.ts'

const secret = 'what all copies of a server share'
const limits = { refreshGrace: 60_000, refresh: 20, keyLead: 0, accountFailures: 3 }

test('two copies on PostgreSQL are one; one is killed in the middle of refreshes, and nobody loses a login', async (t) => {
  const server = await startServer({ settings: { fsync: 'off' } })
  t.after(() => server.close())
  const { url: issuer, targets } = await balancer(t)
  const own = await started(t, { issuer, secret, limits, store: postgres({ url: server.url() }) })
  const other = await copy(t, { issuer, secret, limits, directory: temporary(t), database: server.url() })
  targets.push(own.url, other.url)
  const names = ['ana', 'bob', 'cleo', 'dan']
  for (const name of names) await own.users.add({ name, password: PASSWORD })
  const config = await configure(issuer)
  const logins = []
  for (const name of names) logins.push(await logIn(config, { name }))

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

  const access = security({ issuers: [{ issuer }], audience: 'shop' })
  let count = 0
  let enough = Number.POSITIVE_INFINITY
  const reached = Promise.withResolvers<void>()
  const work = logins.map(({ tokens }) =>
    refreshing(config, tokens.refresh_token!, {
      until: () => count >= enough,
      onRefreshed: () => void (++count >= 24 && reached.resolve()),
    }),
  )
  await Promise.race([reached.promise, ...work])
  await other.kill()
  targets.splice(1)
  enough = count + 12
  for (const token of await Promise.all(work)) {
    const { access_token } = await client.refreshTokenGrant(config, token)
    assert.equal((await access.verify(access_token)).kind, 'user')
  }
})
