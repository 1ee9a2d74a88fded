import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose'
import { realRuntime, virtualRuntime, type VirtualRuntime } from '../runtime/runtime.ts'

export type Pair = { readonly kid: string; readonly alg: string; readonly secret: CryptoKey; readonly jwk: JWK }

export async function pair(kid: string, alg: string = 'ES256'): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, secret: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

/** An issuer on this machine: a real server, whose keys and moods tests change. */
export type TestIssuer = {
  readonly url: string
  readonly audience: string
  /** Keys that it shows. */
  keys: JWK[]
  /** `down`: it answers 503. `silent`: never. */
  mood: 'well' | 'down' | 'silent'
  /** Paths that were asked for. */
  readonly asked: string[]
  /** A token as it would give one out; `claims` and `header` go before what it says itself. */
  readonly token: (
    by: Pair,
    claims?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ) => Promise<string>
}

/** Seconds since the epoch at which tests begin, by the clock of `testRuntime`. */
export const NOW = 1_800_000_000

/** Virtual time, and the real network. */
export function testRuntime(): VirtualRuntime & { readonly fetch: NonNullable<VirtualRuntime['fetch']> } {
  return { ...virtualRuntime({ start: NOW * 1_000 }), fetch: realRuntime().fetch! }
}

export async function testIssuer(t: TestContext, ...first: readonly Pair[]): Promise<TestIssuer> {
  const asked: string[] = []
  const server: Server = createServer((request, response) => {
    asked.push(request.url!)
    if (issuer.mood === 'silent') return
    if (issuer.mood === 'down') return void response.writeHead(503).end()
    response.setHeader('content-type', 'application/json')
    if (request.url === '/.well-known/openid-configuration')
      return void response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` }))
    response.end(JSON.stringify({ keys: issuer.keys }))
  })
  // A machine that is slow must not lose its question to a connection that was idle.
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const issuer: TestIssuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    audience: 'shop',
    keys: first.map(({ jwk }) => jwk),
    mood: 'well',
    asked,
    token: ({ kid, alg, secret }, claims = {}, header = {}) =>
      new SignJWT({
        ...{ iss: issuer.url, aud: 'shop', sub: 'ana', client_id: 'app', scope: 'orders:read orders:write', roles: ['buyer'] },
        ...{ iat: NOW, exp: NOW + 300, ...claims },
      })
        .setProtectedHeader({ alg, kid, typ: 'at+jwt', ...header })
        .sign(secret),
  }
  return issuer
}
