import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import * as client from 'openid-client'
import type { AuthOptions, StartedAuth } from './auth.ts'
import { openAuth } from './open.ts'
import { checkOptions } from './options.ts'

export const PASSWORD = 'correct horse battery'
export const SECRET = 'a secret of a program, long enough'
export const CALLBACK = 'https://client.test/callback'

/** Real ones are hashed in `users.test.ts` and `door.test.ts`. */
const CHEAP = { memory: 64, passes: 1 }

/** Anything that tests clean up after: a test, or a program of proofs. */
export type After = Pick<TestContext, 'after'>

export function temporary(t: After): string {
  const folder = mkdtempSync(join(tmpdir(), 'dure-auth-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export const SHOP = {
  audience: 'shop',
  name: { en: 'Shop', ko: '가게' },
  scopes: { 'orders:read': { en: 'See your orders', ko: '주문 보기' }, 'orders:write': { en: 'Place orders', ko: '주문하기' } },
  clients: [
    {
      ...{ id: 'web', secret: SECRET, trusted: true, name: { en: 'Shop on the web', ko: '웹 가게' }, redirectUris: [CALLBACK] },
      scopes: ['orders:read', 'orders:write', 'profile', 'offline_access'],
      postLogoutRedirectUris: ['https://client.test/bye'],
    },
    { id: 'phone', name: 'Phone', redirectUris: [CALLBACK], scopes: ['orders:read', 'profile'] },
    { id: 'robot', secret: SECRET, clientCredentials: true, scopes: ['orders:read'], roles: ['packer'] },
  ],
} satisfies AuthOptions

/** As `startAuth` does, but for passwords that take a hundredth of the time. */
export async function started(
  t: After,
  options: Partial<AuthOptions> & { readonly directory?: string } = {},
): Promise<StartedAuth & { readonly directory: string }> {
  const directory = options.directory ?? temporary(t)
  const all = { ...SHOP, port: 0, ...options }
  checkOptions(all)
  const { assembled, door } = await openAuth(all, { directory, runtime: realRuntime(), log: silentLogger() }, CHEAP)
  t.after(() => door.close())
  const { issuer, users, clients, keys } = assembled
  return { url: door.url!, issuer, users, clients, keys, stop: () => door.close(), directory }
}

/** A client of another make: openid-client. */
export function configure(
  issuer: string,
  id: string = 'web',
  secret: string | undefined = SECRET,
): Promise<client.Configuration> {
  const auth = id === 'phone' ? client.None() : client.ClientSecretPost(secret)
  return client.discovery(new URL(issuer), id, undefined, auth, { execute: [client.allowInsecureRequests] })
}

export type Browser = {
  readonly cookies: Map<string, string>
  readonly go: (
    url: string,
    form?: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Response>
  /** Follows redirects for as long as they stay at this server. */
  readonly follow: (answer: Response) => Promise<Response>
}

/** Cookies and redirects, and nothing else of a browser: paths are not looked at, names are one of a server. */
export function browser(origin: string): Browser {
  const cookies = new Map<string, string>()
  const go: Browser['go'] = async (url, form, headers = {}) => {
    const answer = await fetch(new URL(url, origin), {
      ...(form !== undefined && { method: 'POST', body: new URLSearchParams(form) }),
      headers: { ...headers, accept: 'text/html', cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      redirect: 'manual',
    })
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
      if (value === '' || /expires=Thu, 01 Jan 1970/i.test(line)) cookies.delete(name!)
      else cookies.set(name!, value!)
    }
    return answer
  }
  const follow: Browser['follow'] = async (answer) => {
    let at = answer
    for (let steps = 0; steps < 10; steps++) {
      const where = at.headers.get('location')
      if (where === null || new URL(where, origin).origin !== origin) return at
      at = await go(where)
    }
    throw new Error('There are too many redirects')
  }
  return { cookies, go, follow }
}

export type Asked = { readonly url: URL; readonly verifier: string; readonly state: string }

/** Where a client sends people to log in. */
export async function asking(config: client.Configuration, parameters: Readonly<Record<string, string>> = {}): Promise<Asked> {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const url = client.buildAuthorizationUrl(config, {
    ...{ redirect_uri: CALLBACK, scope: 'openid profile orders:read', state, code_challenge_method: 'S256' },
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    ...parameters,
  })
  return { url, verifier, state }
}

/** Types a name and a password into the form that an answer is. */
export async function typing(at: Browser, page: Response, name: string, password: string = PASSWORD): Promise<Response> {
  return at.follow(await at.go(page.url, { name, password, act: 'login' }))
}

/** The whole way: to the login page, through it, back to the client, and to its tokens. */
export async function logIn(
  config: client.Configuration,
  options: { readonly name?: string; readonly parameters?: Readonly<Record<string, string>>; readonly at?: Browser } = {},
): Promise<{ readonly tokens: client.TokenEndpointResponse & client.TokenEndpointResponseHelpers; readonly at: Browser }> {
  const at = options.at ?? browser(config.serverMetadata().issuer)
  const asked = await asking(config, options.parameters)
  let answer = await at.follow(await at.go(asked.url.href))
  if (/type="password"/.test(await answer.clone().text())) answer = await typing(at, answer, options.name ?? 'ana')
  if (answer.headers.get('location') === null) answer = await at.follow(await at.go(answer.url, { act: 'allow' }))
  const back = answer.headers.get('location')
  if (back === null) throw new Error(`Nobody was sent back: ${answer.status} ${await answer.text()}`)
  return { at, tokens: await exchange(config, asked, back) }
}

export function exchange(
  config: client.Configuration,
  { verifier, state }: Asked,
  back: string,
): Promise<client.TokenEndpointResponse & client.TokenEndpointResponseHelpers> {
  return client.authorizationCodeGrant(config, new URL(back), { pkceCodeVerifier: verifier, expectedState: state })
}

/** What a token says, unverified. */
export function saidBy(token: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString('utf8')) as Readonly<Record<string, unknown>>
}
