import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request as ask, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { exportJWK, generateKeyPair, type CryptoKey, type JWK } from 'jose'
import { security } from 'dure/security'
import { sqliteSessions, type SessionStore } from 'dure/session'
import type { RecordAct } from 'dure/telemetry'
import { bodyOf, serving, started } from '../gateway.test-support.ts'
import { login } from '../gateway.ts'

/** As much of it as tests need: it has no types of its own. */
type Provider = {
  readonly callback: () => RequestListener
  readonly use: (step: (context: { readonly path: string }, next: () => Promise<void>) => Promise<void>) => void
  readonly Grant: new (of: object) => {
    readonly addOIDCScope: (scope: string) => void
    readonly addResourceScope: (resource: string, scope: string) => void
    readonly save: () => Promise<string>
  }
}
type ClientMetadata = Readonly<Record<string, unknown>>
const { default: OidcProvider } = (await import(import.meta.resolve('oidc-provider'))) as {
  readonly default: new (issuer: string, options: object) => Provider
}

/** Where browsers think they are. */
export const SHOP = 'https://shop.example'
export const CLIENT = { clientId: 'shop', clientSecret: 'a secret of the tests that is long enough' } as const
/** What its services say who they are. */
export const AUDIENCE = 'urn:shop'

type TestIssuer = {
  readonly url: string
  /** `down`: it answers 503. */
  mood: 'well' | 'down'
  /** What it signs with, as `tests`. */
  readonly key: CryptoKey
  /** Grants that were asked for at its token endpoint. */
  readonly grants: string[]
  /** Has it take clients: before that it is not there. */
  readonly begin: (client?: ClientMetadata, others?: readonly ClientMetadata[]) => Provider
}

/** oidc-provider on this machine, which believes whatever name somebody gives. */
async function testIssuer(t: TestContext): Promise<TestIssuer> {
  const { privateKey, publicKey: _ } = await generateKeyPair('ES256', { extractable: true })
  const jwk: JWK = { ...(await exportJWK(privateKey)), kid: 'tests', alg: 'ES256', use: 'sig' }
  let listener: RequestListener | undefined
  const server = createServer((request, response) => {
    if (issuer.mood === 'down' || listener === undefined) return void response.writeHead(503).end()
    listener(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const issuer: TestIssuer = {
    ...{ url, mood: 'well', grants: [], key: privateKey },
    begin: (client = {}, others = []) => {
      const provider = providerAt(url, { jwk, clients: [client, ...others] })
      provider.use(async (context, next) => {
        await next()
        const { params } = (context as { oidc?: { params?: { grant_type?: unknown } } }).oidc ?? {}
        if (context.path === '/token') issuer.grants.push(String(params?.grant_type))
      })
      listener = provider.callback()
      return provider
    },
  }
  return issuer
}

function providerAt(url: string, { jwk, clients }: { readonly jwk: JWK; readonly clients: readonly ClientMetadata[] }): Provider {
  const scope = 'openid offline_access orders'
  const shop = {
    ...{ client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret, redirect_uris: [`${SHOP}/auth/callback`] },
    ...{ grant_types: ['authorization_code', 'refresh_token'], post_logout_redirect_uris: [`${SHOP}/`] },
  }
  const made: Provider = new OidcProvider(url, {
    clients: clients.map((each) => ({ ...shop, id_token_signed_response_alg: 'ES256', ...each })),
    jwks: { keys: [jwk] },
    cookies: { keys: ['of the tests'] },
    scopes: ['openid', 'offline_access', 'orders'],
    findAccount: (_context: unknown, sub: string) => ({ accountId: sub, claims: () => ({ sub }) }),
    // Nobody is asked whether he agrees.
    loadExistingGrant: async ({ oidc }: { oidc: { client: { clientId: string }; session: { accountId: string } } }) => {
      const grant = new made.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId })
      grant.addOIDCScope(scope)
      grant.addResourceScope(AUDIENCE, scope)
      await grant.save()
      return grant
    },
    // By itself it tells nobody on this machine of a logout.
    fetch: (url: string, init: RequestInit & { dispatcher?: unknown }) =>
      fetch(url, { ...init, dispatcher: undefined } as RequestInit),
    issueRefreshToken: async () => true,
    ttl: { AccessToken: 300, IdToken: 300, RefreshToken: 3_600, Session: 3_600, Grant: 3_600, Interaction: 600 },
    features: {
      devInteractions: { enabled: true },
      backchannelLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope,
          audience: AUDIENCE,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: 'ES256' } },
        }),
        useGrantedResource: () => true,
      },
    },
  })
  return made
}

export type Seen = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly text: string; readonly url: string }
type Asking = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly form?: Readonly<Record<string, string>>
}

/** What a browser does of it: cookies, redirections, and the headers that say where a request comes from. */
export type Browser = {
  /** One request, as a person makes it who goes there. */
  readonly go: (url: string, asking?: Asking) => Promise<Seen>
  /** The same, wherever it leads; or up to where `until` begins. */
  readonly follow: (url: string, asking?: Asking & { readonly until?: string | undefined }) => Promise<Seen>
  /** A request of a script of the shop. */
  readonly script: (path: string, asking?: Asking) => Promise<Seen>
  /** Opens a page of the shop and logs in; where that leads. */
  readonly logIn: (path: string, name: string, until?: string) => Promise<Seen>
  /** By host: names and values. */
  readonly cookies: Map<string, Map<string, string>>
  /** All that was ever told to it. */
  readonly told: string[]
}

