/** What lets in: by a session in Redis, by one in Memcached, by a token. Words: port, and where these are. */
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { authenticate, startGateway } from '@dure/gateway'
import { memcachedSessions } from '@dure/memcached'
import { redisSessions } from '@dure/redis'
import { keepAlive } from 'dure/runtime'
import { security } from 'dure/security'
import { createSessions, sessionCookie, type SessionStore } from 'dure/session'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { say } from '../../voice.ts'

export const AUDIENCE = 'chaos'
export const WAYS = ['redis', 'memcached', 'token'] as const
export type Way = (typeof WAYS)[number]

/** Milliseconds that a store has to answer. */
export const STORE_TIMEOUT = 1_000

export type Stores = { readonly redis: string; readonly memcached: string }

/** The stores of sessions, for whoever begins some and for whoever looks at them. */
export function storesAt({ redis, memcached }: Stores): Readonly<Record<'redis' | 'memcached', SessionStore>> {
  return {
    redis: redisSessions({ url: redis, timeout: STORE_TIMEOUT }),
    memcached: memcachedSessions({ servers: [memcached], timeout: STORE_TIMEOUT }),
  }
}

export const schema: z.ZodObject = z.object({})

async function main(port: number, stores: Stores, issuer: string): Promise<void> {
  const alive = keepAlive()
  const server = createServer((_request, response) => void response.end('your order')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cookie = sessionCookie()
  const at = storesAt(stores)
  const bySession = (store: SessionStore) => {
    const sessions = createSessions({ store, schema })
    return authenticate(async ({ header }) => {
      const session = await sessions.read(cookie.read(header('cookie')))
      return session?.subject === undefined ? undefined : { name: session.subject }
    })
  }
  const access = security({ issuers: [{ issuer }], audience: AUDIENCE, limits: { timeout: STORE_TIMEOUT } })
  const filters = {
    redis: bySession(at.redis),
    memcached: bySession(at.memcached),
    token: authenticate(access.consumer),
  }
  const gateway = await startGateway({
    port,
    log: silentLogger(),
    routes: {
      upstreams: { orders: { addresses: [`127.0.0.1:${(server.address() as AddressInfo).port}`] } },
      routes: Object.fromEntries(WAYS.map((way) => [way, { prefix: `/${way}`, to: 'orders', filters: [filters[way]] }])),
    },
  })
  say('ready')
  process.once('SIGTERM', () => {
    void Promise.all([gateway.stop(), at.redis.stop(), at.memcached.stop()]).then(() => {
      server.close()
      alive.stop()
    })
  })
}

if (import.meta.main) {
  const [port = '0', redis = '', memcached = '', issuer = ''] = process.argv.slice(2)
  await main(Number(port), { redis, memcached }, issuer)
}
