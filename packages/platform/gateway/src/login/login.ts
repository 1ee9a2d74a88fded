/** Login at the gateway: browsers have a session, services get tokens. */
import { sessionCookie } from 'dure/session'
import type { Answer } from '../proxy/proxy.ts'
import { filter, type Filter, type FilterWorld, type GatewayRequest } from '../filter.ts'
import { notNow, refused } from './answers.ts'
import type { createIssuer, Issuer } from './issuer.ts'
import { createLogins, type Login } from './logins.ts'
import { OWN, settle, type LoginOptions, type Settled } from './options.ts'
import { isNavigation, isSameOrigin, isUnsafe } from './origin.ts'
import { createOwnPaths } from './own-paths.ts'
import { createRenewal } from './renewal.ts'
import { createTransactions } from './transactions.ts'

export type { LoginOptions } from './options.ts'

/**
 * Has users log in at an issuer of OpenID Connect (Keycloak, `@dure/auth`, others). A browser gets a cookie that means nothing elsewhere;
 * tokens are in the store of sessions, and services get the access token as `Authorization: Bearer`, which they verify as any other.
 * Who has no session is sent to log in when a person looks, and refused with 401 when a script asks.
 *
 * Its own paths (`/auth/login`, `/auth/callback`, `/auth/logout`, `/auth/backchannel`) need no route.
 * @throws {TypeError} when something of its options cannot be used
 *
 * @example
 * ```ts
 * import { gateway, login } from '@dure/gateway'
 * import { sqliteSessions } from 'dure/session'
 *
 * const shop = login({
 *   issuer: 'https://login.example',
 *   clientId: 'shop',
 *   clientSecret: process.env['SHOP_SECRET'] ?? 'for a look only',
 *   url: 'https://shop.example',
 *   store: () => sqliteSessions({ directory: 'data' }),
 * })
 * const door = gateway({ routes: { filters: [shop], routes: { all: { prefix: '/', to: 'web' } } } })
 * console.log(door.name, shop.paths?.[1]) // → gateway /auth/callback
 * ```
 */
export function login(given: LoginOptions): Filter {
  const options = settle(given)
  return {
    ...filter('login', (world) => open(options, world)),
    paths: OWN.map((each) => options.path + each),
  }
}

/** Who somebody is, is said by the token alone: what else is used to say so among servers is not believed, and not passed on. */
const IDENTITY = [
  ...['authorization', 'x-forwarded-user', 'x-forwarded-email', 'x-forwarded-groups', 'x-forwarded-preferred-username'],
  ...['x-forwarded-access-token', 'x-auth-request-user', 'x-auth-request-email', 'x-auth-request-groups', 'x-remote-user'],
  ...['remote-user', 'x-user', 'x-user-id', 'x-authenticated-user'],
]

function open(options: Settled, { runtime, log }: FilterWorld): ReturnType<Filter['open']> {
  const { origin, path, secure, clientId, clientSecret, store: given } = options
  const [store, isOurs] = typeof given === 'function' ? [given(), true] : [given, false]
  const issuer = issuerOf(options, runtime, log)
  const logins = createLogins({ ...options, store, runtime })
  const renewed = createRenewal({ logins, issuer, timeout: options.timeout, runtime })
  const transactions = createTransactions({ clientId, clientSecret, issuer: options.issuer, secure, runtime })
  const cookie = sessionCookie({ secure })
  const own = ownCookies([cookie.write('').split('=', 1)[0]!, ...transactions.names])
  const { begin, serve } = createOwnPaths({ options, issuer, logins, transactions, cookie, runtime, log })

  const nobody = (request: GatewayRequest): Answer | undefined | Promise<Answer> => {
    if (options.optional === true) return undefined
    if (request.method === 'GET' && isNavigation(request)) return begin(request)
    return refused(401, 'UNAUTHENTICATED', `Nobody is logged in; have the browser go to ${path}/login`, {
      'www-authenticate': 'Bearer',
    })
  }
  const letIn = (request: GatewayRequest, found: Login): void => {
    request.setHeader('authorization', `Bearer ${found.data.access}`)
    request.setConsumer({ name: logins.subjectOf(found) })
  }
  const pass = async (request: GatewayRequest, token: string): Promise<Answer | undefined> => {
    const found = await logins.read(token)
    if (found === undefined) return nobody(request)
    const result = await renewed(found)
    if (result.is === 'live') {
      letIn(request, result.login)
      return undefined
    }
    return result.is === 'ended' ? nobody(request) : notNow()
  }

  const before = (request: GatewayRequest): Answer | undefined | Promise<Answer | undefined> => {
    const answer = serve(request)
    if (answer !== undefined) return answer
    for (const name of IDENTITY) if (request.header(name) !== undefined) request.removeHeader(name)
    const cookies = request.header('cookie')
    if (cookies === undefined) return nobody(request)
    passCookies(request, cookies, own)
    const token = cookie.read(cookies)
    if (token === undefined) return nobody(request)
    if (isUnsafe(request) && !isSameOrigin(request, origin))
      return refused(
        403,
        'PERMISSION_DENIED',
        'It did not come from a page of this site, as "Sec-Fetch-Site" or "Origin" would say',
      )
    return pass(request, token)
  }

  return {
    before: (request) => {
      const answer = before(request)
      return answer instanceof Promise ? answer.catch((error: unknown) => unavailable(error)) : answer
    },
    ...(isOurs && { stop: () => store.stop() }),
  }
}

/** The client of OpenID Connect is loaded by those who log people in: other gateways start without it, and hold less memory. */
function issuerOf(...of: Parameters<typeof createIssuer>): Issuer {
  const made = import('./issuer.ts').then((issuer) => issuer.createIssuer(...of))
  return {
    begin: async (transaction) => (await made).begin(transaction),
    finish: async (callback, transaction) => (await made).finish(callback, transaction),
    refresh: async (before) => (await made).refresh(before),
    end: async (id) => (await made).end(id),
    ended: async (token) => (await made).ended(token),
  }
}

/** The store does not answer: nobody is let in, and nobody is out. */
function unavailable(error: unknown): Answer {
  const { code } = error as { readonly code?: unknown }
  if (code !== 'UNAVAILABLE' && code !== 'DEADLINE_EXCEEDED' && code !== 'RESOURCE_EXHAUSTED') throw error
  return notNow()
}

type OwnCookies = { readonly names: ReadonlySet<string>; readonly anywhere: RegExp }

const ownCookies = (names: readonly string[]): OwnCookies => ({
  names: new Set(names),
  anywhere: new RegExp(`(?:^|[\\s,;"])(?:${names.join('|')})\\s*=`),
})

/** The gateway's own cookies are nobody else's: a service that knew one could act as its owner. */
function passCookies(request: GatewayRequest, cookies: string, { names, anywhere }: OwnCookies): void {
  if (!anywhere.test(cookies)) return
  const pairs = cookies.split(';').map((pair) => pair.trim())
  const text = pairs.filter((pair) => !names.has(pair.split('=', 1)[0]!.trim())).join('; ')
  // One that hides in the value of another: only who sends it himself has that.
  if (text === '' || anywhere.test(text)) request.removeHeader('cookie')
  else request.setHeader('cookie', text)
}
