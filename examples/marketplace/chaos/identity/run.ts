import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort, startLocalServer, type LocalServer } from '@dure/testing/servers'
import { createSessions, sessionCookie } from 'dure/session'
import { createChild, type Child } from '../child.ts'
import { schema, storesAt, WAYS, type Stores, type Way } from './gateway.ts'
import { beginLoad, type Load, type Seen } from './load.ts'

export type IdentityOptions = {
  /** For which each of them is away. */
  readonly seconds: number
  /** Who asks at any time with each way of saying who one is. */
  readonly readers: number
  readonly say: (line: string) => void
}

/** What was seen while something was away, and after it was back. */
export type Phase = {
  readonly name: 'redis' | 'memcached' | 'issuer'
  readonly away: Readonly<Record<Way, Seen>>
  /** Milliseconds from its start until those whom it concerned were let in again (on Memcached: with new sessions). */
  readonly recovered: number
}
export type IdentityResult = {
  readonly before: Readonly<Record<Way, Seen>>
  readonly phases: readonly Phase[]
  /** Status of a request with … */
  readonly single: {
    /** … a session that Redis had before it was killed. */
    readonly redisKept: number
    /** … one that Memcached had. */
    readonly memcachedLost: number
    /** … a token that nobody has seen, signed with a known key, while the issuer is away. */
    readonly knownKey: number
    /** … one with a key that nobody knows. */
    readonly unknownKey: number
    /** … a token, at a gateway that has never reached the issuer. */
    readonly neverReached: number
    /** … the unknown key, once the issuer shows it. */
    readonly keyShown: number
  }
}

const GATEWAY = fileURLToPath(new URL('./gateway.ts', import.meta.url))
const ISSUER = fileURLToPath(new URL('./issuer.ts', import.meta.url))
const cookie = sessionCookie()

export async function runIdentity(options: IdentityOptions): Promise<IdentityResult> {
  const steps: (() => Promise<unknown>)[] = []
  try {
    return await run(options, steps)
  } finally {
    for (const step of steps.toReversed()) await step()
  }
}

async function run({ seconds, readers, say }: IdentityOptions, steps: (() => Promise<unknown>)[]): Promise<IdentityResult> {
  const servers = { redis: await startLocalServer('redis'), memcached: await startLocalServer('memcached') }
  steps.push(servers.redis.close, servers.memcached.close)
  const at: Stores = { redis: servers.redis.url, memcached: `127.0.0.1:${servers.memcached.port}` }
  const issuerPort = await freePort()
  const issuerUrl = `http://127.0.0.1:${issuerPort}`
  const issuerWith = (...keys: readonly string[]): Child => {
    const child = createChild({ name: 'The issuer', words: [ISSUER, String(issuerPort), ...keys], ready: /^ready$/m })
    steps.push(child.kill)
    return child
  }
  const gatewayAt = async (): Promise<string> => {
    const port = await freePort()
    const words = [GATEWAY, String(port), at.redis, at.memcached, issuerUrl]
    const child = createChild({ name: 'The gateway', words, ready: /^ready$/m })
    steps.push(child.kill)
    await child.start()
    return `http://127.0.0.1:${port}`
  }
  const issuer = issuerWith('one')
  await issuer.start()
  const url = await gatewayAt()
  const tokenOf = async (key: string): Promise<string> => (await fetch(`${issuerUrl}/token/${key}`)).text()
  const stores = storesAt(at)
  steps.push(stores.redis.stop, stores.memcached.stop)
  const begun = async (store: 'redis' | 'memcached'): Promise<string> =>
    (await createSessions({ store: stores[store], schema }).create({ data: {}, subject: 'ida' })).token
  const [redis, memcached, token, fresh, unknown] = await Promise.all([
    ...[begun('redis'), begun('memcached'), tokenOf('one')],
    // Given out a second later: another token of the same key.
    sleep(1_100).then(() => tokenOf('one')),
    tokenOf('two'),
  ])
  const headers: Record<Way, Record<string, string>> = {
    redis: sessionHeader(redis!),
    memcached: sessionHeader(memcached!),
    token: { authorization: `Bearer ${token}` },
  }
  const ask = async (way: Way, more: Record<string, string> = headers[way], to = url): Promise<number> => {
    const response = await fetch(`${to}/${way}`, { headers: more, signal: AbortSignal.timeout(30_000) })
    await response.arrayBuffer()
    return response.status
  }
  const load = (): Load => beginLoad({ ask, ways: WAYS, readers })

  /** Asks until somebody is let in; gives the milliseconds since then. */
  const until200 = async (since: number, way: Way, header: () => Promise<Record<string, string>>): Promise<number> => {
    for (;;) {
      const status = await header().then(
        (more) => ask(way, more),
        () => 0,
      )
      if (status === 200) return Math.round(performance.now() - since)
      if (performance.now() - since > 120_000) return Infinity
      await sleep(50)
    }
  }
  const killed = async (server: LocalServer): Promise<Readonly<Record<Way, Seen>>> => {
    await server.crash()
    const during = load()
    await sleep(seconds * 1_000)
    return during.end()
  }

  const first = load()
  await sleep(seconds * 1_000)
  const before = await first.end()
  say(`all of it at work: ${sum(before)} requests`)

  const redisAway = await killed(servers.redis)
  await servers.redis.start()
  const redisBack = await until200(performance.now(), 'redis', async () => headers.redis)
  const redisKept = await ask('redis')
  say(`kill -9 of Redis: ${sum(redisAway)} requests; its sessions were let in again after ${redisBack} ms`)

  const memcachedAway = await killed(servers.memcached)
  await servers.memcached.start()
  const memcachedBack = await until200(performance.now(), 'memcached', async () => sessionHeader(await begun('memcached')))
  const memcachedLost = await ask('memcached')
  headers.memcached = sessionHeader(await begun('memcached'))
  say(`kill -9 of Memcached: ${sum(memcachedAway)} requests; new sessions were let in after ${memcachedBack} ms`)

  await issuer.kill()
  const during = load()
  const bearer = (text: string | undefined) => ({ authorization: `Bearer ${text}` })
  const knownKey = await ask('token', bearer(fresh))
  const unknownKey = await ask('token', bearer(unknown))
  const neverReached = await ask('token', bearer(token), await gatewayAt())
  await sleep(seconds * 1_000)
  const issuerAway = await during.end()
  await issuerWith('one', 'two').start()
  const issuerBack = await until200(performance.now(), 'token', async () => bearer(unknown))
  const keyShown = await ask('token', bearer(unknown))
  say(`kill -9 of the issuer: ${sum(issuerAway)} requests; its new key was known after ${issuerBack} ms`)

  return {
    before,
    phases: [
      { name: 'redis', away: redisAway, recovered: redisBack },
      { name: 'memcached', away: memcachedAway, recovered: memcachedBack },
      { name: 'issuer', away: issuerAway, recovered: issuerBack },
    ],
    single: { redisKept, memcachedLost, knownKey, unknownKey, neverReached, keyShown },
  }
}

const sessionHeader = (token: string): Record<string, string> => ({ cookie: cookie.write(token).split(';', 1)[0]! })
const sum = (seen: Readonly<Record<Way, Seen>>): number => WAYS.reduce((total, way) => total + seen[way].requests, 0)
