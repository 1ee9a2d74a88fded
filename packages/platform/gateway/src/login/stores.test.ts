import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { memcachedSessions } from '@dure/memcached'
import { redisSessions } from '@dure/redis'
import { startLocalServer } from '@dure/testing/servers'
import type { SessionStore } from 'dure/session'
import { rig, SHOP } from './login.test-support.ts'

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
