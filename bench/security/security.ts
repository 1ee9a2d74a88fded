import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT, type JWK } from 'jose'
import { clientFactory, socketPeers } from 'dure/call/internal'
import type { Address } from 'dure/discovery'
import { realRuntime } from 'dure/runtime'
import { security, type AccessSecurity } from 'dure/security'
import { start } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import type { BenchContext, BenchResult } from '../bench.ts'
import { certificatesFor } from './certificates.ts'
import { Orders, order, orders } from './order.ts'

export const peers = false
const ROUNDS = 5
const IN_FLIGHT = 64
/** People whose calls come in turn. */
const USERS = 100
const CALLS = 100_000
const TOKENS = 2_000

/**
 * What it costs to know who calls. Locally: each request brings a token, whose reader knows it already, and the operation asks for a
 * scope and a role; beside it the same operation for anybody. Between two processes: the same calls for a hundred users in turn, 64
 * at once; and over TCP with and without certificates of both ends. Verified for the first time: beside jose with the key in hand. And how often an issuer is asked while a minute's worth of
 * tokens with unknown key ids comes in.
 */
export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-security-'))
  const issuer = await openIssuer()
  const access = security({ issuers: [{ issuer: issuer.url, keys: `${issuer.url}/jwks` }], audience: 'bench' })
  const tokens = await Promise.all(Array.from({ length: USERS }, (_, n) => issuer.token(`user-${n}`)))
  const local = await openLocal(join(directory, 'local'), access, tokens)
  const remote = await openRemote(directory, access, tokens)
  const best: Record<string, number> = {}
  const round = async (name: string, measure: () => Promise<number>): Promise<void> => {
    best[name] = Math.max(best[name] ?? 0, await measure())
  }
  try {
    // Rounds are interleaved, and the best of each counts: other work on the machine only ever slows down.
    for (let at = 1; at <= ROUNDS; at++) {
      progress(`round ${at} of ${ROUNDS}`)
      for (const [name, call] of Object.entries({ local_open: local.open, local_secured: local.secured }))
        await round(name, () => perSecond(call, CALLS, 1))
      for (const [name, call] of Object.entries({
        remote_open: remote.open,
        remote_secured: remote.secured,
        plain: remote.plain,
        mtls: remote.mutual,
      }))
        await round(name, () => perSecond(call, CALLS, IN_FLIGHT))
      const fresh = await Promise.all(Array.from({ length: TOKENS }, (_, n) => issuer.token('ana', `${at} ${n}`)))
      const key = await importJWK(issuer.jwk, 'RS256')
      const options = { issuer: issuer.url, audience: 'bench', algorithms: ['RS256'], typ: 'at+jwt' }
      let n = 0
      await round('jose', () => perSecond(async () => jwtVerify(fresh[n++]!, key, options), TOKENS, 8))
      n = 0
      await round('verify_cold', () => perSecond(async () => access.verify(fresh[n++]!), TOKENS, 8))
    }
    const before = access.status()[0]!.unknownFetches
    const claims = part({ iss: issuer.url, aud: 'bench', sub: 'eve', exp: 4_000_000_000 })
    let unknown = 0
    const forged = async (): Promise<void> => {
      const token = `${part({ alg: 'RS256', typ: 'at+jwt', kid: `k${unknown++}` })}.${claims}.AAAA`
      await (async () => access.verify(token))().catch(() => {})
    }
    const refused = await perSecond(forged, 50_000, IN_FLIGHT)
    return {
      ratios: {
        local_secured_vs_open: best['local_secured']! / best['local_open']!,
        remote_secured_vs_open: best['remote_secured']! / best['remote_open']!,
        mtls_vs_plain: best['mtls']! / best['plain']!,
        verify_cold_vs_jose: best['verify_cold']! / best['jose']!,
      },
      figures: {
        unknown_kid_fetches: access.status()[0]!.unknownFetches - before,
        unknown_kids_refused_per_second: refused,
        ...Object.fromEntries(Object.entries(best).map(([name, value]) => [`${name}_per_second`, value])),
      },
    }
  } finally {
    await local.stop()
    await remote.stop()
    issuer.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

async function openIssuer() {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }
  const server = createServer((_, response) => response.end(JSON.stringify({ keys: [jwk] }))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const token = (subject: string, id = subject): Promise<string> =>
    new SignJWT({ scope: 'orders:read orders:write', roles: ['buyer'], client_id: 'app', jti: id })
      .setProtectedHeader({ alg: 'RS256', kid: 'one', typ: 'at+jwt' })
      .setIssuer(url)
      .setAudience('bench')
      .setSubject(subject)
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey)
  return { url, jwk, token, stop: () => void server.close() }
}

type Calls = {
  readonly open: () => Promise<unknown>
  readonly secured: () => Promise<unknown>
  readonly stop: () => Promise<void>
}

async function openLocal(directory: string, access: AccessSecurity, tokens: readonly string[]): Promise<Calls> {
  const running = await start(orders, { directory, log: silentLogger() })
  const bind = clientFactory({ contract: Orders, transport: running.transport, runtime: realRuntime() })
  let n = 0
  return {
    // As a door calls: for somebody else each time.
    open: async () => bind({ service: undefined }).open(order),
    secured: async () => {
      const known = access.verify(tokens[n++ % USERS]!)
      const principal = known instanceof Promise ? await known : known
      return bind({ service: undefined, principal }).secured(order)
    },
    stop: () => running.stop(),
  }
}

type RemoteCalls = Calls & {
  readonly plain: () => Promise<unknown>
  /** The same, with certificates of both ends. */
  readonly mutual: () => Promise<unknown>
}

async function openRemote(directory: string, access: AccessSecurity, tokens: readonly string[]): Promise<RemoteCalls> {
  const child = fork(join(import.meta.dirname, 'server.ts'), [directory], { execArgv: ['--conditions=dure-source'] })
  const [addresses] = (await once(child, 'message')) as [Readonly<Record<'unix' | 'plain' | 'mutual', Address>>]
  const runtime = realRuntime()
  const log = silentLogger()
  const peer = socketPeers({ runtime, log })(addresses.unix)
  const plain = socketPeers({ runtime, log })(addresses.plain)
  const mutual = socketPeers({ runtime, log, ...certificatesFor(directory, 'caller') })(addresses.mutual)
  const clientOver = (transport: typeof peer) => clientFactory({ contract: Orders, transport, runtime })({ service: 'caller' })
  const [overPlain, overMutual] = [clientOver(plain), clientOver(mutual)]
  const bind = clientFactory({ contract: Orders, transport: peer, runtime })
  const anybody = bind({ service: 'bench' })
  const users = await Promise.all(tokens.map(async (token) => bind({ service: 'bench', principal: await access.verify(token) })))
  let n = 0
  return {
    open: () => anybody.open(order),
    secured: () => users[n++ % USERS]!.secured(order),
    plain: () => overPlain.open(order),
    mutual: () => overMutual.open(order),
    stop: async () => {
      await Promise.all([peer.stop(), plain.stop(), mutual.stop()])
      child.disconnect()
    },
  }
}

async function perSecond(call: () => Promise<unknown>, calls: number, atOnce: number): Promise<number> {
  let left = calls
  const caller = async (): Promise<void> => {
    while (left-- > 0) await call()
  }
  const begun = performance.now()
  await Promise.all(Array.from({ length: atOnce }, caller))
  return (calls / (performance.now() - begun)) * 1_000
}