/** @param shop which gateway answers for the shop now */
function browser(shop: () => string): Browser {
  const cookies: Browser['cookies'] = new Map()
  const told: string[] = []

  const go: Browser['go'] = async (given, { method = 'GET', headers = {}, form } = {}) => {
    const url = new URL(given, SHOP)
    const at = url.origin === SHOP ? shop() : url.origin
    const jar = cookies.get(url.host) ?? new Map<string, string>()
    cookies.set(url.host, jar)
    const cookie = Array.from(jar, ([name, value]) => `${name}=${value}`).join('; ')
    const sent = {
      ...{ host: url.host, accept: 'text/html,*/*;q=0.8', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
      ...(cookie !== '' && { cookie }),
      ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
      ...headers,
    }
    const outgoing = ask(at + url.pathname + url.search, { method, headers: sent, agent: false })
    outgoing.end(form === undefined ? undefined : new URLSearchParams(form).toString())
    const [response] = (await once(outgoing, 'response')) as [Parameters<typeof bodyOf>[0]]
    const text = await bodyOf(response)
    for (const line of response.headers['set-cookie'] ?? []) {
      const [pair = ''] = line.split(';', 1)
      const name = pair.slice(0, pair.indexOf('='))
      const gone = /;\s*max-age=0\b/i.test(line) || /;\s*expires=Thu, 01 Jan 1970/i.test(line)
      if (gone) jar.delete(name)
      else jar.set(name, pair.slice(name.length + 1))
    }
    told.push(`${JSON.stringify(response.headers)}${text}`)
    return { status: response.statusCode!, headers: response.headers, text, url: url.href }
  }
  const follow: Browser['follow'] = async (url, asking) => {
    let seen = await go(url, asking)
    for (let i = 0; i < 20 && seen.headers.location !== undefined; i++) {
      if (asking?.until !== undefined && seen.headers.location.startsWith(asking.until)) break
      seen = await go(new URL(seen.headers.location, seen.url).href)
    }
    return seen
  }
  return {
    ...{ go, follow, cookies, told },
    script: (path, { headers = {}, ...asking } = {}) =>
      go(SHOP + path, {
        ...asking,
        headers: {
          ...{ accept: 'application/json', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' },
          ...headers,
        },
      }),
    logIn: async (path, name, until) => {
      const asked = await follow(new URL(path, SHOP).href, { until })
      const action = /<form[^>]* action="([^"]+)"/.exec(asked.text)?.[1]
      if (action === undefined) return asked
      return follow(new URL(action, asked.url).href, {
        ...{ method: 'POST', form: { prompt: 'login', login: name, password: 'any' }, until },
      })
    },
  }
}

/** An issuer, and gateways as in processes of their own before a service that verifies what it gets. */
export async function rig(
  t: TestContext,
  options: {
    readonly gateways?: number
    readonly store?: (directory: string) => SessionStore
    readonly clients?: readonly ClientMetadata[]
    readonly record?: RecordAct
  } = {},
) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-login-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const issuer = await testIssuer(t)
  const access = security({ issuers: [{ issuer: issuer.url }], audience: AUDIENCE })
  const heard: (string | undefined)[] = []
  const server = await serving(t, (request, response) => {
    const header = (name: string): string | undefined => request.headers[name] as string | undefined
    heard.push(header('cookie'))
    void access.authenticate({ header }).then(
      (principal) => response.end(`${principal?.subject ?? 'nobody'} at ${request.url}${header('x-forwarded-user') ?? ''}`),
      (error: Error) => response.writeHead(401).end(error.message),
    )
  })
  // A busy machine takes its time.
  const patient = { timeout: 120_000 }
  const gateways = await Promise.all(
    Array.from({ length: options.gateways ?? 1 }, () => {
      const made = {
        ...{ issuer: issuer.url, ...CLIENT, ...patient, url: SHOP, resource: AUDIENCE, scopes: ['orders'] },
        ...(options.record !== undefined && { record: options.record }),
        store: () => options.store?.(directory) ?? sqliteSessions({ directory }),
      }
      return started(t, {
        routes: {
          routes: {
            shop: { ...patient, prefix: '/', to: 'server', filters: [login(made)] },
            open: { ...patient, prefix: '/open', to: 'server', filters: [login({ ...made, optional: true })] },
          },
          upstreams: { server: { addresses: [server.address] } },
        },
      })
    }),
  )
  const backchannel = {
    backchannel_logout_uri: `${gateways[0]!.url}/auth/backchannel`,
    backchannel_logout_session_required: true,
  }
  issuer.begin(backchannel, options.clients)
  const shop = { at: 0 }
  const visit = () => browser(() => gateways[shop.at]!.url)
  /** The access token of a session has ended, and what else is to be so. */
  const age = async (token: string, change: Readonly<Record<string, unknown>>): Promise<void> => {
    const store = sqliteSessions({ directory })
    const id = createHash('sha256').update(token).digest('base64url')
    const { version, data } = (await store.read(id))!
    await store.update(id, { version, data: JSON.stringify({ ...JSON.parse(data), ends: 0, renewAt: 0, ...change }) })
    await store.stop()
  }
  return { issuer, gateways, heard, shop, visit, age }
}
